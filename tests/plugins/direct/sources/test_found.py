"""Sources that are no checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout import SourceRequest
from turnout.errors import ConfigurationError
from turnout.files.fingerprint import fingerprint
from turnout_direct.sources.found import find_sources


@pytest.mark.parametrize("text", ["net.onnx", "net.pt", "./net", "net.onnx/", "a b", "a/b/c", "x:y:z"])
def test_what_is_no_checkpoint_name_or_function_is_for_others(tmp_path: Path, text: str) -> None:
    assert find_sources(SourceRequest(text, tmp_path)) == ()


def test_a_folder_without_a_config_is_for_others(tmp_path: Path) -> None:
    (tmp_path / "repository").mkdir()

    assert find_sources(SourceRequest("repository", tmp_path, "repository")) == ()


@pytest.mark.parametrize("suffix", [".pt", ".pt2"])
def test_a_saved_graph_opens_only_for_a_user_who_vouches_for_it(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"net{suffix}"
    file.write_bytes(b"code")

    with pytest.raises(ConfigurationError, match=f"give the option sha256={fingerprint(file)}"):
        find_sources(SourceRequest(str(file), tmp_path, file.name))
    [trusted] = find_sources(SourceRequest(str(file), tmp_path, file.name, {"trust": True}))

    assert (trusted.name, trusted.options["path"], trusted.options["trust"]) == ("net", file.name, True)


def test_a_function_is_a_factory(tmp_path: Path) -> None:
    [model] = find_sources(SourceRequest("my.nets:make_net", tmp_path))

    assert (model.name, model.options) == ("make_net", {"loader": "factory", "factory": "my.nets:make_net"})


@pytest.mark.parametrize("name", ["nowhere", "someone/something"])
def test_a_name_that_the_offline_hub_does_not_have_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(ConfigurationError, match=f"'{name}' is no file or folder here") as caught:
        find_sources(SourceRequest(name, tmp_path, options={"local_files_only": True}))

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_name_in_the_cache_of_the_hub_is_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--someone--something" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    (snapshot / "config.json").write_text('{"architectures": ["ViTForImageClassification"], "image_size": 32}')

    [model] = find_sources(SourceRequest("someone/something", tmp_path, options={"local_files_only": True}))

    assert (model.name, model.options["checkpoint"]) == ("something", "someone/something")
