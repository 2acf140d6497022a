"""The result of a scan as JSON; docs/reference/scan-report.schema.json describes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from turnout_scan.scan import Found, ScanResult

FORMAT = 1


def result_as_json(paths: Sequence[Path], result: ScanResult) -> dict[str, Any]:
    """Return ``result`` as the value that ``turnout scan --json`` prints."""
    return {
        "format": FORMAT,
        "paths": [str(path) for path in paths],
        "files": result.files,
        "found": [_found(one) for one in result.found],
        "ignored": result.ignored,
        "skipped": [{"file": str(one.file), "reason": one.reason} for one in result.skipped],
        "notes": list(result.notes),
    }


def _found(found: Found) -> dict[str, Any]:
    return {
        "rule": found.rule,
        "severity": found.severity,
        "file": str(found.file),
        "line": found.place.line,
        "column": found.place.column,
        "cell": found.place.cell,
        "what": found.what,
        "why": found.why,
        "change": {"text": found.change.text, "yaml": found.change.yaml, "python": found.change.python},
    }
