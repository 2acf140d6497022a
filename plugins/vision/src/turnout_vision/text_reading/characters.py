"""The characters of a recognizer: of a text file, or of the metadata of its ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from turnout import StepDeclaration
from turnout.errors import ConfigurationError, ModelLoadError, unknown_name
from turnout.files.limits import ONNX, VOCABULARY
from turnout.files.regular import read_regular_text
from turnout.repository.versions import served_version
from turnout.tensors import open_protobuf

_FILENAME = "model.onnx"
# onnx.proto3: ModelProto.metadata_props 14; StringStringEntryProto.key 1, value 2.
_METADATA, _KEY, _VALUE = 14, 1, 2
_CHARACTERS = "character"


@dataclass(frozen=True, slots=True)
class CharacterFile:
    """A file with the characters of a recognizer.

    Attributes:
        file: a text file with one on each line, or an ONNX file with such a text as ``character`` in its metadata, as
            PaddleOCR's converters write it.
        where: the step, for messages.
    """

    file: Path
    where: str

    def read(self) -> tuple[str, ...]:
        """Return the characters.

        Raises:
            ConfigurationError: the file cannot be read, or has no characters.
        """
        is_model = self.file.suffix == ".onnx"
        try:
            text = self._metadata() if is_model else read_regular_text(self.file, VOCABULARY)
        except (OSError, ValueError) as error:
            reason = (error.strerror or error) if isinstance(error, OSError) else error
            raise ConfigurationError(
                f"{self.where}: the characters in {str(self.file)!r} cannot be read: {reason}; write `characters:` with a file "
                "that has one character on each line"
            ) from error
        if not text:
            found = f"no {_CHARACTERS!r} in its metadata" if is_model else "no line"
            raise ConfigurationError(
                f"{self.where}: {str(self.file)!r} has {found}; write `characters:` with a file that has one character on each "
                "line"
            )
        # Not str.splitlines, which also ends a line at characters that a recognizer may know.
        return tuple(line.removesuffix("\r") for line in text.removesuffix("\n").split("\n"))

    def _metadata(self) -> str:
        with open_protobuf(self.file, ONNX) as model:
            entries = model.messages(_METADATA)
            return next((entry.text(_VALUE) for entry in entries if entry.text(_KEY) == _CHARACTERS), "")


def find_characters(declaration: StepDeclaration, model: str, given: Path | None) -> CharacterFile:
    """Return the file that ``given`` names, or else the ONNX file of a backend of ``model``; reads none.

    Raises:
        ConfigurationError: no backend has such a file, or there is none.
        UnknownNameError: there is no such model.
    """
    where = f"step {declaration.name!r} of pipeline {declaration.pipeline!r}"
    if model not in declaration.models:
        raise unknown_name("model", model, declaration.models, f"In {where}.")
    if given is not None:
        chosen = declaration.folder / given
        if not chosen.exists():
            raise ConfigurationError(
                f"{where}: characters is {str(given)!r}, and there is no file {str(chosen)!r}; check the path"
            )
        return CharacterFile(chosen, where)
    paths = [options["path"] for options in declaration.models[model].values() if options.get("path")]
    file = next(filter(None, (_model_file(declaration.folder / str(path)) for path in paths)), None)
    if file is None:
        raise ConfigurationError(
            f"{where}: no backend of model {model!r} has an ONNX file, whose metadata would have the characters; write "
            "`characters:` with a file that has one character on each line, or with the ONNX file"
        )
    return CharacterFile(file, where)


def _model_file(path: Path) -> Path | None:
    """Return the ONNX file at ``path``, or the one that a server would serve from that folder; None if there is none."""
    if path.is_file():
        return path if path.suffix == ".onnx" else None
    if not path.is_dir():
        return None
    try:
        version = served_version(path, _FILENAME)
    except (ModelLoadError, ConfigurationError, OSError):
        return None
    folders = [path] if version is None else [path, path / str(version)]
    # A large model is a folder itself, with the file and its weights inside.
    named = [file for folder in folders for file in (folder / _FILENAME, folder / _FILENAME / _FILENAME)]
    return next((file for file in named if file.is_file()), None)
