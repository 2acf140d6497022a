"""The policy of a shadow: the share of the traffic that it gets, and its bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from turnout.parity import Tolerances


@dataclass(frozen=True, slots=True)
class ShadowPolicy:
    """The share of the traffic that a shadow gets, and the bounds on its cost.

    Attributes:
        fraction: the share of answered requests that are mirrored, 0 to 1.
        tolerances: the allowed differences between the shadow's answers and the primary's.
        queue_size: the number of mirrored requests that may wait for the shadow; more are dropped.
        max_bytes: the bytes of tensors in mirrored requests, waiting and in flight; more are dropped.
        max_bytes_per_second: the bytes of tensors that are mirrored in a second; more are dropped.
        timeout_seconds: the shadow's deadline for one request.
        threads: the number of requests that the shadow gets at once.
        keep: the number of worst mismatches on disk.
        directory: the folder of the worst mismatches; None keeps none.
        closing_seconds: the wait for requests in flight when the shadow is closed, and then for its ``close``.
    """

    fraction: float = 0.05
    tolerances: Tolerances = field(default_factory=Tolerances)
    queue_size: int = 64
    max_bytes: int = 256_000_000
    # Copies of 5 GB a second delayed every caller by 3 to 10 ms (copier.py).
    max_bytes_per_second: int = 400_000_000
    timeout_seconds: float = 30.0
    threads: int = 1
    keep: int = 20
    directory: Path | None = None
    closing_seconds: float = 2.0
