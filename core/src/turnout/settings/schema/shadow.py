"""What turnout.yaml may say under ``shadow``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from turnout.files.state_folder import STATE
from turnout.parity import Tolerances
from turnout.rollout.promotion import PromotionRule
from turnout.rollout.shadow import ShadowPolicy
from turnout.settings.schema.base import SettingsModel, WholeNumber, problem
from turnout.settings.schema.tolerance import ToleranceSettings


def _refuse_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise problem("must be a number")
    return value


_number = BeforeValidator(_refuse_truth, json_schema_input_type=float)
Fraction = Annotated[float, Field(ge=0, le=1), _number]
Ratio = Annotated[float, Field(gt=0, allow_inf_nan=False), _number]
Seconds = Annotated[float, Field(gt=0, le=3600), _number]


class PromotionSettings(SettingsModel):
    """What the shadow has to show before `turnout status` calls it ready."""

    comparisons: Annotated[WholeNumber, Field(ge=1)] = Field(1000, description="How many requests it was asked at least.")
    mismatch_ratio: Fraction = Field(0.001, description="The largest share of them with a wrong answer or none.")
    p95_ratio: Ratio | None = Field(None, description="How large its 95th percentile may be, in those of the serving backend.")

    def rule(self) -> PromotionRule:
        """Return what promotion is judged by."""
        return PromotionRule(self.comparisons, self.mismatch_ratio, self.p95_ratio)


class ShadowSettings(SettingsModel):
    """A second backend that is asked what the serving one was asked, and whose answers are compared."""

    backend: str = Field(min_length=1, description="The backend that is compared; one of this model's `backends`.")
    fraction: Fraction = Field(0.05, description="The share of the requests that it is asked, 0 to 1.")
    tolerance: ToleranceSettings | None = Field(
        None, description="How far its answers may be apart from those of the serving backend."
    )
    queue_size: Annotated[WholeNumber, Field(ge=1, le=1_000_000)] = Field(
        64, description="How many requests may wait for it; more are dropped."
    )
    max_bytes: Annotated[WholeNumber, Field(ge=1)] = Field(
        256_000_000, description="How many bytes of tensors they may hold; more are dropped."
    )
    max_bytes_per_second: Annotated[WholeNumber, Field(ge=1)] = Field(
        400_000_000, description="How many bytes of tensors it is sent in a second; more are dropped."
    )
    timeout_seconds: Seconds = Field(30.0, description="How long it may take for one request.")
    threads: Annotated[WholeNumber, Field(ge=1, le=64)] = Field(1, description="How many requests it is asked at once.")
    keep: Annotated[WholeNumber, Field(ge=0, le=10_000)] = Field(
        20, description="How many of the worst mismatches are kept on disk."
    )
    directory: str | None = Field(
        None, min_length=1, description="The folder that they are kept in; .turnout/shadow/<model> if not given."
    )
    promote_when: PromotionSettings | None = Field(None, description="What it has to show before it is ready to serve.")

    def policy(self, folder: Path | None, model: str, default: Tolerances) -> ShadowPolicy:
        """Return what the middleware is told; ``folder`` is the file's, ``default`` the model's own tolerances.

        Without a file there is no state folder: mismatches are kept only where ``directory`` says.
        """
        kept = None if folder is None else folder / STATE / "shadow" / model
        return ShadowPolicy(
            fraction=self.fraction,
            tolerances=self.tolerance.tolerances() if self.tolerance else default,
            queue_size=self.queue_size,
            max_bytes=self.max_bytes,
            max_bytes_per_second=self.max_bytes_per_second,
            timeout_seconds=self.timeout_seconds,
            threads=self.threads,
            keep=self.keep,
            directory=kept if self.directory is None else (folder or Path()) / self.directory,
        )
