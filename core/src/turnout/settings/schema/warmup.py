"""What turnout.yaml may say under ``warmup``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from turnout.settings.schema.base import SettingsModel, WholeNumber


class WarmupSettings(SettingsModel):
    """What a model is asked when it is opened, before anybody is served."""

    recorded: Path = Field(description="A folder of records, or of .npz files of arrays by input name.")
    requests: Annotated[WholeNumber, Field(ge=1, le=10_000)] = Field(8, description="How many of them; the oldest first.")
