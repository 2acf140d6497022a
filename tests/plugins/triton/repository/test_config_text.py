"""The bytes of a config.pbtxt: what Triton skips is skipped, what it refuses is refused, and comments are written back."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.errors import ConfigurationError
from turnout_triton.repository.config_file import config_bytes, read_config

CONFIG = 'name: "m"\nmax_batch_size: 8\n'


@pytest.mark.parametrize(
    "content",
    [
        f"# Größe\n{CONFIG}".encode("latin-1"),
        f"{CONFIG}# 模型\n".encode("gbk"),
        f"{CONFIG}# モデル".encode("shift_jis"),
        f"{CONFIG}# a\x85b\x1c\u2028max_batch_size: 4\n".encode(),
        CONFIG.replace("\n", "\r\n").encode(),
        CONFIG.replace("\n", " # é\r\n").encode("latin-1"),
        b'name: "m" max_batch_size: 8 parameters { key: "a#b" value { string_value: "it\'s # no \\" comment" } }',
    ],
)
def test_what_triton_skips_is_skipped(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.pbtxt").write_bytes(content)

    found = read_config(tmp_path / "config.pbtxt")

    assert found is not None
    assert (found.config.name, found.config.max_batch_size, found.incomplete) == ("m", 8, "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"\xef\xbb\xbf" + CONFIG.encode(),
            "begins with a byte order mark, which Triton refuses; save it as UTF-8 without one",
        ),
        (CONFIG.encode("utf-16"), "begins with a byte order mark"),
        (CONFIG.replace(": 8", ":\u00a08").encode(), r"line 2, has the character '\xa0', which Triton refuses there"),
        (f"{CONFIG}é".encode("latin-1"), "line 3, has the byte 0xe9, which Triton refuses there; remove it"),
        (f"{CONFIG}# \0".encode(), "line 3, has a NUL byte, which Triton refuses"),
    ],
)
def test_what_triton_refuses_is_refused_with_the_place(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "config.pbtxt").write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        read_config(tmp_path / "config.pbtxt")

    assert message in str(caught.value)


def test_comments_are_written_back_byte_by_byte(tmp_path: Path) -> None:
    file = tmp_path / "config.pbtxt"
    file.write_bytes(f"# Größe\n{CONFIG}# 'a' \"b\n".encode("latin-1"))
    first = read_config(file)
    assert first is not None

    file.write_bytes(config_bytes(first.config, ["response_cache"], first.comments))
    second = read_config(file)

    assert second is not None
    assert (second.generated, second.kept, second.comments) == (True, ("response_cache",), first.comments)
    assert b"# Gr\xf6\xdfe\n# 'a' \"b\n" in file.read_bytes()


def test_a_text_in_quotes_loses_broken_bytes_as_on_the_server_and_is_not_written_back(tmp_path: Path) -> None:
    content = f'{CONFIG}parameters {{ key: "note" value {{ string_value: "Größe" }} }}\n'
    (tmp_path / "config.pbtxt").write_bytes(content.encode("latin-1"))

    found = read_config(tmp_path / "config.pbtxt")

    assert found is not None
    assert found.config.parameters["note"].string_value == "Gre"
    assert found.incomplete == "a text with bytes that are not UTF-8; save the file as UTF-8"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a {" * 70 + "}" * 70, "is nested deeper than 64 levels"),
        ("input { dims: [ " + "1, " * 60_000 + "1 ] }", "has 60,005 names and values; a config.pbtxt has 50,000 at most"),
        ("input [ " + "{}, " * 60_000 + "{} ]", "names and values"),
        ("'a' " * 60_000, "names and values"),
    ],
)
def test_a_file_that_costs_more_than_it_says_is_refused_before_it_is_parsed(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.pbtxt").write_text(text)

    with pytest.raises(ConfigurationError, match=message):
        read_config(tmp_path / "config.pbtxt")


def test_words_in_comments_and_texts_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "config.pbtxt").write_text(f'{CONFIG}# {"[ a " * 60_000}\nplatform: "{"{ b " * 60_000}"\n')

    assert read_config(tmp_path / "config.pbtxt") is not None
