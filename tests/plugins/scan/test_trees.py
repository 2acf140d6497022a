"""The apps of examples/ before and after their move, and trees in which there is nothing to find."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from turnout_scan.scan import scan

ROOT = Path(__file__).parents[3]
# What each app does before it moves, as a person who reads it counts.
BEFORE = {
    "flask_app": {
        "load-at-import": 2,
        "direct-call": 2,
        "loop-over-items": 2,
        "fixed-device": 4,
        "tensor-crosses-steps": 1,
    },
    "fastapi_app": {
        "load-at-import": 1,
        "direct-call": 1,
        "loop-over-items": 1,
        "fixed-device": 3,
        "tensor-crosses-steps": 1,
    },
    "gradio_app": {
        "load-at-import": 3,
        "direct-call": 3,
        "loop-over-items": 3,
        "fixed-device": 3,
        "tensor-crosses-steps": 2,
    },
}
SILENT = ["core/src", *(f"plugins/{name}/src" for name in ("vision", "web", "scan", "deploy"))]
# The backends are the code that loads and runs models, and torch's one is about devices: each such line, by hand.
BACKENDS = {
    "direct": {"direct-call": 2, "loop-over-items": 1, "fixed-device": 6, "tensor-crosses-steps": 1},
    "onnxruntime": {"direct-call": 1},
    "triton": {"direct-call": 3, "loop-over-items": 1, "tensor-crosses-steps": 2},
}


def counts(*paths: Path) -> dict[str, int]:
    result = scan(paths)
    assert result.files
    assert [one for one in result.skipped if "link" not in one.reason] == []
    return dict(Counter(one.rule for one in result.found))


@pytest.mark.parametrize("app", BEFORE)
def test_an_app_before_its_move_has_what_is_planted_in_it(app: str) -> None:
    assert counts(ROOT / "examples" / app / "before") == BEFORE[app]


@pytest.mark.parametrize("app", BEFORE)
def test_an_app_after_its_move_has_nothing(app: str) -> None:
    assert counts(ROOT / "examples" / app / "after") == {}


@pytest.mark.parametrize("folder", SILENT)
def test_packages_of_this_repository_have_nothing(folder: str) -> None:
    assert counts(ROOT / folder) == {}


@pytest.mark.parametrize("plugin", BACKENDS)
def test_a_backend_has_the_lines_that_run_its_models_and_no_other(plugin: str) -> None:
    assert counts(ROOT / "plugins" / plugin / "src") == BACKENDS[plugin]


@pytest.mark.parametrize("package", ["click", "pluggy", "prometheus_client", "pytest", "rich"])
def test_a_popular_package_has_nothing(package: str) -> None:
    module = pytest.importorskip(package)

    assert counts(Path(str(module.__file__)).parent) == {}
