"""The options of ``triton.model_config`` in turnout.yaml, with the place of an error."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from turnout.errors import SettingsError
from turnout.plugins.discovery import Plugins
from turnout.settings import load_settings
from turnout_triton.options import TritonOptions

HEAD = "models:\n  m:\n    backend: triton\n    backends:\n      triton:\n        url: localhost:8001\n        model_config: "


def load(folder: Path, yaml: str) -> TritonOptions:
    file = folder / "turnout.yaml"
    file.write_text(f"{HEAD}{yaml}\n")
    options = load_settings(file, registry=Plugins([EntryPoint("triton", "turnout_triton.plugin", "turnout")])).backend_options
    found = options["m", "triton"]
    assert isinstance(found, TritonOptions)
    return found


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("{instance_groups: []}", "unknown key. Did you mean 'instance_group'?"),
        ("{instance_group: [{kind: KIND_TPU}]}", "must be 'KIND_AUTO', 'KIND_GPU', 'KIND_CPU' or 'KIND_MODEL', got 'KIND_TPU'"),
        ("{instance_group: [{count: 0}]}", "instance_group[0].count: must be 1 or more"),
        ("{version_policy: {latest: {}, all: {}}}", "set exactly one of 'latest', 'all' and 'specific'"),
        ("{version_policy: {specific: {versions: []}}}", "version_policy.specific.versions: "),
        ("{optimization: {graph: {level: 5}}}", "optimization.graph.level: must be 2 or less"),
        ("{model_warmup: [{count: 1}]}", "set exactly one of 'recorded', a folder of .npz files, and 'data'"),
        ("{model_warmup: [{recorded: folder, shapes: {x: [1]}}]}", "'shapes' is for generated tensors"),
        ("{parameters: {a: [1]}}", "parameters.a: must be text"),
        ("{instance_group: [{count: true}]}", "instance_group[0].count: must be"),
        ("{instance_group: [{gpus: [false]}]}", "instance_group[0].gpus[0]: must be"),
        ("{model_warmup: [{data: zero, batch_size: 2.0}]}", "model_warmup[0].batch_size: must be"),
        ("{model_warmup: [{data: zero, shapes: {x: [true]}}]}", "shapes.x[0]: must be"),
    ],
)
def test_a_wrong_option_is_named_with_line_and_reason(tmp_path: Path, yaml: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, yaml)

    assert message in str(caught.value)
    assert "turnout.yaml:7:" in str(caught.value)


def test_parameters_are_converted_to_text(tmp_path: Path) -> None:
    options = load(tmp_path, "{parameters: {a: 1, b: true, c: 0.5, d: text}}")

    assert options.configuration.parameters == {"a": "1", "b": "true", "c": "0.5", "d": "text"}
