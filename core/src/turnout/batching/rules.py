"""The rules of one model's batches, from ``dynamic_batching`` in turnout.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from turnout.inference import Parameter
from turnout.plugins.batching import DynamicBatching, QueuePolicy

PRIORITY = "priority"
TIMEOUT = "timeout"
SCHEDULING_PARAMETERS = frozenset({PRIORITY, TIMEOUT})
"""Parameters of a request that Triton's scheduler reads; they do not keep two requests out of one batch."""

_SECOND = 1e6


@dataclass(frozen=True, slots=True)
class LevelRules:
    """The queue policy of one priority level, in seconds.

    Attributes:
        timeout_seconds: how long a request may wait; infinite without a limit.
        delays: a request that waited too long runs after the others of its level, instead of being refused.
        may_override: a request may set a shorter timeout in its parameter ``timeout``, in microseconds.
        max_size: how many requests may wait; 0 without a limit.
    """

    timeout_seconds: float
    delays: bool
    may_override: bool
    max_size: int

    def timeout_of(self, parameters: Mapping[str, Parameter]) -> float:
        """Return how long a request with ``parameters`` may wait, in seconds."""
        own = parameters.get(TIMEOUT) if self.may_override else None
        if type(own) is not int or own <= 0:
            return self.timeout_seconds
        return min(own / _SECOND, self.timeout_seconds)


@dataclass(frozen=True, slots=True)
class BatchRules:
    """How the requests of one model are merged.

    Attributes:
        max_rows: the largest size of a batch.
        preferred: sizes of batches that run as soon as they are reached.
        delay_seconds: how long the oldest request waits for others; 0 if it does not wait.
        preserve_ordering: responses leave in the order of their requests.
        levels: the policy of each priority level, the highest level first.
        default_level: the place in ``levels`` of a request without a priority.
    """

    max_rows: int
    preferred: frozenset[int] = frozenset()
    delay_seconds: float = 0.0
    preserve_ordering: bool = False
    levels: tuple[LevelRules, ...] = (LevelRules(inf, delays=False, may_override=False, max_size=0),)
    default_level: int = 0

    def level_of(self, parameters: Mapping[str, Parameter]) -> int:
        """Return the place in ``levels`` of a request with ``parameters``; Triton gives the default to a level it lacks."""
        priority = parameters.get(PRIORITY)
        if type(priority) is not int or not 1 <= priority <= len(self.levels):
            return self.default_level
        return priority - 1


def batch_rules(batching: DynamicBatching | None, max_batch_size: int) -> BatchRules:
    """Return the rules of ``batching``; without it, those of a queue whose batches are single requests."""
    if batching is None:
        return BatchRules(max_rows=0)
    default = batching.default_queue_policy or QueuePolicy()
    policies = [batching.priority_queue_policy.get(level, default) for level in range(1, max(batching.priority_levels, 1) + 1)]
    return BatchRules(
        max_batch_size,
        frozenset(batching.preferred_batch_size),
        batching.max_queue_delay_microseconds / _SECOND,
        batching.preserve_ordering,
        tuple(_level_rules(policy) for policy in policies),
        max(batching.default_priority_level, 1) - 1,
    )


def _level_rules(policy: QueuePolicy) -> LevelRules:
    seconds = policy.default_timeout_microseconds / _SECOND or inf
    return LevelRules(seconds, policy.timeout_action == "DELAY", policy.allow_timeout_override, policy.max_queue_size)
