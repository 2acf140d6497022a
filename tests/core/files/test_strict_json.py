from __future__ import annotations

import json
import time
from typing import Any

import pytest

from turnout.files.limits import CHECKPOINT_JSON, MIB, STATE, TOKENIZER, FileLimits
from turnout.files.strict_json import parse_json, parse_json_or_text

NOTE = FileLimits("a note", MIB, max_depth=4, max_values=10)


@pytest.mark.parametrize("value", [None, True, 1, -2.5, "a, [b", [], {}, {"a": [1, {"b": [2]}]}, "\N{GRINNING FACE}"])
def test_reads_what_json_writes(value: Any) -> None:
    assert parse_json(json.dumps(value), NOTE) == parse_json(json.dumps(value).encode(), NOTE) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 5 + "]" * 5, "nested deeper than 4"),
        ("[" * 100_000, "more than 10 values"),
        ('{"a":' * 5 + "1" + "}" * 5, "nested deeper than 4"),
        (json.dumps(list(range(11))), "more than 10 values"),
        ("1e999", "too large for a float"),
        ("[-1e999]", "too large for a float"),
        ("NaN", "NaN is no number"),
        ("[Infinity]", "Infinity is no number"),
        ("1" * 41, "41 digits"),
        ("1" * 5000, "5000 digits"),
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' is there twice"),
        ('"\\ud800"', "half a character"),
        ('{"\\udfff": 1}', "half a character"),
        (b'"\xff"', "line 1 is not UTF-8"),
        (b'\xff\xfe"\x00a\x00"\x00', "not UTF-8"),
        (" " * (MIB + 1), "a note has 1048576 bytes at most"),
        ("", "Expecting value"),
        ("[1,]", "Expecting value|Illegal trailing comma"),
        ("'a'", "Expecting value"),
        ('"a\nb"', "Invalid control character"),
        ("1 2", "Extra data"),
        ("\x00", "Expecting value"),
    ],
)
def test_refuses_with_a_sentence(text: str | bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        parse_json(text, NOTE)
    assert len(str(caught.value)) < 200


def test_brackets_and_commas_in_texts_do_not_count() -> None:
    text = json.dumps({"a": '[{,"\\' * 20})

    assert parse_json(text, NOTE) == json.loads(text)


@pytest.mark.parametrize("limits", [STATE, TOKENIZER], ids=lambda limits: limits.kind)
@pytest.mark.parametrize("piece", ["[", "{", '{"a":', "[],", '"', '["a",', '"\\"', ",", "1e9,", "\\", "[[[]]],"])
def test_no_text_within_the_size_takes_long(limits: FileLimits, piece: str) -> None:
    # Of a second or two on this machine; a quadratic scan would take hours.
    text = "[" + piece * (limits.max_bytes // len(piece) - 1)
    begin = time.process_time()

    with pytest.raises(ValueError):  # noqa: PT011  # whichever limit comes first
        parse_json(text, limits)

    assert time.process_time() - begin < 10


def test_numbers_without_end_are_read_where_checkpoints_write_them() -> None:
    assert parse_json("[Infinity, 1e30, 1000000000000000019884624838656]", CHECKPOINT_JSON)[2] == int(1e30)


@pytest.mark.parametrize(
    ("text", "value"), [("1.5", 1.5), ("a red, [round] thing", "a red, [round] thing"), ('"1"', "1"), ("[1", "[1")]
)
def test_a_value_is_json_or_text(text: str, value: Any) -> None:
    assert parse_json_or_text(text, NOTE) == value


@pytest.mark.parametrize(
    "text", ["Infinity pool", "NaN bread", "1e999 km", "9" * 50 + " bottles", "[1e999", "-Infinity, and back"]
)
def test_a_text_that_begins_like_json_is_text(text: str) -> None:
    assert parse_json_or_text(text, NOTE) == text


@pytest.mark.parametrize("text", ["1e999", "NaN", "\udcff", "[[[[[1]]]]]"])
def test_a_value_that_is_json_outside_of_the_limits_is_no_text(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whichever limit comes first
        parse_json_or_text(text, NOTE)
