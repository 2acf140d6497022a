from __future__ import annotations

from pathlib import Path

import pytest

from turnout.errors import ConfigurationError
from turnout.files.inside import is_inside, path_inside, place_inside

OUTSIDE = [
    "",
    ".",
    "..",
    "../x",
    "a/../../x",
    "/etc/passwd",
    "a/../..",
    "C:\\x",
    "..\\x",
    "\\\\host\\share",
    "a\0b",
    "~/../../x",
    "half of a pair \ud800",
    "a" * 256,
    "a/" * 3000 + "b",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    assert not is_inside(name)
    for find in (path_inside, place_inside):
        with pytest.raises(ConfigurationError, match="is no path below"):
            find(folder, name)


@pytest.mark.parametrize("name", ["a", "a/b.raw", "./a", "a..b", "...", "$HOME", "a b"])
def test_a_name_below_the_folder_is_its_path(name: str, tmp_path: Path) -> None:
    assert path_inside(tmp_path, name) == place_inside(tmp_path, name) == tmp_path / name


def test_a_link_that_leads_out_is_no_path_and_may_be_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "victim").write_text("x")
    (folder / "link").symlink_to("../victim")

    assert place_inside(folder, "link") == folder / "link"
    with pytest.raises(ConfigurationError, match="is no path below"):
        path_inside(folder, "link")
    assert path_inside(folder, "link", tmp_path) == folder / "link"


@pytest.mark.parametrize("target", ["..", "../other", "/", "loop"])
def test_a_place_behind_a_folder_that_is_a_link_is_refused(target: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "warmup").symlink_to(target)

    for find in (path_inside, place_inside):
        with pytest.raises(ConfigurationError, match="is no path below"):
            find(folder, "warmup/data")


def test_links_inside_are_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")

    assert path_inside(tmp_path, "link/x") == place_inside(tmp_path, "link/x") == tmp_path / "link" / "x"
