"""Modules that are run with gradients recorded, and the ways to turn that off."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.scan.marked import check_marks, check_silent

RULE = "missing-no-grad"
MODEL = "import torch\nfrom transformers import AutoModel\nnet = AutoModel.from_pretrained('m')\n"
BUGS = {
    "plain": MODEL + "def run(x): return net(x)  #! missing-no-grad\n",
    "autocast is not enough": MODEL
    + "def run(x):\n    with torch.autocast('cuda'):\n        return net(x)  #! missing-no-grad\n",
    "one of two callers": MODEL
    + "def one(x): return net(x)  #! missing-no-grad\ndef a(x):\n"
    + "    with torch.no_grad():\n        return one(x)\ndef b(x): return one(x)\n",
    "outside of the block": MODEL
    + "def run(x):\n    with torch.no_grad():\n        pass\n    return net.forward(x)  #! missing-no-grad\n",
    "turned on": MODEL + "torch.set_grad_enabled(True)\ndef run(x): return net(x)  #! missing-no-grad\n",
}
NEAR_MISSES = {
    "no_grad": MODEL + "def run(x):\n    with torch.no_grad():\n        return net(x)\n",
    "a decorator": MODEL + "@torch.inference_mode()\ndef run(x): return net(x)\n@torch.no_grad\ndef more(x): return net(x)\n",
    "with another": MODEL
    + "def run(x):\n    with torch.autocast('cuda'), torch.inference_mode():\n        return [net(one) for one in x]\n",
    "every caller": MODEL + "def one(x): return net(x)\ndef run(x):\n    with torch.no_grad():\n        return one(x)\n",
    "for the process": MODEL + "torch.set_grad_enabled(False)\ndef run(x): return net(x)\n",
    "in the function": MODEL + "def run(x):\n    torch.set_grad_enabled(False)\n    return net(x)\n",
    "generate has its own": MODEL + "def run(x): return net.generate(x)\n",
    "frozen": MODEL + "net.requires_grad_(False)\ndef run(x): return net(x)\n",
    "no torch": "import onnxruntime as ort\ns = ort.InferenceSession('m.onnx')\ndef run(x): return s.run(None, x)\n",
    "a pipeline": "from transformers import pipeline\np = pipeline('image-to-text')\ndef run(x): return p(x)\n",
    "training": MODEL + "def train(x):\n    loss = net(x)\n    loss.backward()\n",
}


@pytest.mark.parametrize("files", BUGS.values(), ids=BUGS)
def test_a_missing_no_grad_is_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_marks(tmp_path, files, RULE)


@pytest.mark.parametrize("files", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_a_call_without_gradients_is_not_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_silent(tmp_path, files, RULE)
