"""The keys of ``dynamic_batching``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from turnout.plugins.batching import DynamicBatching, QueuePolicy
from turnout.settings.schema.base import SettingsModel, problem

# Each limit fits the field of Triton's config.pbtxt: preferred_batch_size is an int32 there, the microseconds are uint64.
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Size = Annotated[int, Field(ge=1, le=2**31 - 1)]
Microseconds = Annotated[int, Field(ge=0, le=2**63 - 1)]


class QueuePolicySettings(SettingsModel):
    """Limits of the queue: how many requests may wait, and how long."""

    timeout_action: Literal["REJECT", "DELAY"] = Field("REJECT", description="The action when a request has waited too long.")
    default_timeout_microseconds: Microseconds = Field(0, description="How long a request may wait; 0: without a limit.")
    allow_timeout_override: bool = Field(False, description="A request may set a shorter timeout.")
    max_queue_size: Count = Field(0, description="How many requests may wait; 0: any number.")

    def declaration(self) -> QueuePolicy:
        """Return the policy that plugins receive."""
        return QueuePolicy(
            self.timeout_action, self.default_timeout_microseconds, self.allow_timeout_override, self.max_queue_size
        )


class DynamicBatchingSettings(SettingsModel):
    """The rules that merge the requests of a model into batches."""

    preferred_batch_size: tuple[Size, ...] = Field((), description="Sizes of batches that run without a further wait.")
    max_queue_delay_microseconds: Microseconds = Field(0, description="How long a request may wait for others.")
    preserve_ordering: bool = Field(False, description="Responses leave in the order of their requests.")
    priority_levels: Count = Field(0, description="The number of priority levels, 1 being the highest; 0: none.")
    default_priority_level: Count = Field(0, description="The level of a request without a priority.")
    default_queue_policy: QueuePolicySettings | None = Field(None, description="The queue policy of levels without their own.")
    priority_queue_policy: Mapping[Size, QueuePolicySettings] = Field(
        {},
        description="The queue policy of each priority level.",
        json_schema_extra={"propertyNames": {"pattern": "^[1-9][0-9]*$"}},
    )

    @model_validator(mode="after")
    def _check_levels(self) -> Self:
        levels = self.priority_levels
        if levels and not 1 <= self.default_priority_level <= levels:
            raise problem(f"default_priority_level must be between 1 and priority_levels, which is {levels}")
        if not levels and (self.default_priority_level or self.priority_queue_policy):
            raise problem("priority_levels is 0, so no level can be named; set the number of levels")
        if any(level > levels for level in self.priority_queue_policy):
            raise problem(f"priority_queue_policy names a level above priority_levels, which is {levels}")
        return self

    def declaration(self) -> DynamicBatching:
        """Return the batching that plugins receive."""
        policy = self.default_queue_policy
        return DynamicBatching(
            self.preferred_batch_size,
            self.max_queue_delay_microseconds,
            self.preserve_ordering,
            self.priority_levels,
            self.default_priority_level,
            policy.declaration() if policy else None,
            {level: settings.declaration() for level, settings in self.priority_queue_policy.items()},
        )
