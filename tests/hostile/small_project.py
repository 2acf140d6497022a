"""A project of one ONNX model, one pipeline and one request, small enough for a hundred cases."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from tests.core.tensors.test_protobuf import field, varint
from tests.hostile.sandbox import Sandbox

TURNOUT_YAML = """\
models:
  m:
    backend: onnxruntime
    max_batch_size: 4
    backends:
      onnxruntime: {path: model_repository/m}
pipelines:
  look: [load_image]
"""
WITH_TRITON = TURNOUT_YAML.replace("pipelines:", "      triton: {url: localhost:1}\npipelines:")
CONFIG = """\
name: "m"
platform: "onnxruntime_onnx"
max_batch_size: 4
input [ { name: "x" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 4 ] } ]
"""
READ = """\
import sys
from pathlib import Path
from turnout.errors import TurnoutError
{imports}
try:
    {call}
except TurnoutError as error:
    print("error:", error, file=sys.stderr)
    sys.exit(2)
"""


def write_project(sandbox: Sandbox, settings: str = TURNOUT_YAML) -> Path:
    """Write the project into ``work``, and return that folder."""
    work = sandbox.work
    (work / "turnout.yaml").write_text(settings)
    version = work / "model_repository" / "m" / "1"
    version.mkdir(parents=True)
    (version / "model.onnx").write_bytes(onnx_model())
    (work / "x.npz").write_bytes(record())
    (work / "photo.png").write_bytes(picture())
    return work


def reads(sandbox: Sandbox, imports: str, call: str) -> list[str]:
    """Return a program that makes ``call`` and ends with 2 if that raises an error of Turnout's."""
    return sandbox.python(READ.format(imports=imports, call=call))


def onnx_model(graph: bytes = b"") -> bytes:
    """Return the model ``y = x`` for x FP32 [n, 4]; ``graph`` is added to its graph."""
    node = _text(1, "x") + _text(2, "y") + _text(4, "Identity")
    body = field(1, 2, node) + _text(2, "g") + graph + field(11, 2, value_info("x")) + field(12, 2, value_info("y"))
    return field(1, 0, varint(8)) + field(7, 2, body) + field(8, 2, _text(1, "") + field(2, 0, varint(17)))


def value_info(name: str, dimensions: bytes | None = None) -> bytes:
    """Return the declaration of a tensor FP32 [n, 4], or with other ``dimensions``."""
    known = field(1, 2, _text(2, "n")) + field(1, 2, field(1, 0, varint(4)))
    shape = field(2, 2, known if dimensions is None else dimensions)
    return _text(1, name) + field(2, 2, field(1, 2, field(1, 0, varint(1)) + shape))


def record() -> bytes:
    """Return a request as an .npz file."""
    stream = io.BytesIO()
    np.savez(stream, x=np.ones((2, 4), np.float32))
    return stream.getvalue()


def picture() -> bytes:
    """Return a PNG of one black pixel."""
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(4))), (b"IEND", b""))
    chunks = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _text(number: int, text: str) -> bytes:
    return field(number, 2, text.encode())
