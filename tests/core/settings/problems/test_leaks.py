from __future__ import annotations

import pytest

from turnout.settings.problems.leaks import leaks


@pytest.mark.parametrize(
    ("message", "secret"),
    [
        ("bad 'hunter2'", "hunter2"),
        ("BAD HUNTER2", "hunter2"),
        ("port 'nter' of a url", "hunter2"),
        ("got 42", "42"),
        ("é!", "é"),
    ],
)
def test_a_message_with_a_part_of_a_secret_leaks(message: str, secret: str) -> None:
    assert leaks(message, [secret])


@pytest.mark.parametrize(
    ("message", "secret"), [("must be text", "hunter2"), ("420 is too much", "42"), ("anything", ""), ("a b", " ")]
)
def test_a_message_without_any_does_not(message: str, secret: str) -> None:
    assert not leaks(message, [secret])


def test_a_long_secret_is_searched_in_a_moment() -> None:
    secret = "".join(chr(0x4E00 + number % 20_000) for number in range(262_144))

    assert not leaks("a message without any part of it " * 20, [secret])
    assert leaks(f"a message with {secret[-5:]}", [secret])
