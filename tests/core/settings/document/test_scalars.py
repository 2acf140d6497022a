from __future__ import annotations

import math

import pytest

from turnout.settings.document.scalars import resolve_plain


@pytest.mark.parametrize(
    "text",
    ["no", "yes", "on", "off", "y", "2026-11-24", "12:30:00", "1_000", "0b1", "010x", "1.2.3", ".", "e3", "=", "<<", "NULL1"],
)
def test_words_that_are_special_only_in_old_yaml_are_text(text: str) -> None:
    assert resolve_plain(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("010", 10),
        ("0o17", 15),
        ("0xfF", 255),
    ],
)
def test_words_and_whole_numbers(text: str, value: object) -> None:
    resolved = resolve_plain(text)

    assert resolved == value
    assert type(resolved) is type(value)


@pytest.mark.parametrize(
    ("text", "value"), [("1.0e-3", 0.001), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), ("-.inf", -math.inf), ("+.INF", math.inf)]
)
def test_fractions(text: str, value: float) -> None:
    assert resolve_plain(text) == value
    assert isinstance(resolve_plain(text), float)


def test_not_a_number() -> None:
    assert math.isnan(float(resolve_plain(".nan") or 0))


@pytest.mark.parametrize("text", ["9" * 5000, "0x" + "f" * 5000, "0o" + "7" * 5000, "1." + "0" * 5000, "1e999999"])
def test_extremely_long_numbers_are_text(text: str) -> None:
    assert resolve_plain(text) == text
