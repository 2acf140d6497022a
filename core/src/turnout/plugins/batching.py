"""How requests are merged into batches, in Triton's words and with its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """How long and how many requests may wait.

    Attributes:
        timeout_action: what becomes of a request that has waited too long.
        default_timeout_microseconds: how long a request may wait; 0 is for ever.
        allow_timeout_override: a request may bring a shorter timeout of its own.
        max_queue_size: how many requests may wait; 0 is any number.
    """

    timeout_action: Literal["REJECT", "DELAY"] = "REJECT"
    default_timeout_microseconds: int = 0
    allow_timeout_override: bool = False
    max_queue_size: int = 0


@dataclass(frozen=True, slots=True)
class DynamicBatching:
    """How the requests of a model are merged.

    Attributes:
        preferred_batch_size: sizes that are run at once when they are reached; empty: the largest that the queue gives.
        max_queue_delay_microseconds: how long a request may wait for others.
        preserve_ordering: answers leave in the order in which requests came.
        priority_levels: how many levels there are, 1 being the highest; 0: no levels.
        default_priority_level: the level of a request that names none.
        default_queue_policy: of requests of a level that has no policy of its own.
        priority_queue_policy: by level.
    """

    preferred_batch_size: tuple[int, ...] = ()
    max_queue_delay_microseconds: int = 0
    preserve_ordering: bool = False
    priority_levels: int = 0
    default_priority_level: int = 0
    default_queue_policy: QueuePolicy | None = None
    priority_queue_policy: Mapping[int, QueuePolicy] = field(default_factory=dict)
