"""The copy of a checkpoint in the format ``generate``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from turnout.errors import ExportError
from turnout_triton.server.generate_export import copy_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Return a checkpoint in the layout of huggingface_hub's cache: links to a folder of blobs."""
    folder = tmp_path / "models--x" / "snapshots" / "0123"
    (folder / "parts").mkdir(parents=True)
    (tmp_path / "models--x" / "blobs").mkdir()
    (tmp_path / "models--x" / "blobs" / "abc").write_text("weights")
    (folder / "parts" / "w.bin").symlink_to("../../../blobs/abc")
    (folder / "config.json").write_text("{}")
    return folder


def test_the_links_of_a_cache_become_files(checkpoint: Path, tmp_path: Path) -> None:
    copy_checkpoint(checkpoint, tmp_path / "copy", "m")

    assert {str(file.relative_to(tmp_path / "copy")): file.read_text() for file in (tmp_path / "copy").rglob("*.*")} == {
        "config.json": "{}",
        "parts/w.bin": "weights",
    }
    assert not (tmp_path / "copy" / "parts" / "w.bin").is_symlink()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../secret", "/dev/zero", "..", "/", "loop", "nowhere"])
def test_a_link_that_leads_out_is_not_published(target: str, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (checkpoint / "loop").symlink_to("loop2")
    (checkpoint / "loop2").symlink_to("loop")
    (checkpoint / "config.json").unlink()
    (checkpoint / "config.json").symlink_to(target)

    with pytest.raises(ExportError, match=r"leads out of the checkpoint; copy it there|is no regular file"):
        copy_checkpoint(checkpoint, tmp_path / "copy", "m")


def test_a_pipe_is_no_file_of_a_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    os.mkfifo(checkpoint / "pipe")

    with pytest.raises(ExportError, match="is no regular file; remove it"):
        copy_checkpoint(checkpoint, tmp_path / "copy", "m")
