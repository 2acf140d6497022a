"""What turnout.yaml may say of a backend in trouble: ``circuit_breaker``, ``retry``, ``max_in_flight``."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from turnout.settings.schema.base import SettingsModel, WholeNumber, problem

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Count = Annotated[WholeNumber, Field(ge=1, le=1_000_000)]
Ratio = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
MaxInFlight = Annotated[WholeNumber, Field(ge=1, le=1_000_000)]
"""How many requests of an arm may be under way at once."""


class CircuitBreakerSettings(SettingsModel):
    """When a backend that fails is left alone, and for how long. The keys are those of the circuit's policy."""

    window_seconds: Seconds = Field(10.0, description="How far back failures count.")
    minimum_calls: Count = Field(20, description="Of fewer calls in the window no ratio is taken.")
    failure_ratio: Ratio = Field(0.5, description="The part of the window's calls that may fail.")
    consecutive_failures: Count = Field(5, description="So many failures in a row are enough.")
    open_seconds: Seconds = Field(1.0, description="How long the backend is left alone at first; doubled while it fails.")
    longest_open_seconds: Seconds = Field(30.0, description="Where the doubling ends.")

    @model_validator(mode="after")
    def _check_pauses(self) -> Self:
        if self.longest_open_seconds < self.open_seconds:
            raise problem(f"longest_open_seconds must be open_seconds, which is {self.open_seconds:g}, or more")
        return self


class RetrySettings(SettingsModel):
    """How many requests that never reached the backend may be sent once more."""

    budget_ratio: Ratio = Field(0.1, description="Retries are at most this part of the requests.")
