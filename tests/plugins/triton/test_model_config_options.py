"""Triton's own settings in turnout.yaml, and the place of a mistake."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from turnout.errors import SettingsError
from turnout.plugins.discovery import Plugins
from turnout.settings import load_settings
from turnout_triton.options import TritonOptions

HEAD = "models:\n  m:\n    backend: triton\n    backends:\n      triton:\n        url: localhost:8001\n        model_config: "


def load(folder: Path, words: str) -> TritonOptions:
    file = folder / "turnout.yaml"
    file.write_text(f"{HEAD}{words}\n")
    options = load_settings(file, registry=Plugins([EntryPoint("triton", "turnout_triton.plugin", "turnout")])).backend_options
    found = options["m", "triton"]
    assert isinstance(found, TritonOptions)
    return found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{instance_groups: []}", "unknown key. Did you mean 'instance_group'?"),
        ("{instance_group: [{kind: KIND_TPU}]}", "must be 'KIND_AUTO', 'KIND_GPU', 'KIND_CPU' or 'KIND_MODEL', got 'KIND_TPU'"),
        ("{instance_group: [{count: 0}]}", "instance_group[0].count: must be 1 or more"),
        ("{version_policy: {latest: {}, all: {}}}", "say one of 'latest', 'all' and 'specific'"),
        ("{version_policy: {specific: {versions: []}}}", "version_policy.specific.versions: "),
        ("{optimization: {graph: {level: 5}}}", "optimization.graph.level: must be 2 or less"),
        ("{model_warmup: [{count: 1}]}", "say one of 'recorded', a folder of .npz files, and 'data'"),
        ("{model_warmup: [{recorded: folder, shapes: {x: [1]}}]}", "'shapes' is for made tensors"),
        ("{parameters: {a: [1]}}", "parameters.a: must be text"),
    ],
)
def test_a_wrong_key_or_value_is_reported_with_line_and_reason(tmp_path: Path, words: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, words)

    assert said in str(caught.value)
    assert "turnout.yaml:7:" in str(caught.value)


def test_parameters_are_text_whatever_yaml_makes_of_them(tmp_path: Path) -> None:
    options = load(tmp_path, "{parameters: {a: 1, b: true, c: 0.5, d: text}}")

    assert options.configuration.parameters == {"a": "1", "b": "true", "c": "0.5", "d": "text"}
