"""The time that is left until a deadline."""

from __future__ import annotations

import time


def remaining_seconds(deadline: float) -> float:
    """Return the seconds until ``deadline``, a time of ``time.monotonic``; 1 ms if it has passed."""
    # gRPC takes 0 for a deadline that has passed, and a socket for non-blocking.
    return max(0.001, deadline - time.monotonic())
