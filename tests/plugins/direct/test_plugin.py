from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

import turnout
from turnout.commands.check import check_app
from turnout.commands.init.starter import starter_settings
from turnout.errors import ModelLoadError
from turnout.plugins.discovery import find_plugins
from turnout.settings import load_settings
from turnout_direct import plugin
from turnout_direct.options import DirectOptions

LOOK = """
import sys
from turnout_direct import plugin
list(plugin.turnout_backends()), list(plugin.turnout_exporters())
print(sorted({"torch", "transformers", "onnx", "numpy.linalg"} & set(sys.modules) - {"numpy.linalg"}))
"""


def test_turnout_backends_yields_direct() -> None:
    (backend,) = plugin.turnout_backends()

    assert (backend.name, backend.options, backend.batches) == ("direct", DirectOptions, False)
    assert backend.device_tensors


def test_the_starter_is_a_turnout_yaml_that_loads(tmp_path: Path) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_text(starter_settings(find_plugins()).text, "utf-8")

    loaded = load_settings(file, registry=find_plugins(), environment={})

    assert {name: model.backend for name, model in loaded.models.items()} == {"blip_caption": "direct", "birefnet": "direct"}


def test_turnout_exporters_yields_onnx_and_torchscript() -> None:
    declared = [(exporter.format, exporter.backend, exporter.filename) for exporter in plugin.turnout_exporters()]

    assert declared == [("onnx", "direct", "model.onnx"), ("torchscript", "direct", "model.pt")]


def test_the_distribution_names_the_plugin() -> None:
    (entry,) = entry_points(group="turnout", name="direct")

    assert entry.load() is plugin


def test_declaring_loads_no_runtime() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_placeholder_of_the_starter_fails_the_check_and_is_never_asked_on_the_hub(tmp_path: Path) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_text(starter_settings(find_plugins()).text, "utf-8")

    found = [one for one in check_app(file) if not one.ok]
    with turnout.open(file) as app, pytest.raises(ModelLoadError, match=r"'revision' .* is a placeholder; write the 40"):
        app.model("birefnet").infer({"pixel_values": np.zeros((1, 3, 8, 8), np.float32)})

    line = next(number for number, text in enumerate(file.read_text().splitlines(), 1) if "revision:" in text)
    assert found[0].name == f"{file}:{line}"
    assert "models.birefnet.backends.direct.revision is the placeholder" in found[0].text
    file.write_text(file.read_text().replace("0" * 40, "5" * 40))
    assert [one for one in check_app(file) if not one.ok] == []
