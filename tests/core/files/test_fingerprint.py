from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from turnout.files.fingerprint import content_fingerprint, fingerprint, has_sha256


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "version" / "parts").mkdir(parents=True)
    (tmp_path / "version" / "model.py").write_text("x")
    (tmp_path / "version" / "parts" / "w").write_text("y")
    return tmp_path / "version"


def test_a_folder_has_that_of_its_files_names_and_contents(folder: Path) -> None:
    lines = [f"{name}\0{hashlib.sha256(content).hexdigest()}\n" for name, content in (("model.py", b"x"), ("parts/w", b"y"))]

    assert fingerprint(folder) == hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.mark.parametrize("target", ["../elsewhere", "nowhere", "parts", "loop"])
def test_a_link_makes_another_folder(folder: Path, target: str) -> None:
    before = fingerprint(folder)
    (folder.parent / "elsewhere").mkdir()
    (folder / "loop").symlink_to(target)

    assert fingerprint(folder) != before


def test_a_pipe_makes_another_folder_and_is_not_read(folder: Path) -> None:
    before = fingerprint(folder)
    os.mkfifo(folder / "pipe")

    assert fingerprint(folder) != before


def test_a_name_that_is_no_text_has_its_bytes(folder: Path) -> None:
    before = fingerprint(folder)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).touch()

    assert fingerprint(folder) != before


def test_a_file_is_known_by_its_content_and_a_link_or_a_pipe_is_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    (tmp_path / "link").symlink_to(file)
    os.mkfifo(tmp_path / "pipe")
    digest = hashlib.sha256(b"x").hexdigest()

    assert has_sha256(file, digest)
    assert not has_sha256(file, "0" * 64)
    assert not any(has_sha256(tmp_path / name, digest) for name in ("link", "pipe", "nowhere"))


def test_the_content_of_one_file_is_what_sha256sum_prints_wherever_it_is(folder: Path) -> None:
    file = folder / "model.py"
    (folder / "parts" / "w").unlink()

    assert content_fingerprint([file]) == content_fingerprint([folder]) == hashlib.sha256(b"x").hexdigest()
    assert content_fingerprint([]) == ""


def test_the_content_of_several_files_is_that_of_their_folder(folder: Path) -> None:
    whole = content_fingerprint([folder / "parts" / "w", folder / "model.py"])
    (folder / "parts" / "w").rename(folder / "w")
    (folder / "parts").rmdir()

    assert whole == content_fingerprint([folder]) == fingerprint(folder)
