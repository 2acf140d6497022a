"""The keys of ``shadow``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from turnout.files.state_folder import STATE
from turnout.parity import Tolerances
from turnout.rollout.promotion import PromotionRule
from turnout.rollout.shadow import ShadowPolicy
from turnout.settings.schema.base import Fraction, SettingsModel
from turnout.settings.schema.tolerance import ToleranceSettings

Ratio = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class PromotionSettings(SettingsModel):
    """The evidence that a shadow needs before `turnout status` reports it as ready."""

    comparisons: int = Field(1000, ge=1, description="The least number of compared requests.")
    mismatch_ratio: Fraction = Field(0.001, description="The largest share of them with a wrong answer or none.")
    p95_ratio: Ratio | None = Field(
        None, description="The largest 95th percentile of its latency, as a multiple of the serving backend's."
    )

    def rule(self) -> PromotionRule:
        """Return the rule that decides on promotion."""
        return PromotionRule(self.comparisons, self.mismatch_ratio, self.p95_ratio)


class ShadowSettings(SettingsModel):
    """A second backend that receives copies of the requests, and whose answers are compared."""

    backend: str = Field(min_length=1, description="The backend that is compared; one of this model's `backends`.")
    fraction: Fraction = Field(0.05, description="The share of the requests that it receives, 0 to 1.")
    tolerance: ToleranceSettings | None = Field(
        None, description="The largest difference between its answers and those of the serving backend."
    )
    queue_size: int = Field(64, ge=1, le=1_000_000, description="How many requests may wait for it; more are dropped.")
    max_bytes: int = Field(256_000_000, ge=1, description="How many bytes of tensors they may hold; more are dropped.")
    max_bytes_per_second: int = Field(
        400_000_000, ge=1, description="How many bytes of tensors it receives in a second; more are dropped."
    )
    timeout_seconds: float = Field(30.0, gt=0, le=3600, description="The timeout of one of its requests.")
    threads: int = Field(1, ge=1, le=64, description="How many requests it receives at once.")
    keep: int = Field(20, ge=0, le=10_000, description="How many of the worst mismatches are kept on disk.")
    directory: str | None = Field(
        None, min_length=1, description="The folder of the kept mismatches; .turnout/shadow/<model> by default."
    )
    promote_when: PromotionSettings | None = Field(None, description="The evidence that it needs to be ready to serve.")

    def policy(self, folder: Path | None, model: str, default: Tolerances) -> ShadowPolicy:
        """Return the policy that the middleware follows; ``folder`` is the file's, ``default`` the model's own tolerances.

        Without a file there is no state folder: mismatches are kept only if ``directory`` is set.
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
