"""Dynamic batching as declared in turnout.yaml, with the names and meanings of Triton's model configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """Limits of a queue.

    Attributes:
        timeout_action: what happens to a request that has waited too long: it is refused, or runs after all others.
        default_timeout_microseconds: how long a request may wait; 0 means no limit.
        allow_timeout_override: a request may set a shorter timeout.
        max_queue_size: how many requests may wait; 0 means no limit.
    """

    timeout_action: Literal["REJECT", "DELAY"] = "REJECT"
    default_timeout_microseconds: int = 0
    allow_timeout_override: bool = False
    max_queue_size: int = 0


@dataclass(frozen=True, slots=True)
class DynamicBatching:
    """How to merge the requests of a model.

    Attributes:
        preferred_batch_size: batch sizes that run as soon as they are reached; if empty, the largest possible batch runs.
        max_queue_delay_microseconds: how long a request may wait for others.
        preserve_ordering: responses leave in the order of their requests.
        priority_levels: the number of levels, of which 1 is the highest; 0 means no levels.
        default_priority_level: the level of a request without one.
        default_queue_policy: the policy of levels without their own.
        priority_queue_policy: the policies by level.
    """

    preferred_batch_size: tuple[int, ...] = ()
    max_queue_delay_microseconds: int = 0
    preserve_ordering: bool = False
    priority_levels: int = 0
    default_priority_level: int = 0
    default_queue_policy: QueuePolicy | None = None
    priority_queue_policy: Mapping[int, QueuePolicy] = field(default_factory=dict)
