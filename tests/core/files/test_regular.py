from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from turnout.files.limits import FileLimits
from turnout.files.regular import append_to_own, append_to_regular, has_content, open_regular, read_regular, read_regular_text

SMALL = FileLimits("a note", 10)


def test_reads_a_file_and_a_link_to_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    (tmp_path / "b").symlink_to("a")

    assert read_regular(tmp_path / "a", SMALL) == read_regular(tmp_path / "b", SMALL) == b"0123456789"


def make(kind: str, place: Path) -> None:
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "socket":
        here = Path.cwd()
        os.chdir(place.parent)  # the name of a socket has 108 bytes at most
        socket.socket(socket.AF_UNIX).bind(place.name)
        os.chdir(here)
    else:
        place.symlink_to(kind)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("pipe", "a pipe"),
        ("folder", "a folder"),
        ("socket", "a socket"),
        ("/dev/zero", "a device"),
        ("/dev/full", "a device"),
        ("/proc/self", "a folder"),
    ],
)
def test_refuses_what_is_no_regular_file_by_name(kind: str, named: str, tmp_path: Path) -> None:
    make(kind, tmp_path / "x")

    with pytest.raises(OSError, match=f"it is {named}, no regular file") as caught:
        open_regular(tmp_path / "x")
    assert caught.value.filename == str(tmp_path / "x")


def test_a_pipe_that_takes_the_place_of_the_file_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "x")
    seen = (tmp_path / "file").stat()
    monkeypatch.setattr(os, "stat", lambda _: seen)

    with pytest.raises(OSError, match="it is a pipe"):
        open_regular(tmp_path / "x")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as stream:
        stream.truncate(100 << 30)

    with pytest.raises(OSError, match="a note has 10 bytes at most, this one has 107374182400 bytes"):
        read_regular(tmp_path / "x", SMALL)


def test_a_file_without_a_size_is_read_to_the_limit_only() -> None:
    with pytest.raises(OSError, match="a note has 10 bytes at most, this one has more"):
        read_regular(Path("/proc/self/maps"), SMALL)


def test_a_refused_file_leaves_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"")
    seen = (tmp_path / "x").stat()
    monkeypatch.setattr(os, "stat", lambda _: seen)
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(10):
        with pytest.raises(OSError, match="it is a folder"):
            open_regular(tmp_path)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_text_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a\nb\n\xff")

    with pytest.raises(ValueError, match="line 3 is not UTF-8"):
        read_regular_text(tmp_path / "x", SMALL)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xef\xbb\xbfab")

    assert read_regular_text(tmp_path / "x", SMALL) == "ab"


def test_appends_and_creates(tmp_path: Path) -> None:
    for text in (b"a", b"b"):
        with append_to_own(tmp_path / "x") as stream:
            stream.write(text)

    assert (tmp_path / "x").read_bytes() == b"ab"


@pytest.mark.parametrize("kind", ["pipe", "/dev/full"])
def test_appends_to_no_pipe_and_no_device(kind: str, tmp_path: Path) -> None:
    make(kind, tmp_path / "x")

    with pytest.raises(OSError, match=r"No such device|it is a device"):
        append_to_regular(tmp_path / "x")


def test_compares_a_file_with_its_content(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    os.mkfifo(tmp_path / "pipe")

    assert has_content(tmp_path / "x", b"abc")
    assert not any(has_content(tmp_path / "x", content) for content in (b"", b"ab", b"abd", b"abcd"))
    assert not has_content(tmp_path / "pipe", b"")
    assert not has_content(tmp_path / "missing", b"")
