from __future__ import annotations

from pathlib import Path

import pytest

from turnout import StepDeclaration
from turnout.errors import ConfigurationError
from turnout_vision.labels.given_labels import read_given_labels


@pytest.fixture
def place(tmp_path: Path) -> StepDeclaration:
    return StepDeclaration("classify", "photos", tmp_path)


def test_a_list_is_taken_as_it_is(place: StepDeclaration) -> None:
    assert read_given_labels(("cat", " dog "), place, "labels") == ("cat", " dog ")


@pytest.mark.parametrize("content", ["tabby, cat\ndöner\n", "tabby, cat\ndöner", "\ufefftabby, cat\r\n  döner \r\n\r\n"])
def test_a_file_has_a_label_a_line(place: StepDeclaration, content: str) -> None:
    (place.folder / "labels.txt").write_bytes(content.encode())

    assert read_given_labels("labels.txt", place, "labels") == ("tabby, cat", "döner")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cat\n\ndog\n", "line 2 is empty"),
        (b"", "line 1 is empty"),
        (b"\n\n", "line 1 is empty"),
        (b"cat\n\xff\xfe", "is not a text: line 2 is not UTF-8"),
        (b"x" * (16 * 1024 * 1024 + 1), "bytes at most"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(place: StepDeclaration, content: bytes, message: str) -> None:
    file = place.folder / "labels.txt"
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match=message) as caught:
        read_given_labels("labels.txt", place, "labels")
    assert "step 'classify' of pipeline 'photos': labels file" in str(caught.value)
    assert "labels.txt" in str(caught.value)
    assert len(str(caught.value)) <= 500

    file.write_text("cat\n", "utf-8")
    assert read_given_labels("labels.txt", place, "labels") == ("cat",)


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_no_file_is_refused(place: StepDeclaration, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read: .*; check the path, or write a list"):
        read_given_labels(name, place, "labels")
