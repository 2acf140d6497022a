"""Ensembles: declarations that their models contradict are refused, and wiring of their own is never lost."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from tests.plugins.triton.repository.conftest import save_shift

from turnout import DynamicBatching
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_triton.repository.config_file import read_config

SAME = (True, "the same in turnout.yaml and config.pbtxt")
OWN = """platform: "ensemble"
max_batch_size: 8
input [{ name: "GIVEN" data_type: TYPE_FP32 dims: [3] }]
output [{ name: "RESULT" data_type: TYPE_FP32 dims: [3] }]
ensemble_scheduling { step [
  { model_name: "scale" model_version: -1 input_map { key: "x" value: "GIVEN" } output_map { key: "y" value: "between" } },
  { model_name: "shift" model_version: -1 input_map { key: "y" value: "between" } output_map { key: "z" value: "RESULT" } } ] }
"""


@pytest.fixture
def chained(project: Any) -> Any:
    """Return a project with the models of a chain, and an empty folder for their ensemble ``both``."""
    save_shift(project.repository / "shift")
    for name in ("scale", "shift"):
        project.configure(project.model(name))
    (project.repository / "both" / "1").mkdir(parents=True)
    return project


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"inputs": (TensorSpec("picture", "UINT8", (-1, 5)),)},
            r"declares input 'picture', the ensemble of scale, shift has: x",
        ),
        ({"outputs": (TensorSpec("mask", "FP32", (-1, 7)),)}, r"declares output 'mask', the ensemble of scale, shift has: z"),
        ({"inputs": (TensorSpec("x", "FP16", (-1, 3)),)}, r"declares input 'x' as FP16 \[-1, 3\], the ensemble .* has FP32"),
        ({"outputs": (TensorSpec("z", "FP32", (-1, 4)),)}, r"declares output 'z' as FP32 \[-1, 4\], the ensemble .* has FP32"),
    ],
)
def test_declarations_that_the_models_do_not_give_are_refused(chained: Any, settings: dict[str, Any], message: str) -> None:
    model, options = chained.model("both", **settings), chained.options(ensemble=["scale", "shift"])

    with pytest.raises(ExportError, match=message):
        chained.configure(model, options)
    [(ok, text)] = chained.check(model, options)
    chained.configure(chained.model("both"), options)

    assert not ok
    assert "correct the declaration" in text
    assert chained.check(chained.model("both"), options) == [SAME]


@pytest.mark.parametrize("options", [{}, {"ensemble": ["scale", "shift"]}])
def test_wiring_of_its_own_is_the_same_and_stays(chained: Any, options: dict[str, Any]) -> None:
    chained.config_file("both").write_text(OWN)
    given = chained.model("both", inputs=(TensorSpec("GIVEN", "FP32", (-1, 3)),))
    assert chained.check(given, chained.options(**options)) == [SAME]

    chained.configure(given, chained.options(**options), overwrite=True)
    chained.configure(chained.model("both", max_batch_size=4), chained.options(**options))

    config = read_config(chained.config_file("both")).config
    assert [dict(step.input_map) for step in config.ensemble_scheduling.step] == [{"x": "GIVEN"}, {"y": "between"}]
    assert ([one.name for one in config.input], [one.name for one in config.output]) == (["GIVEN"], ["RESULT"])
    assert config.max_batch_size == 4
    assert not config.instance_group


def test_other_models_than_those_of_the_wiring_are_refused_with_both(chained: Any) -> None:
    chained.config_file("both").write_text(OWN)
    options = chained.options(ensemble=["shift", "scale"])

    with pytest.raises(ExportError, match=r"chains shift, scale, and config.pbtxt has wiring of its own for scale, shift"):
        chained.configure(chained.model("both"), options, overwrite=True)

    assert chained.config_file("both").read_text() == OWN


def test_declarations_that_the_wiring_does_not_give_are_refused(chained: Any) -> None:
    chained.config_file("both").write_text(OWN)
    other = chained.model("both", inputs=(TensorSpec("x", "FP32", (-1, 3)),))

    with pytest.raises(ExportError, match=r"declares input 'x', the ensemble in config.pbtxt has: GIVEN"):
        chained.configure(other, chained.options(), overwrite=True)


def test_settings_of_models_that_run_are_refused_for_it(chained: Any) -> None:
    chained.config_file("both").write_text(OWN)

    with pytest.raises(
        ExportError, match="is an ensemble, which runs no model of its own, so Triton accepts no dynamic_batching"
    ):
        chained.configure(chained.model("both", dynamic_batching=DynamicBatching()), chained.options(), overwrite=True)


def test_a_hand_written_copy_of_the_generated_wiring_follows_its_models(chained: Any) -> None:
    options = chained.options(ensemble=["scale", "shift"])
    chained.configure(chained.model("both"), options)
    chained.config_file("both").write_text(chained.config_file("both").read_text() + "# edited\n")

    chained.configure(chained.model("both"), options, overwrite=True)

    assert "ensemble_scheduling" not in read_config(chained.config_file("both")).kept


def test_a_model_with_a_file_is_no_ensemble(chained: Any) -> None:
    chained.config_file("scale").write_text(OWN)

    with pytest.raises(ExportError, match=r"is an ensemble with wiring of its own, and the newest version has model.onnx"):
        chained.configure(chained.model(), chained.options(), overwrite=True)


def test_a_client_without_the_repository_compares_an_ensemble_with_its_server(served: Any, project: Any) -> None:
    shutil.rmtree(project.repository)
    url = served[1].grpc_url

    for options in ({}, {"ensemble": ["scale", "shift"]}):
        found = project.check(project.model("both"), project.options(url=url, **options), deep=True)

        assert found[-1] == (True, f"the same in turnout.yaml and server {url} (version 1)"), found
