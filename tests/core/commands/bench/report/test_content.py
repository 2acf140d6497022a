"""The JSON of a report."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.core.commands.bench.kit import figures, result

from turnout.commands.bench.recommendation import Recommendation
from turnout.commands.bench.report.content import FORMAT, report_content, result_content
from turnout.commands.bench.verdict import judge_batching

PAGE = Path(__file__).parents[5] / "docs/reference/bench-report.md"


def test_the_form_is_that_of_the_reference() -> None:
    results = (figures(batching=True, per_second=300.0, batch_sizes={4: 2}), figures(batching=False))
    made = result(*results, verdicts=tuple(judge_batching(results, "model")), recommendation=Recommendation("x", True))

    content = report_content([result_content(made)])

    documented = set(re.findall(r"^\| `([\w.\[\]]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert {path for path in _paths(content) if not path.startswith(("machine.", "packages."))} <= documented
    assert content["format"] == FORMAT == 1


def test_it_is_json() -> None:
    made = result(figures(batch_sizes={1: 2}), interrupt=KeyboardInterrupt())

    content = json.loads(json.dumps(report_content([result_content(made)]), allow_nan=False))

    [measured] = content["measured"]
    assert measured["interrupted"] is True
    assert measured["results"][0]["batch_sizes"] == {"1": 2}
    assert measured["recommendation"] is None


def _paths(value: object, path: str = "") -> set[str]:
    """Return the path of each key, such as ``measured[].results[].backend``; not of keys that are data."""
    if isinstance(value, list | tuple):
        return {found for item in value for found in _paths(item, f"{path}[]")}
    if not isinstance(value, dict) or path.endswith(("batch_sizes", "parts", "failed", "said", "latency_seconds")):
        return set()
    keys = {key: f"{path}.{key}" if path else key for key in value}
    return set(keys.values()).union(*(_paths(value[key], name) for key, name in keys.items()))
