"""A torch model that an app opened before a fork answers in the child, also in the thread that forked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# The parent's main thread runs operators on two threads before it forks, as a model that is used at import does.
PROGRAM = """
import asyncio, os, signal, sys, threading
import numpy as np
import torch
import turnout

door = sys.argv[1]
sizes = {"in_features": 512, "out_features": 512}
direct = {"loader": "factory", "factory": "torch.nn:Linear", "arguments": sizes, "threads": 2}
model = {"backend": "direct", "preload": True, "backends": {"direct": direct}}
app = turnout.open({"models": {"m": model}})
x = {"input": np.ones((512, 512), np.float32)}
torch.set_num_threads(2)
torch.ones(512, 512) @ torch.ones(512, 512)
before = app.model("m").infer(x)["output"].shape


def ask():
    if door == "async":
        return asyncio.run(app.model("m").ainfer(x))["output"].shape
    return app.model("m").infer(x)["output"].shape


child = os.fork()
if child == 0:
    signal.alarm(60)
    shapes = [ask() for _ in range(3)]
    threads = [threading.Thread(target=lambda: shapes.append(ask())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os._exit(0 if shapes == [before] * 5 else 1)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert app.model("m").infer(x)["output"].shape == before
sys.exit(code)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("door", ["sync", "async"])
def test_a_child_of_an_app_with_an_open_model_answers(door: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, door], timeout=180, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")


# Both runtimes in one parent: their engines hung when the end of the child's interpreter destroyed them.
EXIT_PROGRAM = """
import os, signal, sys
import numpy as np
import onnx
import turnout
from onnx import TensorProto, helper

x = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", x[:1], x[1:])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), sys.argv[1])
sizes = {"in_features": 512, "out_features": 512}
direct = {"loader": "factory", "factory": "torch.nn:Linear", "arguments": sizes, "threads": 2}
models = {
    "o": {"backend": "onnxruntime", "preload": True, "backends": {"onnxruntime": {"path": sys.argv[1]}}},
    "d": {"backend": "direct", "preload": True, "backends": {"direct": direct}},
}
app = turnout.open({"models": models})


def ask():
    app.model("o").infer({"x": np.ones((2000, 3), np.float32)})
    app.model("d").infer({"input": np.ones((512, 512), np.float32)})


ask()
child = os.fork()
if child == 0:
    signal.alarm(60)
    ask()
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_ends_after_its_requests(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", EXIT_PROGRAM, str(tmp_path / "m.onnx")]

    ended = subprocess.run(command, timeout=180, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")
