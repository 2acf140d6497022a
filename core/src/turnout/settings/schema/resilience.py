"""The keys for a failing backend: ``circuit_breaker``, ``retry``, ``max_in_flight``."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from turnout.settings.schema.base import SettingsModel, problem

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Ratio = Annotated[float, Field(gt=0, le=1)]
MaxInFlight = Annotated[int, Field(ge=1, le=1_000_000)]
"""The largest number of requests in flight at once on one backend of a model."""


class CircuitBreakerSettings(SettingsModel):
    """The circuit breaker of each backend of a model. The keys are those of ``CircuitPolicy``."""

    window_seconds: Seconds = Field(10.0, description="How long a call counts.")
    minimum_calls: Count = Field(20, description="The failure ratio counts only from this number of calls in the window.")
    failure_ratio: Ratio = Field(0.5, description="The share of failed calls in the window that opens the circuit.")
    consecutive_failures: Count = Field(5, description="The number of failures in a row that opens the circuit.")
    open_seconds: Seconds = Field(1.0, description="How long the circuit stays open at first; doubled while calls fail.")
    longest_open_seconds: Seconds = Field(30.0, description="The longest time that the circuit stays open.")

    @model_validator(mode="after")
    def _check_pauses(self) -> Self:
        if self.longest_open_seconds < self.open_seconds:
            raise problem(f"longest_open_seconds must be open_seconds, which is {self.open_seconds:g}, or more")
        return self


class RetrySettings(SettingsModel):
    """The budget for requests that did not reach the backend and are sent once more."""

    budget_ratio: Ratio = Field(0.1, description="The largest share of requests that may be retries.")
