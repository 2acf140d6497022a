"""Model repositories of strangers for ``turnout triton serve``: Triton runs a model's code without a question."""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Iterator, Mapping

import onnx
from onnx import TensorProto, helper
from tests.hostile.case import Case, Prepare
from tests.hostile.sandbox import Sandbox

from turnout_triton.server.private_environment import default_folder

ONNX = 'platform: "onnxruntime_onnx"\n'
PYTHON = 'backend: "python"\n'
MODEL_PY = """
open({mark!r}, "w")
class TritonPythonModel:
    def execute(self, requests):
        return []
"""


@functools.cache
def _onnx() -> bytes:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [values[0]], [values[1]])
    stream = io.BytesIO()
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), stream)
    return stream.getvalue()


def _serve(sandbox: Sandbox, models: Mapping[str, Mapping[str, str]], *options: str) -> list[str]:
    """Return the command that serves ``models``, files by name, until a client that does nothing ends."""
    for name, files in {"good": {"config.pbtxt": ONNX, "1/model.onnx": ""}, **models}.items():
        for file, text in files.items():
            path = sandbox.work / "models" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_onnx() if file.endswith("model.onnx") else text.encode())
    # The sandbox has a home of its own, into which Triton would be installed again.
    server = ("--environment", str(default_folder()), "--quiet", "--grace", "0")
    return sandbox.turnout("triton", "serve", "--repository", "models", *server, *options, "--", "true")


def good(sandbox: Sandbox) -> list[str]:
    return _serve(sandbox, {})


def stranger(name: str, files: Mapping[str, str], *options: str) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        code = MODEL_PY.format(mark=str(sandbox.executed))
        return _serve(sandbox, {name: {file: code if text == "CODE" else text for file, text in files.items()}}, *options)

    return prepare


def _forged(sandbox: Sandbox) -> list[str]:
    """A model of a stranger with records that say it was exported here."""
    code = MODEL_PY.format(mark=str(sandbox.executed))
    digest = hashlib.sha256(code.encode()).hexdigest()
    record = (
        f'{{"format": 1, "model": "m", "topic": "export", "verdict": "match", "at": "2026", "facts": {{"sha256": "{digest}"}}}}'
    )
    files = {"config.pbtxt": PYTHON, "1/model.py": code, "turnout.export.json": record, f"turnout/made/{digest}": ""}
    return _serve(sandbox, {"m": files})


def cases() -> Iterator[Case]:
    """Yield repositories with code."""
    settings: dict[str, Prepare] = {
        "model_py": stranger("m", {"config.pbtxt": PYTHON, "1/model.py": "CODE"}),
        "model_py_without_config": stranger("m", {"1/model.py": "CODE"}),
        "hidden_folder": stranger(".m", {"config.pbtxt": PYTHON, "1/model.py": "CODE"}),
        "second_version": stranger("m", {"config.pbtxt": PYTHON, "1/model.py": "CODE", "2/model.py": "CODE"}),
        "name_like_an_option": stranger("--trust", {"config.pbtxt": PYTHON, "1/model.py": "CODE"}),
        "name_with_escapes": stranger("m\x1b[2J", {"config.pbtxt": PYTHON, "1/model.py": "CODE"}),
        "name_with_a_line": stranger("m\nerror: forged", {"config.pbtxt": PYTHON, "1/model.py": "CODE"}),
        "torchscript": stranger("m", {"config.pbtxt": 'platform: "pytorch_libtorch"\n', "1/model.pt": "text"}),
        "library_of_the_backend": stranger(
            "m", {"config.pbtxt": ONNX, "1/model.onnx": "", "1/libtriton_onnxruntime.so": "\x7fELF"}
        ),
        "library_in_the_model": stranger(
            "m", {"config.pbtxt": ONNX, "1/model.onnx": "", "libtriton_onnxruntime.so": "\x7fELF"}
        ),
        "backend_of_a_path": stranger(
            "m", {"config.pbtxt": 'backend: "../../models/m"\n', "1/model.onnx": "", "model.py": "CODE"}
        ),
        "custom_operators": stranger(
            "m", {"config.pbtxt": ONNX + 'model_operations { op_library_filename: "/tmp/x.so" }\n', "1/model.onnx": ""}
        ),
        "runtime": stranger("m", {"config.pbtxt": ONNX + 'runtime: "model.py"\n', "1/model.onnx": "", "1/model.py": "CODE"}),
        "environment": stranger(
            "m",
            {
                "config.pbtxt": PYTHON
                + 'parameters { key: "EXECUTION_ENV_PATH" value { string_value: "$$TRITON_MODEL_DIRECTORY/env" } }\n',
                "1/model.py": "CODE",
            },
        ),
        "member_of_an_ensemble": stranger(
            "m",
            {
                "config.pbtxt": 'platform: "ensemble"\nensemble_scheduling { step { model_name: "n" model_version: -1 } }\n',
                "1/x": "",
                "../n/config.pbtxt": PYTHON,
                "../n/1/model.py": "CODE",
            },
            "--model",
            "m",
        ),
        "forged_records": _forged,
        "unknown_in_trust": stranger("m", {"config.pbtxt": PYTHON, "1/model.py": "CODE"}, "--trust", "other"),
        "another_in_trust": stranger("m", {"config.pbtxt": PYTHON, "1/model.py": "CODE"}, "--trust", "good"),
    }
    for name, prepare in settings.items():
        yield Case(f"served_code/repository/{name}", prepare, good)
