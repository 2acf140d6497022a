"""Devices in the code, and words that look like them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.scan.marked import check_marks, check_silent

RULE = "fixed-device"
BUGS = {
    "to, cuda and device": """
        import torch
        from transformers import AutoModel, pipeline
        def run(x):
            x.to("cuda")  #! fixed-device
            x.to(device="cuda:1")  #! fixed-device
            x.to(torch.float16, "mps")  #! fixed-device
            x.cuda()  #! fixed-device
            torch.zeros(3, device="cuda")  #! fixed-device
            pipeline("image-to-text", device=0)  #! fixed-device
            AutoModel.from_pretrained("m", device_map="auto")  #! fixed-device
            torch.cuda.set_device(1)  #! fixed-device
            torch.set_default_device("cuda")  #! fixed-device
        """,
    "through names": {
        "config.py": "import torch\nDEVICE = torch.device('cuda' if torch.cuda.is_available() else 'cpu')\nINDEX = 1\n",
        "app.py": """
            import config as c
            from config import DEVICE as D
            import torch
            def run(x, where=D):
                x.to(c.DEVICE)  #! fixed-device
                x.to(where)  #! fixed-device
                x.to(f"cuda:{c.INDEX}")  #! fixed-device
            """,
    },
    "providers": """
        import onnxruntime as ort
        s = ort.InferenceSession("m.onnx", providers=["CUDAExecutionProvider", "CPUExecutionProvider"])  #! fixed-device
        """,
    "a predictor": """
        from ultralytics import YOLO
        yolo = YOLO("y.pt")
        def run(x): return yolo.predict(x, device="cuda:0")  #! fixed-device
        """,
}
NEAR_MISSES = {
    "the CPU and datatypes": """
        import onnxruntime as ort, torch
        from transformers import pipeline
        def run(x):
            x.to("cpu"), x.to(torch.float32), x.to(device="cpu"), x.cpu(), torch.zeros(3, device="cpu"), x.to(x.device)
            pipeline("image-to-text", device=-1)
            ort.InferenceSession("m.onnx", providers=["CPUExecutionProvider"])
        """,
    "a file without a runtime": "def run(x):\n    x.to('cuda')\n    x.cuda()\n",
    "another to": """
        import torch
        class Mail:
            def to(self, name): ...
            def cuda(self): ...
        def run(): return Mail().to("cuda"), Mail().cuda()
        """,
    "device of another package": """
        import torch, audio
        def run(): return audio.play("x.wav", device="cuda"), audio.open(device=0)
        """,
    "inside a torch module": """
        import torch
        class Net(torch.nn.Module):
            def forward(self, x): return torch.zeros(3, device="cuda") + x.cuda()
        """,
    "a question": "import torch\nbusy = torch.cuda.is_available() and torch.cuda.device_count()\n",
}


@pytest.mark.parametrize("files", BUGS.values(), ids=BUGS)
def test_a_fixed_device_is_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_marks(tmp_path, files, RULE)


@pytest.mark.parametrize("files", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_what_fixes_no_device_is_not_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_silent(tmp_path, files, RULE)
