"""What turnout.yaml may say under ``dynamic_batching``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from turnout.plugins.batching import DynamicBatching, QueuePolicy
from turnout.settings.schema.base import SettingsModel, WholeNumber, problem

Count = Annotated[WholeNumber, Field(ge=0, le=2**31 - 1)]
Size = Annotated[WholeNumber, Field(ge=1, le=2**31 - 1)]
Microseconds = Annotated[WholeNumber, Field(ge=0, le=2**63 - 1)]


class QueuePolicySettings(SettingsModel):
    """How long and how many requests may wait."""

    timeout_action: Literal["REJECT", "DELAY"] = Field(
        "REJECT", description="What becomes of a request that has waited too long."
    )
    default_timeout_microseconds: Microseconds = Field(0, description="How long a request may wait; 0 is for ever.")
    allow_timeout_override: bool = Field(False, description="A request may bring a shorter timeout of its own.")
    max_queue_size: Count = Field(0, description="How many requests may wait; 0 is any number.")

    def declaration(self) -> QueuePolicy:
        """Return what plugins are told."""
        return QueuePolicy(
            self.timeout_action, self.default_timeout_microseconds, self.allow_timeout_override, self.max_queue_size
        )


class DynamicBatchingSettings(SettingsModel):
    """How the requests of a model are merged into batches."""

    preferred_batch_size: tuple[Size, ...] = Field((), description="Sizes that are run at once when they are reached.")
    max_queue_delay_microseconds: Microseconds = Field(0, description="How long a request may wait for others.")
    preserve_ordering: bool = Field(False, description="Answers leave in the order in which requests came.")
    priority_levels: Count = Field(0, description="How many priority levels there are, 1 being the highest; 0: none.")
    default_priority_level: Count = Field(0, description="The level of a request that names none.")
    default_queue_policy: QueuePolicySettings | None = Field(None, description="How long and how many requests may wait.")
    priority_queue_policy: Mapping[Size, QueuePolicySettings] = Field({}, description="The policy of each priority level.")

    @model_validator(mode="after")
    def _check_levels(self) -> Self:
        levels = self.priority_levels
        if levels and not 1 <= self.default_priority_level <= levels:
            raise problem(f"default_priority_level must be between 1 and priority_levels, which is {levels}")
        if not levels and (self.default_priority_level or self.priority_queue_policy):
            raise problem("priority_levels is 0, so no level can be named; say how many levels there are")
        if any(level > levels for level in self.priority_queue_policy):
            raise problem(f"priority_queue_policy names a level above priority_levels, which is {levels}")
        return self

    def declaration(self) -> DynamicBatching:
        """Return what plugins are told."""
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
