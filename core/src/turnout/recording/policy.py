"""How much is recorded, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OUTCOMES = ("recorded", "dropped", "full", "failed")
"""What becomes of a request that was chosen: written; left out because the recorder was busy, because the folder is full, or
because the disk refused."""


@dataclass(frozen=True, slots=True)
class RecordingPolicy:
    """How much of a model's traffic is recorded.

    Attributes:
        folder: where the records of this model go; several processes may share it.
        fraction: the share of requests that are chosen, by chance.
        max_bytes: how large the folder may become.
        max_requests: how many records it may hold.
        when_full: ``stop`` keeps the first records, ``rotate`` the last.
        queue_size: how many requests may wait to be written; more are dropped.
        max_waiting_bytes: how much memory those may take; a larger request is dropped.
        wait_seconds: how long a request waits for room before it is dropped; 0 for traffic that must not.
    """

    folder: Path
    fraction: float = 0.01
    max_bytes: int = 100_000_000
    max_requests: int = 1000
    when_full: Literal["stop", "rotate"] = "stop"
    queue_size: int = 64
    max_waiting_bytes: int = 100_000_000
    wait_seconds: float = 0.0
