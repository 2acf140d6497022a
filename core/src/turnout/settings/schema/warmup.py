"""The keys of ``warmup``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from turnout.settings.schema.base import SettingsModel


class WarmupSettings(SettingsModel):
    """The requests that are sent to a model when it is opened, before it serves."""

    recorded: Path = Field(description="A folder of records, or of .npz files of arrays by input name.")
    requests: int = Field(8, ge=1, le=10_000, description="How many of them; the oldest first.")
