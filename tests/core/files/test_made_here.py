from __future__ import annotations

import stat
from pathlib import Path

import pytest

from turnout.files.made_here import MADE_HERE

DIGEST = "0" * 63 + "a"


def test_a_file_that_was_made_here_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    MADE_HERE.add(DIGEST)

    assert DIGEST in MADE_HERE
    assert "0" * 64 not in MADE_HERE
    assert stat.S_IMODE((tmp_path / "turnout" / "made").stat().st_mode) == 0o700


@pytest.mark.parametrize("text", ["", ".", "..", "../made", "/etc/passwd", DIGEST + "\n", DIGEST.upper()])
def test_only_a_sha256_can_be_made_here(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    MADE_HERE.add(DIGEST)

    assert text not in MADE_HERE


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    with pytest.raises(OSError, match="Not a directory"):
        MADE_HERE.add(DIGEST)
    assert DIGEST not in MADE_HERE


def test_a_user_without_a_home_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))

    with pytest.raises(OSError, match="no home; set XDG_STATE_HOME"):
        MADE_HERE.add(DIGEST)
    assert DIGEST not in MADE_HERE
