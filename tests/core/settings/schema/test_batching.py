"""``dynamic_batching`` in Triton's words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from turnout import DynamicBatching, QueuePolicy
from turnout.errors import SettingsError
from turnout.settings import LoadedSettings

HEAD = "models:\n  m:\n    backend: direct\n    max_batch_size: 8\n    backends: {direct: }\n    dynamic_batching:"


def _batching(loaded: LoadedSettings) -> DynamicBatching | None:
    return loaded.settings.models["m"].declaration("m", Path()).dynamic_batching


def test_every_key_reaches_the_declaration(load: Callable[..., LoadedSettings]) -> None:
    loaded = load(
        f"{HEAD} {{max_queue_delay_microseconds: 100, preferred_batch_size: [4, 8], preserve_ordering: true,"
        "  priority_levels: 2, default_priority_level: 2,"
        "  default_queue_policy: {timeout_action: DELAY, default_timeout_microseconds: 5, allow_timeout_override: true,"
        "    max_queue_size: 64}, priority_queue_policy: {'1': {max_queue_size: 3}}}\n"
    )

    policy = QueuePolicy("DELAY", 5, True, 64)
    assert _batching(loaded) == DynamicBatching((4, 8), 100, True, 2, 2, policy, {1: QueuePolicy(max_queue_size=3)})


def test_an_empty_mapping_batches_with_the_defaults_and_no_key_does_not(load: Callable[..., LoadedSettings]) -> None:
    assert _batching(load(f"{HEAD} {{}}\n")) == DynamicBatching()
    assert _batching(load(HEAD.removesuffix("    dynamic_batching:"))) is None


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{preferred_batch_size: [4, 16]}", "a preferred_batch_size is above max_batch_size, which is 8"),
        ("{max_queue_delay: 100}", "unknown key. Did you mean 'max_queue_delay_microseconds'?"),
        ("{preferred_batch_size: [0]}", "preferred_batch_size[0]: must be 1 or more"),
        ("{max_queue_delay_microseconds: -1}", "must be 0 or more"),
        ("{max_queue_delay_microseconds: 0.5}", "must be a whole number"),
        ("{default_queue_policy: {timeout_action: WAIT}}", "must be 'REJECT' or 'DELAY'"),
        ("{priority_levels: 2}", "default_priority_level must be between 1 and priority_levels, which is 2"),
        ("{default_priority_level: 2}", "priority_levels is 0, so no level can be named"),
        (
            "{priority_levels: 1, default_priority_level: 1, priority_queue_policy: {'2': {}}}",
            "priority_queue_policy names a level above priority_levels, which is 1",
        ),
    ],
)
def test_values_that_triton_refuses_are_refused_with_line_and_reason(
    load: Callable[..., LoadedSettings], written: str, words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(f"{HEAD} {written}\n")

    assert words in str(caught.value)
    assert str(caught.value).startswith("turnout.yaml:6:")


def test_without_a_batch_axis_nothing_can_be_merged(load: Callable[..., LoadedSettings]) -> None:
    with pytest.raises(SettingsError, match=r"dynamic_batching: needs a max_batch_size above 0"):
        load(f"{HEAD.replace('max_batch_size: 8', 'max_batch_size: 0')} {{}}\n")
