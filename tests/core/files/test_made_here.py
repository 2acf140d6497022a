from __future__ import annotations

import stat
from pathlib import Path

import pytest

from turnout.files.made_here import is_made_here, remember_made_here

DIGEST = "0" * 63 + "a"


def test_a_file_that_was_made_here_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    remember_made_here(DIGEST)

    assert is_made_here(DIGEST)
    assert not is_made_here("0" * 64)
    assert stat.S_IMODE((tmp_path / "turnout" / "made").stat().st_mode) == 0o700


@pytest.mark.parametrize("text", ["", ".", "..", "../made", "/etc/passwd", DIGEST + "\n", DIGEST.upper()])
def test_only_a_sha256_can_be_made_here(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    remember_made_here(DIGEST)

    assert not is_made_here(text)


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    with pytest.raises(OSError, match="Not a directory"):
        remember_made_here(DIGEST)
    assert not is_made_here(DIGEST)


def test_a_user_without_a_home_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))

    with pytest.raises(OSError, match="no home; set XDG_STATE_HOME"):
        remember_made_here(DIGEST)
    assert not is_made_here(DIGEST)
