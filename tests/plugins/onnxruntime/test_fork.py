"""A forked child gets an error, in every configuration, and neither hangs nor crashes at exit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = """
import os, sys, threading
import numpy as np
from turnout import InferenceRequest, ModelDeclaration
from turnout.errors import ForkedAfterLoadError
from turnout_onnxruntime.opening import open_model
from turnout_onnxruntime.options import OnnxruntimeOptions

path, threads, mode = sys.argv[1:]
options = OnnxruntimeOptions(path=path, intra_op_num_threads=threads, inter_op_num_threads=threads, execution_mode=mode)
request = InferenceRequest({"x": np.ones((2000, 3), np.float32)})
model = open_model(ModelDeclaration("m"), options)
model.infer(request)
stop = threading.Event()


def work():
    while not stop.is_set():
        model.infer(request)


busy = threading.Thread(target=work)
busy.start()
child = os.fork()
if child == 0:
    try:
        model.infer(request)
    except ForkedAfterLoadError as error:
        assert "call turnout.open after the fork" in str(error)
        assert not model.ready()
        model.close()
        sys.exit(7)
    sys.exit(1)
_, status = os.waitpid(child, 0)
stop.set()
busy.join()
assert model.infer(request)["y"].shape == (2000, 3)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("mode", ["sequential", "parallel"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_child_gets_an_error_and_exits(threads: int, mode: str, identity: Callable[..., Path]) -> None:
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(identity("FP32")), str(threads), mode]

    ended = subprocess.run(command, timeout=60, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (7, "")
