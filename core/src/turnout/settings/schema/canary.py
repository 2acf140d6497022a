"""What turnout.yaml may say under ``canary``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from turnout.rollout.canary import CanaryPolicy
from turnout.settings.schema.base import SettingsModel, problem


def _refuse_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise problem("must be a number from 0 to 1")
    return value


Fraction = Annotated[float, Field(ge=0, le=1), BeforeValidator(_refuse_truth, json_schema_input_type=float)]
"""A share of all requests."""


class CanarySettings(SettingsModel):
    """A second backend that takes a share of the requests."""

    backend: str = Field(min_length=1, description="The backend that takes a share; one of this model's `backends`.")
    weight: Fraction = Field(description="The share, 0 to 1; `turnout switch MODEL BACKEND --weight` edits it.")
    key: str | None = Field(
        None, min_length=1, description="The request parameter whose values stay on one backend each, such as a user."
    )

    def policy(self, model: str) -> CanaryPolicy:
        """Return what the middleware is told."""
        return CanaryPolicy(model, self.weight, self.key)
