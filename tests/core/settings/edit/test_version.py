"""The line of turnout.yaml that chooses a version."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.errors import SettingsError
from turnout.plugins.discovery import Plugins
from turnout.settings import load_settings
from turnout.settings.edit.file_edit import FileEdit
from turnout.settings.edit.version import edit_version

FILE = """\
models:
  m:  # the model
    backend: a  # serves
    # its options
    backends: {a: {}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "turnout.yaml"
    file.write_text(FILE, "utf-8")
    return file


def switch(file: Path, version: int) -> str:
    edit = FileEdit(file, "m")
    change = edit_version(edit, version)
    edit.write()
    return str(change)


def test_a_version_is_written_below_the_backend_and_comments_stay(file: Path) -> None:
    first = switch(file, 2)
    written = file.read_text("utf-8")
    second = switch(file, 3)

    assert written == FILE.replace("# serves\n", "# serves\n    version: 2\n")
    assert file.read_text("utf-8") == written.replace("version: 2", "version: 3")
    assert first.startswith(f"{file}:4: model 'm' chose no version, is on version 2 now\n---")
    assert second.startswith(f"{file}:4: model 'm' was on version 2, is on version 3 now\n---")


def test_the_present_version_changes_nothing(file: Path) -> None:
    switch(file, 2)
    before = file.read_bytes()

    text = switch(file, 2)

    assert text == f"{file}:4: model 'm' is already on version 2; the file is unchanged"
    assert file.read_bytes() == before


def test_a_version_in_quotes_becomes_a_number(file: Path) -> None:
    file.write_text(FILE.replace("# serves\n", '# serves\n    version: "1"  # pinned\n'), "utf-8")

    assert "already on version 1" in switch(file, 1)
    switch(file, 2)

    assert "    version: 2  # pinned\n" in file.read_text("utf-8")


@pytest.mark.parametrize("written", ["0", "-1", "1.5", "latest", "true", "[1]", "01x"])
def test_what_is_no_version_is_refused_with_its_line(file: Path, written: str) -> None:
    file.write_text(FILE.replace("# serves\n", f"# serves\n    version: {written}\n"), "utf-8")

    with pytest.raises(SettingsError, match=r"turnout.yaml:4:\d+: models\.m\.version: "):
        load_settings(file, registry=Plugins([]))
