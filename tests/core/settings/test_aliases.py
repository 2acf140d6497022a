"""Other names of backends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout.errors import SettingsError
from turnout.settings import load_settings
from turnout.settings.aliases import rename_backends


def own(name: str) -> str:
    return {"torch": "direct"}.get(name, name)


def test_every_place_of_a_backend_gets_its_own_name_and_nothing_else() -> None:
    written: dict[str, Any] = {
        "backend": "torch",
        "models": {
            "torch": {
                "backend": "torch",
                "fallback": "torch",
                "shadow": {"backend": "torch", "fraction": 1},
                "canary": {"backend": "torch"},
                "backends": {"torch": {"class": "torch"}, "other": None},
            }
        },
    }

    renamed = rename_backends(written, own)

    assert renamed == {
        "backend": "direct",
        "models": {
            "torch": {
                "backend": "direct",
                "fallback": "direct",
                "shadow": {"backend": "direct", "fraction": 1},
                "canary": {"backend": "direct"},
                "backends": {"direct": {"class": "torch"}, "other": None},
            }
        },
    }
    assert written["backend"] == "torch"


@pytest.mark.parametrize("values", [None, [], "text", {"models": 3}, {"models": {"m": None}}, {"backend": 3}, {3: 4}])
def test_values_of_other_forms_pass(values: Any) -> None:
    assert rename_backends(values, own) == values


@pytest.fixture
def load(tmp_path: Path, registry: Any) -> Callable[..., Any]:
    def run(text: str, **environment: str) -> Any:
        (tmp_path / "turnout.yaml").write_text(text)
        return load_settings(tmp_path / "turnout.yaml", registry=registry, environment=environment)

    return run


def test_a_file_and_a_variable_may_use_another_name(load: Callable[..., Any]) -> None:
    loaded = load("backend: ${RUNS:-torch}\nmodels:\n  m:\n    backends:\n      torch: {}\n", RUNS="torch")

    assert loaded.model("m").backend == "direct"
    assert list(loaded.model("m").options) == ["direct"]


def test_a_wrong_option_under_another_name_is_shown_at_its_line(load: Callable[..., Any]) -> None:
    with pytest.raises(SettingsError, match=r"turnout\.yaml:5:9: models\.m\.backends\.direct\.chekpoint: unknown key"):
        load("models:\n  m:\n    backend: torch\n    backends: {torch: {\n        chekpoint: x}}\n")


def test_both_names_of_one_backend_are_refused(load: Callable[..., Any]) -> None:
    with pytest.raises(SettingsError, match="'torch' is another name of 'direct', which is here too; keep one"):
        load("models: {m: {backend: direct, backends: {direct: {}, torch: {}}}}\n")
