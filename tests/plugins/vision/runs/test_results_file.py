from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from turnout.errors import ConfigurationError
from turnout_vision.runs.results_file import ResultsFile, format_line, record_key


def record(image: str, *, ok: bool = True, **more: Any) -> dict[str, Any]:
    return {"image": image, "pipeline": "describe", "ok": ok, **more}


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "results.jsonl"


def test_lines_are_appended_and_recognized_later(file: Path) -> None:
    with ResultsFile(file, again=()) as results:
        results.write(record("a.jpg"))
    with ResultsFile(file, again=()) as results:
        results.write(record("b.jpg"))

        assert results.answered == {record_key(record("a.jpg"))}
    assert read(file) == [record("a.jpg"), record("b.jpg")]


def test_every_line_is_in_the_file_at_once(file: Path) -> None:
    with ResultsFile(file, again=()) as results:
        results.write(record("a.jpg"))

        assert read(file) == [record("a.jpg")]


@pytest.mark.parametrize("kept", range(1, 40))
def test_an_incomplete_last_line_is_removed(file: Path, kept: int) -> None:
    file.parent.mkdir()
    cut = format_line(record("b.jpg"))[:kept]
    file.write_text(format_line(record("a.jpg")) + "\n" + cut)

    with ResultsFile(file, again=()) as results:
        results.write(record("c.jpg"))

    assert read(file) == [record("a.jpg"), record("c.jpg")]


def test_a_complete_last_line_without_its_newline_is_kept(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(format_line(record("a.jpg")))

    with ResultsFile(file, again=()) as results:
        results.write(record("b.jpg"))

    assert read(file) == [record("a.jpg"), record("b.jpg")]


def test_failed_lines_that_run_again_are_removed(file: Path) -> None:
    failed, other = record("a.jpg", ok=False), record("z.jpg", ok=False)
    with ResultsFile(file, again=()) as results:
        for each in (failed, record("b.jpg"), other):
            results.write(each)

    with ResultsFile(file, again={record_key(failed)}) as results:
        assert results.answered == {record_key(record("b.jpg"))}

    assert read(file) == [record("b.jpg"), other]


def test_another_pipeline_or_question_is_another_line() -> None:
    keys = {
        record_key(record("a.jpg")),
        record_key({**record("a.jpg"), "pipeline": "count"}),
        record_key(record("a.jpg", inputs={"question": "why?"})),
        record_key(record("a.jpg", inputs={"question": "how?"})),
    }

    assert len(keys) == 4


@pytest.mark.parametrize(
    "content",
    [b"\xff\xd8\xff\xe0 a JPEG", b"notes\n", b'{"a": 1}\n', b"[]\n", b'{"image": "a", "ok": true}\n\n{"image": "b"}\n', b"\n"],
)
def test_another_file_is_refused_and_unchanged(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match="not written by 'turnout run'; give another file to --out"):
        ResultsFile(file, again=())
    assert file.read_bytes() == content


def test_a_name_that_is_not_unicode_can_be_written(file: Path) -> None:
    with ResultsFile(file, again=()) as results:
        results.write(record("\udcff.jpg"))
    with ResultsFile(file, again=()) as results:
        assert results.answered == {record_key(record("\udcff.jpg"))}
