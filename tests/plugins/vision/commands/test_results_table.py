from __future__ import annotations

from typing import Any

import pytest

from turnout_vision.commands.results_table import ResultsTable


def record(image: str, **values: Any) -> dict[str, Any]:
    return {"image": image, "ok": True, "regions": [], "failures": [], "seconds": 0.25, **values}


def printed(capsys: pytest.CaptureFixture[str], *records: dict[str, Any]) -> list[list[str]]:
    table = ResultsTable()
    for each in records:
        table.add(each)
    table.print()
    return [line.split() for line in capsys.readouterr().out.splitlines() if line.strip() and "─" not in line]


def test_a_region_is_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    regions = [
        {"box": [0, 0, 9, 9], "label": "left", "caption": "red", "mask": {"area": 1234, "box": None}},
        {"box": None, "caption": None},
    ]

    rows = printed(capsys, record("a.png", regions=regions), record("b.png", caption="[bold]"))

    assert rows[0] == ["picture", "region", "caption", "mask", "seconds"]
    assert rows[1] == ["a.png", "left", "red", "1,234", "px", "0.25"]
    assert rows[2] == ["a.png", "1"]
    assert rows[3] == ["b.png", "[bold]", "0.25"]


def test_other_outputs_have_their_columns_and_failed_pictures_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed(capsys, record("a.png", score=0.5, boxes=list(range(100))), record("b.png", ok=False, error="broken"))

    assert rows[0] == ["picture", "score", "boxes", "result", "seconds"]
    assert rows[1][:2] == ["a.png", "0.5"]
    assert any("failed" in row for row in rows)


def test_nothing_is_printed_for_no_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys) == []


def test_lines_of_text_are_shown_as_their_texts(capsys: pytest.CaptureFixture[str]) -> None:
    corners = [[0, 0], [9, 0], [9, 9], [0, 9]]
    lines = [{"text": "EXIT", "score": 0.9, "polygon": corners}, {"text": "Gate", "score": 0.8, "polygon": corners}]
    found = [{"polygon": corners, "score": 0.7}] * 3

    rows = printed(
        capsys, record("a.png", text_regions=found, text_lines=lines), record("b.png", text_regions=[], text_lines=[])
    )

    assert rows[0] == ["picture", "text_regions", "text_lines", "seconds"]
    assert rows[1] == ["a.png", "3", "found", "EXIT", "/", "Gate", "0.25"]
    assert rows[2] == ["b.png", "0", "found", "0", "found", "0.25"]


def test_labels_classes_and_maps_are_short(capsys: pytest.CaptureFixture[str]) -> None:
    best = [{"label": f"cat {index}", "score": 0.5, "index": index} for index in range(7)]
    classes = [{"index": 2, "label": "sky", "share": 0.625}, {"index": 0, "label": "sea", "share": 0.375}]
    depth = {"array": "FP32 [4, 5]", "least": 0.123456, "most": 9.0}

    rows = printed(
        capsys, record("a.png", tags=best, classes=classes, depth=depth, heat={**depth, "least": None}, class_map=depth)
    )

    shown = " ".join(word for row in rows for word in row)
    assert "2 others" in shown
    assert "sky 62.5%," in shown
    assert "37.5%" in shown
    assert "0.1235 to 9" in shown
    assert "none" in shown
    # The classes say more.
    assert "class_map" not in shown
