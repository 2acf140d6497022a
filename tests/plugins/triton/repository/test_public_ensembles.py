"""Public ensembles: taken over by ``init``, they pass ``check``, keep their wiring, and answer by their own tensors."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.plugins.triton.repository.public_ensembles import ENSEMBLES, write

from turnout import CheckRequest, ConfigurationRequest
from turnout.commands.init.repository_models import repository_settings
from turnout.plugins.discovery import Plugins
from turnout.repository.publishing import publish_configuration
from turnout.settings import LoadedSettings, load_settings
from turnout.tensors import dtype_of
from turnout_triton.repository.check import check
from turnout_triton.repository.config_file import read_config
from turnout_triton.repository.configure import configure

OTHER_BACKENDS = {"inception"}
"""Ensembles with models that only NVIDIA's container serves."""


def init(folder: Path, repository: Path, url: str = "127.0.0.1:1") -> LoadedSettings:
    """Take over the models of ``repository`` as ``turnout init --from-repository`` does."""
    plugins = Plugins([EntryPoint("triton", "turnout_triton.plugin", "turnout")])
    folder.mkdir(exist_ok=True)
    (folder / "turnout.yaml").write_text(repository_settings(plugins, repository, folder).text)
    return load_settings(folder / "turnout.yaml", registry=plugins, environment={"TRITON_URL": url})


def failures(loaded: LoadedSettings, name: str, *, deep: bool = False) -> list[str]:
    model = loaded.settings.models[name]
    declaration, options = model.declaration(name, loaded.folder), loaded.backend_options[name, "triton"]
    found = check(CheckRequest(declaration, options, serves=True, deep=deep))
    return [one.text for one in found if not one.ok]


@pytest.mark.parametrize("name", ENSEMBLES)
def test_a_public_ensemble_passes_the_check_after_init(tmp_path: Path, name: str) -> None:
    write(tmp_path / "repository", ENSEMBLES[name])

    loaded = init(tmp_path / "app", tmp_path / "repository")

    assert set(loaded.settings.models) == set(ENSEMBLES[name])
    assert {model: found for model in ENSEMBLES[name] if (found := failures(loaded, model))} == {}


@pytest.mark.parametrize("name", ENSEMBLES)
def test_its_wiring_survives_a_forced_config(tmp_path: Path, name: str) -> None:
    write(tmp_path / "repository", ENSEMBLES[name])
    folder = tmp_path / "repository" / name
    before = read_config(folder / "config.pbtxt").config
    loaded = init(tmp_path / "app", tmp_path / "repository")
    declaration, options = loaded.settings.models[name].declaration(name, loaded.folder), loaded.backend_options[name, "triton"]

    for overwrite in (True, False):
        request = ConfigurationRequest(declaration, options, folder, overwrite=overwrite)
        publish_configuration(folder, lambda request=request: configure(request))

    after = read_config(folder / "config.pbtxt")
    assert after.generated
    assert after.config.ensemble_scheduling == before.ensemble_scheduling
    assert (list(after.config.input), list(after.config.output)) == (list(before.input), list(before.output))
    assert failures(loaded, name) == []


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Yield the settings of all ensembles that a real server serves here."""
    from turnout_triton.server import LocalServer, ServerOptions

    folder = tmp_path_factory.mktemp("public")
    for name, models in ENSEMBLES.items():
        if name not in OTHER_BACKENDS:
            write(folder / "repository", models)
    with LocalServer(folder / "repository", ServerOptions(trust=True, grace_seconds=0)) as server:
        yield init(folder / "app", folder / "repository", server.grpc_url)


def test_a_real_server_runs_what_every_config_asks_for(everywhere: LoadedSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout_triton.repository.server_config.TIMEOUT_SECONDS", 20.0)

    found = {name: failures(everywhere, name, deep=True) for name in everywhere.settings.models}

    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize("name", sorted(set(ENSEMBLES) - OTHER_BACKENDS))
def test_it_answers_by_its_own_tensors(everywhere: LoadedSettings, name: str) -> None:
    from turnout import InferenceRequest
    from turnout_triton.opening import open_model

    declaration = everywhere.settings.models[name].declaration(name, everywhere.folder)
    model = open_model(declaration, everywhere.backend_options[name, "triton"])
    try:
        specs = [spec for spec in model.signature().inputs if not spec.optional]
        arrays = {spec.name: _filled(spec.datatype, [size if size > 0 else 1 for size in spec.shape or ()]) for spec in specs}

        answer = model.infer(InferenceRequest(arrays))

        assert set(answer) == set(ENSEMBLES[name][name].outputs)
    finally:
        model.close()


def _filled(datatype: str, shape: list[int]) -> Any:
    return np.full(shape, b"" if datatype == "BYTES" else 0, dtype_of(datatype))
