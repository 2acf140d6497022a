from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from turnout.parity import Tolerance, Tolerances
from turnout.rollout.promotion import PromotionRule
from turnout.rollout.shadow import ShadowPolicy
from turnout.settings.schema.shadow import ShadowSettings

DEFAULT = Tolerances(Tolerance(rtol=0.5))


def test_every_key_reaches_the_policy() -> None:
    settings = ShadowSettings.model_validate(
        {
            "backend": "triton",
            "fraction": 0.5,
            "tolerance": {"rtol": 1e-3},
            "queue_size": 8,
            "max_bytes": 1000,
            "max_bytes_per_second": 2000,
            "timeout_seconds": 5,
            "threads": 2,
            "keep": 3,
            "directory": "kept",
            "promote_when": {"comparisons": 10, "mismatch_ratio": 0, "p95_ratio": 1.5},
        }
    )

    policy = settings.policy(Path("/app"), "m", DEFAULT)

    assert policy == ShadowPolicy(0.5, Tolerances(Tolerance(rtol=1e-3)), 8, 1000, 2000, 5.0, 2, 3, Path("/app/kept"))
    assert settings.promote_when is not None
    assert settings.promote_when.rule() == PromotionRule(10, 0.0, 1.5)


def test_only_the_backend_is_required() -> None:
    settings = ShadowSettings.model_validate({"backend": "triton", "promote_when": {}})

    policy = settings.policy(Path("/app"), "m", DEFAULT)

    assert policy == ShadowPolicy(tolerances=DEFAULT, directory=Path("/app/.turnout/shadow/m"))
    assert settings.promote_when is not None
    assert settings.promote_when.rule() == PromotionRule()


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"backend": "b", "fraction": 1.1},
        {"backend": "b", "fraction": True},
        {"backend": "b", "queue_size": 0},
        {"backend": "b", "max_bytes": 0},
        {"backend": "b", "max_bytes_per_second": 0},
        {"backend": "b", "timeout_seconds": 0},
        {"backend": "b", "threads": 0},
        {"backend": "b", "keep": -1},
        {"backend": "b", "promote_when": {"comparisons": 0}},
        {"backend": "b", "promote_when": {"mismatch_ratio": 2}},
        {"backend": "b", "promote_when": {"p95_ratio": 0}},
        {"backend": "b", "promote_when": None},
        {"backend": "b", "tolerance": {"rtol": -1}},
        {"backend": "b", "fracton": 0.1},
    ],
)
def test_impossible_values_are_refused(written: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ShadowSettings.model_validate(written)
