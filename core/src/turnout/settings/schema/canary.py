"""The keys of ``canary``."""

from __future__ import annotations

from pydantic import Field

from turnout.rollout.canary import CanaryPolicy
from turnout.settings.schema.base import Fraction, SettingsModel


class CanarySettings(SettingsModel):
    """A second backend that serves a share of the requests."""

    backend: str = Field(min_length=1, description="The backend that serves the share; one of this model's `backends`.")
    weight: Fraction = Field(description="The share, 0 to 1; `turnout switch MODEL BACKEND --weight` edits it.")
    key: str | None = Field(
        None, min_length=1, description="The request parameter, such as a user, each value of which stays on one backend."
    )

    def policy(self, model: str) -> CanaryPolicy:
        """Return the policy that the middleware follows."""
        return CanaryPolicy(model, self.weight, self.key)
