"""What turnout.yaml may say under ``record``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from turnout.recording import RecordingPolicy
from turnout.settings.schema.base import SettingsModel, WholeNumber, problem


def _refuse_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise problem("must be a number")
    return value


class RecordingSettings(SettingsModel):
    """What of a model's traffic is recorded."""

    directory: Path = Field(Path("recordings"), description="The records of a model go into its folder in this one.")
    fraction: Annotated[float, Field(ge=0, le=1), BeforeValidator(_refuse_truth)] = Field(
        0.01, description="The share of requests that are recorded."
    )
    max_bytes: Annotated[WholeNumber, Field(ge=1)] = Field(100_000_000, description="How large the folder may become.")
    max_requests: Annotated[WholeNumber, Field(ge=1)] = Field(1000, description="How many records it may hold.")
    when_full: Literal["stop", "rotate"] = Field("stop", description="stop keeps the first records, rotate the last.")
    queue_size: Annotated[WholeNumber, Field(ge=1)] = Field(
        64, description="How many may wait to be written; more are dropped."
    )

    def policy(self, folder: Path, model: str) -> RecordingPolicy:
        """Return the policy for ``model`` of a file in ``folder``."""
        return RecordingPolicy(
            folder / self.directory / model,
            self.fraction,
            self.max_bytes,
            self.max_requests,
            self.when_full,
            self.queue_size,
        )
