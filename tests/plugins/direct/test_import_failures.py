"""A package that is installed and does not fit is named, with its version; it is not called missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from turnout_direct.import_failures import describe_import_failure

MISFIT = "import torch\ntorch.library.register_fake('torchvision::nms')(lambda *a: None)\n"
PROGRAM = """
import turnout

options = {"loader": "transformers", "class": "SegformerForSemanticSegmentation", "checkpoint": "checkpoint"}
with turnout.open({"models": {"m": {"backend": "direct", "backends": {"direct": options}}}}) as app:
    try:
        app.model("m").infer({"pixel_values": __import__("numpy").zeros((1, 3, 32, 32), "float32")})
    except turnout.errors.MissingDependencyError as error:
        print(error)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that installs a package with an ``__init__.py``, version 0.19.0."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(name: str, code: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code)
        info = tmp_path / f"{name}-0.19.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.19.0\n")
        (info / "top_level.txt").write_text(name)

    return run


def failure_of(code: str) -> str | None:
    try:
        exec(code, {})
    except Exception as error:  # noqa: BLE001  any error of an import
        return describe_import_failure(error)
    raise AssertionError(f"{code!r} does not fail")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            MISFIT.replace("torchvision", "misfit_vision"),
            "RuntimeError: operator misfit_vision::nms does not exist; install a version",
        ),
        (
            "raise OSError('_C.so: undefined symbol: _ZN3c10')",
            "OSError: _C.so: undefined symbol: _ZN3c10; install a version of",
        ),
        ("from numpy import nothing_there", "ImportError: cannot import name 'nothing_there' from 'numpy'"),
    ],
)
def test_an_installed_package_whose_import_fails_is_named_with_its_version(code, words, install) -> None:
    install("misfit_vision", code)

    text = failure_of("import misfit_vision")

    assert text.startswith("the package 'misfit_vision' 0.19.0 is installed, but its import fails: ")
    assert words in text
    assert "that fits torch 2" in text


def test_an_installed_package_without_a_module_is_named(install) -> None:
    install("small", "")

    assert failure_of("import small.contrib") == (
        "the package 'small' 0.19.0 is installed, but has no module 'small.contrib': install a version that has it"
    )


def test_a_missing_package_is_found_below_others(install) -> None:
    install(
        "needs_another",
        "try:\n    import not_here\nexcept ImportError as error:\n    raise RuntimeError('requirements') from error",
    )

    assert failure_of("import needs_another") == "the package 'not_here' is not installed; install it in this environment"


def test_a_name_that_another_version_has_is_no_missing_package() -> None:
    assert "'numpy' 2" in failure_of("from numpy import nothing_there")


@pytest.mark.parametrize(
    "code", ["raise ValueError('no')", "raise OSError('folder x does not exist')", "raise RuntimeError('no')"]
)
def test_other_errors_are_no_failed_imports(code, install) -> None:
    install("odd_package", code)

    assert failure_of("import odd_package") is None


@pytest.mark.usefixtures("segformer")
def test_transformers_beside_a_misfit_torchvision(install, tmp_path) -> None:
    install("torchvision", MISFIT)

    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}){PROGRAM}"],
        capture_output=True, text=True, check=True, cwd=tmp_path, timeout=120,
    )  # fmt: skip

    assert ran.stdout.startswith(
        "model 'm' cannot be loaded: the package 'torchvision' 0.19.0 is installed, but its import fails"
    )
