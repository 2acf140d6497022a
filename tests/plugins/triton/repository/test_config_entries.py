"""A model config as comparable entries."""

from __future__ import annotations

from typing import Any

from turnout import DynamicBatching
from turnout_triton.repository.config_entries import entries_of
from turnout_triton.repository.config_file import read_config


def test_entries_do_not_depend_on_defaults_that_are_written_out(project: Any) -> None:
    project.configure(project.model(dynamic_batching=DynamicBatching()), project.options())
    config = read_config(project.config_file()).config
    completed = type(config)()
    completed.CopyFrom(config)
    completed.dynamic_batching.preferred_batch_size.append(8)
    completed.optimization.input_pinned_memory.enable = True
    completed.optimization.output_pinned_memory.enable = True
    completed.ClearField("version_policy")

    assert entries_of(completed, "scale") == entries_of(config, "scale")
