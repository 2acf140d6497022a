from __future__ import annotations

import pytest
from pydantic import ValidationError

from turnout.rollout.canary import CanaryPolicy
from turnout.settings.schema.canary import CanarySettings


def test_every_key_reaches_the_policy() -> None:
    settings = CanarySettings.model_validate({"backend": "triton", "weight": 0.1, "key": "user"})

    assert (settings.backend, settings.policy("m")) == ("triton", CanaryPolicy("m", 0.1, "user"))


@pytest.mark.parametrize("weight", [0, 1, 0.0, 1.0])
def test_both_ends_are_weights(weight: float) -> None:
    assert CanarySettings.model_validate({"backend": "b", "weight": weight}).policy("m").weight == weight


@pytest.mark.parametrize(
    "written",
    [
        {"backend": "b"},
        {"weight": 0.1},
        {"backend": "b", "weight": -0.1},
        {"backend": "b", "weight": 1.1},
        {"backend": "b", "weight": True},
        {"backend": "b", "weight": float("nan")},
        {"backend": "b", "weight": 0.1, "key": ""},
        {"backend": "b", "weight": 0.1, "wieght": 0.2},
    ],
)
def test_impossible_values_are_refused(written: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CanarySettings.model_validate(written)
