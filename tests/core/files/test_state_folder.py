from __future__ import annotations

from pathlib import Path

import pytest

from turnout.files.state_folder import make_state_folder


def test_the_folder_is_made_once_and_git_ignores_it(tmp_path: Path) -> None:
    for _ in range(2):
        assert make_state_folder(tmp_path) == tmp_path / ".turnout"

    assert (tmp_path / ".turnout" / ".gitignore").read_text() == "*\n"


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / ".turnout").symlink_to("outside")

    with pytest.raises(OSError, match="it is a link; replace it by a folder"):
        make_state_folder(tmp_path)

    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_in_place_of_gitignore_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".turnout").mkdir()
    (tmp_path / ".turnout" / ".gitignore").symlink_to("../new")

    make_state_folder(tmp_path)

    assert not (tmp_path / "new").exists()
