"""The file config.pbtxt: its text, and whether turnout export wrote it.

The first line of a generated file has a hash of the rest. A file without that line, or with another hash, was written or edited
by hand.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, text_of

_MARK = "# Written by turnout export from turnout.yaml; edit that one. An edited file is kept. sha256: "
_MARKED = re.compile(rf"{re.escape(_MARK)}(?P<hash>[0-9a-f]{{64}})\n(?P<body>.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A config.pbtxt.

    Attributes:
        config: Triton's ModelConfig.
        generated: turnout export wrote the file, and it is unchanged.
    """

    config: Any
    generated: bool


def new_config() -> Any:
    """Return an empty ModelConfig of Triton's."""
    from tritonclient.grpc import model_config_pb2

    return model_config_pb2.ModelConfig()


def config_from(fields: dict[str, Any]) -> Any:
    """Return the ModelConfig with ``fields``, by Triton's names."""
    from google.protobuf import json_format

    return json_format.ParseDict(fields, new_config())


def fields_of(message: Any) -> dict[str, Any]:
    """Return the fields that are set in a protobuf message, by Triton's names."""
    from google.protobuf import json_format

    fields: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return fields


def config_text(config: Any) -> str:
    """Return the text of a config.pbtxt for ``config``, its hash in the first line."""
    from google.protobuf import text_format

    body = text_format.MessageToString(config, use_short_repeated_primitives=True)
    return f"{_MARK}{hashlib.sha256(body.encode()).hexdigest()}\n{body}"


def read_config(file: Path) -> ConfigFile | None:
    """Return the content of ``file``; None if there is no such file.

    Raises:
        ConfigurationError: it is not a config.pbtxt.
    """
    from google.protobuf import text_format

    if not file.is_file():
        return None
    config = new_config()
    try:
        text = file.read_text("utf-8")
        # A newer Triton may know more fields than these protobuf classes.
        text_format.Parse(text, config, allow_unknown_field=True)
    except (text_format.ParseError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"{str(file)!r} cannot be read as a model config: {text_of(error)}; fix that line") from error
    marked = _MARKED.match(text)
    generated = marked is not None and hashlib.sha256(marked["body"].encode()).hexdigest() == marked["hash"]
    return ConfigFile(config, generated)
