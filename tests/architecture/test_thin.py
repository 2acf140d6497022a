"""The core is thin: neither its import nor the hooks of every plugin import a runtime."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "torch",
    "transformers",
    "tritonclient",
    "grpc",
    "onnxruntime",
    "onnx",
    "PIL",
    "tokenizers",
    "opentelemetry",
    "pynvml",
    "cv2",
    "pyclipper",
)
SLOW = (*HEAVY, "pydantic", "ruamel", "numpy", "rich", "prometheus_client", "asyncio")

IMPORT_EVERYTHING = """
import turnout

for name in turnout.__all__:
    getattr(turnout, name)

from turnout.plugins import hookspecs
from turnout.plugins.discovery import find_plugins

plugins = find_plugins()
hooks = [name for name in vars(hookspecs) if name.startswith("turnout_")]
assert hooks
for hook in hooks:
    plugins.declarations_of(hook)
"""

HELP = """
from turnout.cli import main

try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0
"""


def find_imported(code: str, names: tuple[str, ...], *paths: Path) -> list[str]:
    """Return those of the packages ``names`` that a fresh Python has imported after ``code``."""
    report = f"\nimport sys\nprint('IMPORTED', *[name for name in {names!r} if name in sys.modules])"
    add = "".join(f"import sys; sys.path.insert(0, {str(path)!r})\n" for path in paths)
    done = subprocess.run([sys.executable, "-c", f"{add}{code}{report}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


def _available(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _plant(folder: Path, heavy: str) -> None:
    info = folder / "turnout_sabotage-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: turnout-sabotage\nVersion: 1\n", "utf-8")
    (info / "entry_points.txt").write_text("[turnout]\nsabotage = turnout_sabotage\n", "utf-8")
    hook = "@hookimpl\ndef turnout_backends():\n    return ()\n"
    (folder / "turnout_sabotage.py").write_text(f"import {heavy}\nfrom turnout import hookimpl\n\n{hook}", "utf-8")


def test_importing_turnout_and_calling_every_hook_imports_no_runtime() -> None:
    assert find_imported(IMPORT_EVERYTHING, HEAVY) == []


def test_the_help_imports_neither_a_runtime_nor_a_slow_package() -> None:
    assert find_imported(HELP, SLOW) == []


def test_the_slow_packages_of_the_core_are_in_the_list() -> None:
    assert {"numpy", "pydantic"} <= set(find_imported(IMPORT_EVERYTHING, SLOW))


@pytest.mark.parametrize("code", [IMPORT_EVERYTHING, HELP], ids=["everything", "help"])
def test_a_plugin_that_imports_a_runtime_at_its_top_is_caught(tmp_path: Path, code: str) -> None:
    heavy = next((name for name in ("onnxruntime", "PIL", "torch") if _available(name)), None)
    if heavy is None:
        heavy = "onnx"
        (tmp_path / "onnx.py").write_text('"""A runtime, where none is installed."""\n', "utf-8")
    _plant(tmp_path, heavy)

    assert heavy in find_imported(code, HEAVY, tmp_path)
