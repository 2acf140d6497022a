"""Values that no text shows."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest

from turnout.hidden_values import hide, hide_value


@pytest.mark.parametrize(
    "text",
    [
        "at grpc://user:hunter2@host:8001",
        "at 'http://user:hunter2@host:8001/base'",
        "at https://hunter2@host",
        "at user:hunter2@host:8001",
        "at 'user:hunter2@[::1]:8001'",
        "at grpc://user:hun/ter2@host:8001 hunter2x"[:33],
        "at https://host/v2?token=hunter2&x=1",
        "https://a.b/c?sig=hunter2, https://d.e/f?sig=hunter2",
        "authorization: Bearer hunter2",
        "{'Authorization': 'Basic aHVudGVyMg1hunter2=='}",
        "sent bearer hunter2",
        "proxy http://u:hunter2@p1:3128 and http://u:hunter2@p2:3128",
    ],
)
def test_credentials_of_urls_and_headers_are_hidden_wherever_they_come_from(text: str) -> None:
    hidden = hide(text)

    assert "hunter2" not in hidden
    assert "ter2" not in hidden
    assert "***" in hidden


@pytest.mark.parametrize(
    "text",
    [
        "model 'm' on triton at 'grpc://localhost:8001' cannot be reached",
        "pip install 'turnout[triton]==1.0' @ x",
        "write to a@example.com",
        "https://example.com/a:b/c@d",
        "the bearer of this",
        "Did you mean 'triton'? In turnout.yaml:14.",
        "http://[::1]:8000/v2 and http://localhost:8000, host@sha256",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert hide(text) == text


@pytest.mark.parametrize("value", ['it\'s a "secret" \\ value', "pass wörd", "two\nlines of it", "a b&c=d/e", "  spaced  "])
def test_a_value_is_hidden_in_every_way_that_a_message_writes_it(value: str) -> None:
    hide_value(value, "${NAME}")

    for written in (value, f"got {value!r}", json.dumps({"k": value}), quote(value), " ".join(value.split())):
        assert "${NAME}" in hide(written)


@pytest.mark.parametrize("value", ["1", "cpu", "8001", "0.25", "true", "localhost", "cuda"])
def test_a_short_or_common_value_is_shown(value: str) -> None:
    hide_value(value, "${NAME}")

    assert hide(f"got {value}") == f"got {value}"


def test_a_value_of_few_characters_is_hidden_as_a_word_only() -> None:
    hide_value("path", "${P}")

    assert hide("the path of paths, a_path, 'path'") == "the ${P} of paths, a_path, '${P}'"


def test_the_longest_value_is_replaced_first() -> None:
    hide_value("/srv/models", "${MODELS}")
    hide_value("/srv/models/private", "${PRIVATE}")

    assert hide("/srv/models/private/x /srv/models/y") == "${PRIVATE}/x ${MODELS}/y"


@pytest.mark.parametrize("part", ["://", "://a:b", "@", "?", "authorization: bearer ", "://x?", "a:b@", "x" * 50 + "@"])
def test_a_long_hostile_text_takes_linear_time(part: str) -> None:
    start = time.process_time()

    hide(part * (20_000 // len(part)))

    assert time.process_time() - start < 1
