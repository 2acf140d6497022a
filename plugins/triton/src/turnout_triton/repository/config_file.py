"""The file config.pbtxt: its content, and whether turnout export wrote it.

The first line of a generated file has a hash of the rest. A file without that line, or with another hash, was written or edited
by hand.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, text_of
from turnout.files.limits import MODEL_CONFIG
from turnout.files.regular import read_regular
from turnout.files.strict_json import parse_json
from turnout_triton.repository.config_text import (
    check_shape,
    comments_of,
    decode,
    encode,
    has_broken_quotes,
    printable,
    without_broken_bytes,
)

_MARK = "# Written by turnout export from turnout.yaml; edit that one. An edited file is kept. sha256: "
_MARKED = re.compile(rf"{re.escape(_MARK)}(?P<hash>[0-9a-f]{{64}})\n(?P<body>.*)\Z", re.DOTALL)
_KEPT = "# Kept from the file that was here before, because turnout.yaml does not say it: "
_DATA = "# Written with it, by SHA-256: "


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A config.pbtxt.

    Attributes:
        config: Triton's ModelConfig.
        generated: turnout export wrote the file, and it is unchanged.
        kept: the entries of a generated file that come from the hand-written file that it replaced.
        data: the SHA-256 of the files that were written with a generated file, by their names in the model's folder.
        comments: the comments of a hand-written file, or those that a generated file kept.
        incomplete: what ``config`` lacks of the file, because it cannot be read here; empty if it lacks nothing.
    """

    config: Any
    generated: bool
    kept: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    incomplete: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


def new_config() -> Any:
    """Return an empty ModelConfig of Triton's."""
    from tritonclient.grpc import model_config_pb2

    return model_config_pb2.ModelConfig()


def copy_of(message: Any) -> Any:
    """Return a copy of a protobuf message."""
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def config_from(fields: dict[str, Any]) -> Any:
    """Return the ModelConfig with ``fields``, by Triton's names."""
    from google.protobuf import json_format

    return json_format.ParseDict(fields, new_config())


def fields_of(message: Any) -> dict[str, Any]:
    """Return the fields that are set in a protobuf message, by Triton's names."""
    from google.protobuf import json_format

    fields: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return fields


def config_bytes(
    config: Any, kept: Sequence[str] = (), comments: Sequence[str] = (), files: Mapping[str, bytes] | None = None
) -> bytes:
    """Return the content of a config.pbtxt for ``config``, which is published with ``files``.

    The first line has its hash; ``kept``, the hashes of ``files``, and ``comments`` follow.
    """
    from google.protobuf import text_format

    data = {name: hashlib.sha256(content).hexdigest() for name, content in (files or {}).items()}
    lines = [*([_KEPT + json.dumps(list(kept))] if kept else []), *([_DATA + json.dumps(data)] if data else []), *comments]
    text = text_format.MessageToString(config, use_short_repeated_primitives=True, as_utf8=True)
    body = encode("".join(f"{line}\n" for line in lines) + text)
    return f"{_MARK}{hashlib.sha256(body).hexdigest()}\n".encode() + body


def read_config(file: Path) -> ConfigFile | None:
    """Return the content of ``file``; None if there is no such file.

    Raises:
        ConfigurationError: it is not a config.pbtxt.
    """
    if not os.path.lexists(file):  # a link that leads nowhere is an error below
        return None
    try:
        text = decode(read_regular(file, MODEL_CONFIG), str(file))
    except OSError as error:
        raise ConfigurationError(f"{str(file)!r} cannot be read: {error.strerror or text_of(error)}; correct it") from error
    config, incomplete = _parse(text, file)
    marked = _MARKED.match(text)
    generated = marked is not None and hashlib.sha256(encode(marked["body"])).hexdigest() == marked["hash"]
    comments = comments_of(text)
    notes = comments if generated else ()
    kept = tuple(str(name) for names in _noted(notes, _KEPT, list, file) for name in names)
    data = {str(name): str(digest) for digests in _noted(notes, _DATA, dict, file) for name, digest in digests.items()}
    own = tuple(line for line in comments if not line.startswith((_MARK, _KEPT, _DATA)))
    return ConfigFile(config, generated, kept, own, incomplete, data)


def _noted(comments: Sequence[str], start: str, kind: type, file: Path) -> list[Any]:
    """Return what the comments that begin with ``start`` note, as JSON of one ``kind``."""
    try:
        values = [parse_json(line.removeprefix(start), MODEL_CONFIG) for line in comments if line.startswith(start)]
        if all(isinstance(value, kind) for value in values):
            return values
        reason = f"no {kind.__name__}"
    except ValueError as error:
        reason = text_of(error)
    raise ConfigurationError(f"{str(file)!r} cannot be read: its line {start.strip()!r} is {reason}; remove it")


def _parse(text: str, file: Path) -> tuple[Any, str]:
    """Return the config in ``text``, and what it lacks."""
    from google.protobuf import text_format

    config, readable = new_config(), without_broken_bytes(text)
    check_shape(readable, str(file))
    try:
        # A newer Triton may know more fields than these protobuf classes.
        text_format.Parse(readable, config, allow_unknown_field=True)
    except (text_format.ParseError, UnicodeError) as error:
        raise ConfigurationError(
            f"{str(file)!r} cannot be read as a model config: {printable(text_of(error))}; fix that line"
        ) from error
    if has_broken_quotes(text):
        return config, "a text with bytes that are not UTF-8; save the file as UTF-8"
    try:
        text_format.Parse(readable, new_config())
    except text_format.ParseError as error:
        known = f"a field that this version of tritonclient does not know ({text_of(error)})"
        return config, f"{known}; correct its name, or, if a newer Triton has it, install a newer one"
    return config, ""
