"""The end of a process with a shadow; ``middleware/test_shadow.py`` has the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from turnout.rollout.shadow import read_shadow_evidence

PROGRAM = """
import pathlib, sys, threading
import numpy as np
from turnout import InferenceRequest, ModelInference
from turnout.middleware.shadow import Shadow
from turnout.rollout.shadow import ShadowLedger, ShadowPolicy
from turnout.testing import PlusOne

class NoMeter:
    def count(self, verdict, error=None): pass
    def observe(self, primary_seconds, shadow_seconds): pass

started = threading.Event()

class Hangs(ModelInference):
    def infer(self, request):
        started.set()
        threading.Event().wait()

arm = {"hangs": Hangs, "answers": PlusOne}[sys.argv[1]]()
ledger = ShadowLedger("m", "first", "second", meter=NoMeter(), file=pathlib.Path(sys.argv[2]))
shadow = Shadow(PlusOne(), arm, ShadowPolicy(fraction=1.0, closing_seconds=0.2), ledger)
for _ in range(3):
    print(shadow.infer(InferenceRequest({"x": np.ones(1)}))["x"])
if sys.argv[1] == "hangs":
    assert started.wait(20)
if sys.argv[3] == "close":
    shadow.close()
"""


@pytest.mark.parametrize("end", ["close", "exit"])
@pytest.mark.parametrize("arm", ["hangs", "answers"])
def test_the_process_ends_and_the_evidence_is_on_disk(tmp_path: Path, arm: str, end: str) -> None:
    file = tmp_path / "e.json"

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, arm, str(file), end], timeout=30, check=True, capture_output=True, text=True
    )

    assert done.stdout == "[2.]\n" * 3
    evidence = read_shadow_evidence(file)
    assert evidence is not None
    assert evidence.mirrored == 3
