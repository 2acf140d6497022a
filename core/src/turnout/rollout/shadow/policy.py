"""How a shadow mirrors."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from turnout.parity import Tolerances


@dataclass(frozen=True, slots=True)
class ShadowPolicy:
    """How a shadow mirrors.

    Attributes:
        fraction: the share of answered requests that are mirrored, 0 to 1.
        tolerances: how far the shadow's answers may be from the primary's.
        queue_size: how many mirrored requests may wait for the shadow; more are dropped.
        max_bytes: how many bytes of tensors they may hold, with those under way; more are dropped.
        max_bytes_per_second: how many bytes of tensors are mirrored in a second; more are dropped.
        timeout_seconds: how long the shadow may take for one request.
        threads: how many requests the shadow is asked at once.
        keep: how many of the worst mismatches are kept on disk.
        directory: the folder of the worst mismatches; None keeps none.
        closing_seconds: how long closing waits for what is under way, and then for the shadow to close.
    """

    fraction: float = 0.05
    tolerances: Tolerances = field(default_factory=Tolerances)
    queue_size: int = 64
    max_bytes: int = 256_000_000
    max_bytes_per_second: int = 400_000_000
    timeout_seconds: float = 30.0
    threads: int = 1
    keep: int = 20
    directory: Path | None = None
    closing_seconds: float = 2.0
