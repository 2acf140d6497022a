"""Names that are imported at their first use: an error of an import is not taken for a missing name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DOORS = [
    "import turnout; turnout.Turnout",
    "from turnout import open",
    "from turnout import metrics",
    "from turnout.settings import LoadedSettings",
    "import turnout; turnout.open({'models': {}})",
]


def _last_line(program: str, folder: Path) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {program}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return (ended.stderr.splitlines() or [""])[-1]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        ("import os\nos.no_such_function", "AttributeError: module 'os' has no attribute 'no_such_function'"),
        ("raise ImportError('no libfoo.so')", "ImportError: no libfoo.so"),
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
    ],
    ids=["attribute", "import", "module"],
)
def test_an_error_inside_an_imported_module_is_shown(door: str, broken: str, cause: str, tmp_path: Path) -> None:
    for package in ("pydantic", "prometheus_client"):
        (tmp_path / f"{package}.py").write_text(broken)

    assert cause in _last_line(door, tmp_path)


def test_the_place_of_the_error_is_named(tmp_path: Path) -> None:
    (tmp_path / "pydantic.py").write_text("import os\nos.no_such_function")

    assert _last_line("from turnout.settings import Settings", tmp_path).endswith(f", in {tmp_path / 'pydantic.py'}:2")


def test_a_name_that_does_not_exist_is_still_a_missing_name(tmp_path: Path) -> None:
    assert _last_line("from turnout import nothing", tmp_path).startswith("ImportError: cannot import name 'nothing'")
    assert (
        _last_line("import turnout; turnout.nothing", tmp_path) == "AttributeError: module 'turnout' has no attribute 'nothing'"
    )


SYSTEMS = {
    "no fork": "del os.fork, os.register_at_fork",
    "fork without hooks": "del os.register_at_fork",
    "no flock": "sys.modules['fcntl'] = None",
}


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_an_app_opens_on_a_system_that_lacks_something(system: str, tmp_path: Path) -> None:
    program = f"import os\n{system}\nimport turnout\nturnout.open({{'models': {{}}}}).close()\nassert hasattr(os, 'getpid')"

    assert _last_line(f"exec({program!r})", tmp_path) == ""
