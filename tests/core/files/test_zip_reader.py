from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from turnout.files.limits import RECORD, FileLimits
from turnout.files.zip_reader import UNPACKED_BYTES, ZipReader


def archive_of(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream


def test_reads_stored_and_deflated_entries() -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with ZipReader(archive_of({"a": b"x" * 100}, method), RECORD) as archive:
            assert archive.open(archive.entries[0]).read() == b"x" * 100


def test_a_bomb_is_refused_by_its_declared_size() -> None:
    bomb = archive_of({f"{number}": bytes(UNPACKED_BYTES // 4) for number in range(5)})

    with pytest.raises(ValueError, match=r"it unpacks to 83886080 bytes, and an archive of .* may unpack to 67108864 at most"):
        ZipReader(bomb, RECORD)


def test_a_bomb_that_declares_a_small_size_gives_no_more_than_that() -> None:
    data = bytearray(archive_of({"a": bytes(10 << 20)}).getvalue())
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", data, data.rindex(signature) + offset, 1000)

    with ZipReader(io.BytesIO(data), RECORD) as archive, pytest.raises(zipfile.BadZipFile):
        assert len(archive.open(archive.entries[0]).read()) <= 1000


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int) -> None:
    with pytest.raises(ValueError, match="compressed in another way"):
        ZipReader(archive_of({"a": b"x"}, method), RECORD)


def test_an_encrypted_entry_is_refused() -> None:
    data = bytearray(archive_of({"a": b"x"}).getvalue())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(ValueError, match="is encrypted"):
        ZipReader(io.BytesIO(data), RECORD)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused() -> None:
    stream = archive_of({"a": b"x"})
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("a", b"y")

    with pytest.raises(ValueError, match="'a' is there twice"):
        ZipReader(stream, RECORD)


def test_a_long_list_of_entries_is_not_read() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(1000):
            archive.writestr(f"{number:0>5000}", b"")

    with pytest.raises(ValueError, match="its list of entries has 4194304 bytes at most"):
        ZipReader(stream, RECORD)


def test_a_refused_file_is_closed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no archive")
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(5):
        with pytest.raises(ValueError, match="not a zip file"):
            ZipReader(tmp_path / "x", RECORD)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(archive_of({"a": b"x"}).getvalue())

    with pytest.raises(OSError, match="a record has 5 bytes at most"):
        ZipReader(tmp_path / "x", FileLimits("a record", 5))
