"""The keys of ``record``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from turnout.recording import RecordingPolicy
from turnout.settings.schema.base import Fraction, SettingsModel


class RecordingSettings(SettingsModel):
    """Which part of a model's traffic is recorded."""

    directory: Path = Field(Path("recordings"), description="The parent of the model's folder of records.")
    fraction: Fraction = Field(0.01, description="The share of requests that are recorded.")
    max_bytes: int = Field(100_000_000, ge=1, description="The largest size of the folder.")
    max_requests: int = Field(1000, ge=1, le=100_000, description="The largest number of records in the folder.")
    when_full: Literal["stop", "rotate"] = Field("stop", description="stop keeps the first records, rotate the last.")
    queue_size: int = Field(64, ge=1, description="How many requests may wait to be written; more are dropped.")

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
