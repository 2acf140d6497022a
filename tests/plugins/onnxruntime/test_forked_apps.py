"""A model that an app opened before a fork answers in the child, in its own session."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Prints a letter for each child: answered, failed, or hung until its alarm.
PROGRAM = """
import os, signal, sys, threading
import numpy as np
import turnout

path, busy, children = sys.argv[1], sys.argv[2] == "busy", int(sys.argv[3])
model = {"backend": "onnxruntime", "preload": True, "backends": {"onnxruntime": {"path": path}}}
app = turnout.open({"models": {"m": model}})
request = {"x": np.ones((2000, 3), np.float32)}
app.model("m").infer(request)
stop = threading.Event()


def work():
    while busy and not stop.is_set():
        app.model("m").infer(request)


threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(children):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        good = all(app.model("m").infer(request, timeout_seconds=20)["y"].shape == (2000, 3) for _ in range(5))
        app.close()
        sys.stdout.flush()
        os._exit(0 if good else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), end=" ")
stop.set()
for thread in threads:
    thread.join()
assert app.model("m").infer(request)["y"].shape == (2000, 3)
app.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("parent", ["idle", "busy"])
def test_children_of_an_app_with_an_open_model_answer(parent: str, identity: Callable[..., Path]) -> None:
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(identity("FP32")), parent, "4"]

    ended = subprocess.run(command, timeout=180, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (0, ["0"] * 4, "")
