from __future__ import annotations

from pathlib import Path

import pytest

from turnout import StepDeclaration
from turnout.errors import ConfigurationError, UnknownNameError
from turnout_vision.text_reading.characters import find_characters


def field(number: int, content: bytes) -> bytes:
    """Return a protobuf field with a length."""
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def onnx_file(**metadata: str) -> bytes:
    """Return an ONNX file with ``metadata`` behind a graph of some size."""
    entries = (field(14, field(1, key.encode()) + field(2, value.encode())) for key, value in metadata.items())
    return field(7, bytes(30_000)) + b"".join(entries)


def declaration(folder: Path, **backends: dict[str, object]) -> StepDeclaration:
    return StepDeclaration("read_text", "read", folder, {"reader": backends})


def test_reads_the_metadata_of_the_onnx_file_of_a_backend(tmp_path: Path) -> None:
    (tmp_path / "reader.onnx").write_bytes(onnx_file(author="x", character="a\nb\n\u3000\n疗"))

    found = find_characters(declaration(tmp_path, triton={}, onnxruntime={"path": "reader.onnx"}), "reader", None)

    assert found.read() == ("a", "b", "\u3000", "疗")


@pytest.mark.parametrize("version", ["1/model.onnx", "model.onnx", "2/model.onnx/model.onnx"])
def test_reads_the_file_of_a_folder_in_a_model_repository(tmp_path: Path, version: str) -> None:
    file = tmp_path / "repository" / "reader" / version
    file.parent.mkdir(parents=True)
    file.write_bytes(onnx_file(character="a\nb"))

    assert find_characters(declaration(tmp_path, onnxruntime={"path": "repository/reader"}), "reader", None).read() == (
        "a",
        "b",
    )


def test_a_text_file_comes_before_the_model(tmp_path: Path) -> None:
    (tmp_path / "reader.onnx").write_bytes(onnx_file(character="a"))
    (tmp_path / "keys.txt").write_bytes(b"b\nc\n")

    found = find_characters(declaration(tmp_path, onnxruntime={"path": "reader.onnx"}), "reader", Path("keys.txt"))

    assert found.read() == ("b", "c")


@pytest.mark.parametrize(
    ("content", "characters"),
    [
        (b"a\r\nb\r\n", ("a", "b")),
        ("\ufeffa\nb".encode(), ("a", "b")),
        (b"a\n \nb\n", ("a", " ", "b")),
        # A recognizer may know what str.splitlines takes for the end of a line.
        ("\x0b\n\x85\n\u2028\nz\n".encode(), ("\x0b", "\x85", "\u2028", "z")),
        (b"a\n\nb", ("a", "", "b")),
    ],
)
def test_each_line_is_a_character(tmp_path: Path, content: bytes, characters: tuple[str, ...]) -> None:
    (tmp_path / "keys.txt").write_bytes(content)

    assert find_characters(declaration(tmp_path), "reader", Path("keys.txt")).read() == characters


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("keys.txt", b"", "no line"),
        ("keys.txt", b"a\n\xff\n", "line 2 is not UTF-8"),
        ("reader.onnx", onnx_file(author="x"), "no 'character' in its metadata"),
        ("reader.onnx", onnx_file(character="a\nb" * 200)[:-300], "cut short"),
        ("reader.onnx", b"", "it is empty"),
        ("reader.onnx", b"PK\x03\x04 no protobuf at all", "cannot be read"),
    ],
)
def test_a_file_without_characters_is_refused_by_its_name(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ConfigurationError, match=reason) as refused:
        find_characters(declaration(tmp_path), "reader", Path(name)).read()

    assert name in str(refused.value)
    assert "write `characters:`" in str(refused.value)


def test_a_model_without_an_onnx_file_needs_a_file_of_characters(tmp_path: Path) -> None:
    (tmp_path / "reader.pt").write_bytes(b"x")
    backends: dict[str, dict[str, object]] = {
        "triton": {"url": "localhost:8001"},
        "direct": {"path": "reader.pt"},
        "onnxruntime": {"path": "gone.onnx"},
    }

    with pytest.raises(ConfigurationError, match=r"no backend of model 'reader' has an ONNX file.*write `characters:`"):
        find_characters(declaration(tmp_path, **backends), "reader", None)


def test_a_missing_file_and_a_missing_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"characters is 'gone.txt', and there is no file"):
        find_characters(declaration(tmp_path), "reader", Path("gone.txt"))
    with pytest.raises(UnknownNameError, match=r"unknown model 'raeder'.*Did you mean 'reader'"):
        find_characters(declaration(tmp_path), "raeder", None)
