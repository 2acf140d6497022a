"""The JSON of a report: its form, which docs/reference/bench-report.md describes, and its version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from turnout.commands.bench.machine import describe_machine, package_versions
from turnout.commands.bench.result import BenchResult
from turnout.repository.evidence import utc_now

FORMAT = 1
"""Raised when a key changes its meaning or goes; a new key does not raise it."""


def result_content(result: BenchResult) -> dict[str, Any]:
    """Return the measurements of one model or pipeline in types of JSON."""
    content = asdict(result)
    content["interrupted"] = content.pop("interrupt") is not None
    for one in content["results"]:
        one["batch_sizes"] = {str(rows): count for rows, count in one["batch_sizes"].items()}
        del one["compute_by_size"]
    return content


def report_content(measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the head of a report, and ``measured``."""
    head = {"format": FORMAT, "measured_at": utc_now(), "machine": describe_machine(), "packages": package_versions()}
    return {**head, "measured": list(measured)}
