"""Sessions that are opened again in each round of a loop, and those of which each round needs its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.scan.marked import check_marks, check_silent

RULE = "load-in-loop"
BUGS = {
    "for": """
        import onnxruntime as ort
        def run(crops):
            for crop in crops:
                session = ort.InferenceSession("m.onnx")  #! load-in-loop
                session.run(None, {"x": crop})
        """,
    "comprehension": """
        import onnxruntime as ort
        def run(crops):
            return [ort.InferenceSession("m.onnx").run(None, {"x": crop}) for crop in crops]  #! load-in-loop
        """,
    "while": """
        import torch
        def watch(camera):
            while True:
                model = torch.jit.load("m.pt")  #! load-in-loop
                model(camera.read())
        """,
    "through a function": """
        import onnxruntime as ort
        def session(): return ort.InferenceSession("m.onnx")  #! load-in-loop
        def run(crops):
            for crop in crops:
                session().run(None, {"x": crop})
        """,
    "a client": """
        import tritonclient.http as http
        def run(crops):
            for crop in crops:
                http.InferenceServerClient(url="h:8000").infer("m", [])  #! load-in-loop
        """,
}
NEAR_MISSES = {
    "one for each file": """
        import onnxruntime as ort
        def sessions(files):
            return {file: ort.InferenceSession(file) for file in files}
        def more(files):
            for file in files:
                name = file.name + ".onnx"
                ort.InferenceSession(name)
        """,
    "before the loop": """
        import onnxruntime as ort
        def run(crops):
            session = ort.InferenceSession("m.onnx")
            for crop in crops:
                session.run(None, {"x": crop})
        """,
    "the items of a loop": """
        import onnxruntime as ort
        def names():
            for one in ort.InferenceSession("m.onnx").get_inputs():
                yield one.name
        def more():
            return [one.name for one in ort.InferenceSession("m.onnx").get_inputs()]
        """,
    "a retry": """
        import torch
        def load():
            while True:
                model = torch.jit.load("m.pt")
                return model
        """,
    "after the loop, in else": """
        import torch
        def load(paths):
            for path in paths:
                if path: break
            else:
                return torch.jit.load("default.pt")
        """,
    "a function in the loop that is only defined": """
        import torch
        def make(names):
            for name in names:
                def load():
                    return torch.jit.load("m.pt")
                register(load)
        """,
    "kept": """
        import torch
        def run(items):
            model = None
            for item in items:
                if model is None:
                    model = torch.jit.load("m.pt")
        """,
}


@pytest.mark.parametrize("files", BUGS.values(), ids=BUGS)
def test_a_load_in_a_loop_is_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_marks(tmp_path, files, RULE)


@pytest.mark.parametrize("files", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_a_load_that_runs_once_is_not_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_silent(tmp_path, files, RULE)
