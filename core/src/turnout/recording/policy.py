"""The bounds of a recording, and its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class RecordingPolicy:
    """The part of a model's traffic that is recorded.

    Attributes:
        folder: the folder of this model's records; several processes may share it.
        fraction: the share of requests that are recorded, chosen at random.
        max_bytes: the largest size of the folder.
        max_requests: the largest number of records in the folder.
        when_full: ``stop`` keeps the first records, ``rotate`` the last.
        queue_size: the number of requests that may wait to be written; more are dropped.
        max_waiting_bytes: the memory that those may use; a larger request is dropped.
        wait_seconds: how long a request waits for room before it is dropped; 0 for live traffic, which must not wait.
    """

    folder: Path
    fraction: float = 0.01
    max_bytes: int = 100_000_000
    max_requests: int = 1000
    when_full: Literal["stop", "rotate"] = "stop"
    queue_size: int = 64
    max_waiting_bytes: int = 100_000_000
    wait_seconds: float = 0.0
