"""The detectors of the areas about pictures report what they look for."""

from __future__ import annotations

from functools import partial

import pytest
from tests.hostile.areas.pictures import Late, Memory, late_answers
from tests.hostile.picture_files import plain


def test_memory_beyond_the_bound_is_a_problem(tmp_path) -> None:
    (found,) = Memory("trap/memory/small_bound", partial(plain, "PNG", (5000, 5000)), "PNG", 4).problems(tmp_path)

    assert "bytes a pixel, the bound is 4.6" in found


def test_a_program_that_fails_is_a_problem(tmp_path) -> None:
    (found,) = Memory("trap/memory/no_picture", lambda: b"no picture", "PNG", 8).problems(tmp_path)

    assert "exit 1" in found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ('{"ok": true, "seconds": 2.5}\n', ["ok after 2.5 s of 1.0"]),
        ('{"ok": false, "seconds": 2.5}\n{"ok": true, "seconds": 0.9}\n', []),
        ("", ["no record"]),
    ],
)
def test_an_answer_after_its_deadline_is_a_problem(lines, found) -> None:
    assert late_answers(lines, 1.0) == found


def test_an_answer_in_time_is_none(tmp_path) -> None:
    assert Late("trap/deadline/good", partial(plain, "PNG", (64, 48))).problems(tmp_path) == []
