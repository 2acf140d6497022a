"""A report as Markdown."""

from __future__ import annotations

from tests.core.commands.bench.kit import figures, result

from turnout.commands.bench.recommendation import Recommendation
from turnout.commands.bench.report.markdown import markdown_lines


def test_a_section_has_two_tables_and_what_follows_from_them() -> None:
    failing = figures(failed={"InferenceError": 1}, said={"InferenceError": "broken"})

    lines = [*markdown_lines(result(failing, recommendation=Recommendation("keep the present settings")))]

    assert lines[:3] == ["## m", "", "m on onnx, 3 different requests: recorded in recordings/m"]
    tables = [line for line in lines if line.startswith("|")]
    assert len(tables) == 6
    assert len({line.count("|") for line in tables[:3]}) == 1
    assert lines[-3:] == [
        "- recommended: keep the present settings",
        "- FAIL 1 of 1000 requests to 'onnx' failed at 8 callers, InferenceError: broken",
        "",
    ]


def test_a_strangers_text_is_no_markdown() -> None:
    lines = [*markdown_lines(result(figures("a|b<c>"), name="[x](y)", source="`rm`"))]

    assert lines[0] == "## \\[x\\](y)"
    assert "\\`rm\\`" in lines[2]
    assert "| a\\|b\\<c\\> |" in lines[6]
