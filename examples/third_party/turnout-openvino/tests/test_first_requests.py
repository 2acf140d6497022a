"""The first requests of several threads at once, for which OpenVINO itself is not ready."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import threading
from turnout_openvino.runtime import import_openvino
openvino, started = import_openvino(), []
def first_request():
    started.append(1)
    while len(started) < 4:
        pass
    openvino.Type.f32.to_dtype()
threads = [threading.Thread(target=first_request) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_that_ask_at_once_all_get_an_answer() -> None:
    for _ in range(6):
        subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
