"""The tables of the page about `turnout adopt` are those of the campaign's last run."""

from __future__ import annotations

import json

from benchmarks.adopt_campaign import PAGE, ROWS, page_with, rows


def test_the_tables_are_made_of_the_results() -> None:
    kept = json.loads(ROWS.read_text())

    assert page_with(PAGE.read_text(), kept) == PAGE.read_text()
    assert set(kept) == {"checkpoints", "onnx"}
    assert len(kept["onnx"]) >= 10


def test_a_changed_result_shows() -> None:
    kept = json.loads(ROWS.read_text())
    kept["onnx"][0]["result"] = "planted"

    assert page_with(PAGE.read_text(), kept) != PAGE.read_text()


def test_a_refusal_is_a_row() -> None:
    assert rows("x", {"error": {"message": "why"}}) == [{"source": "x", "result": "refused: why"}]
