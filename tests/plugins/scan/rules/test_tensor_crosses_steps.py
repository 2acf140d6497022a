"""Torch tensors that leave their function around a model, and those that stay, or are arrays by then."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.scan.marked import check_marks, check_silent

RULE = "tensor-crosses-steps"
MODEL = (
    "import torch\nfrom transformers import AutoModel, AutoProcessor\n"
    "model = AutoModel.from_pretrained('m')\nprocessor = AutoProcessor.from_pretrained('m')\n"
)
BUGS = {
    "returned": MODEL
    + """
def segment(pixels):
    logits = model(pixel_values=pixels).logits
    return logits.sigmoid() > 0.5  #! tensor-crosses-steps
def run(pixels):
    return segment(pixels).tolist()
""",
    "made by another function": MODEL
    + """
def prepare(image):
    return processor(images=image, return_tensors="pt")  #! tensor-crosses-steps
def run(image):
    inputs = prepare(image)
    return model(**inputs).logits.tolist()
""",
    "handed over": MODEL
    + """
def draw(mask): print(mask)
def run(pixels):
    out = model(pixels)
    draw(out.logits)  #! tensor-crosses-steps
""",
    "in a dict, between modules": {
        "seg.py": MODEL
        + """
def segment(pixels):
    return {"mask": torch.sigmoid(model(pixels).logits)}  #! tensor-crosses-steps
""",
        "app.py": "from seg import segment as s\ndef run(x): return s(x)['mask']\n",
    },
    "a method": MODEL
    + """
class Captioner:
    def ids(self, x):
        return model.generate(x)  #! tensor-crosses-steps
    def text(self, x):
        return decode(self.ids(x))
""",
    "made by torch": MODEL
    + """
def prepare(array):
    return torch.from_numpy(array).unsqueeze(0)  #! tensor-crosses-steps
def run(array):
    return model(prepare(array)).logits.tolist()
""",
}
NEAR_MISSES = {
    "within one function": MODEL
    + """
def run(image):
    inputs = processor(images=image, return_tensors="pt")
    return model(**inputs).logits.argmax().item()
def other(image): return run(image)
""",
    "numpy": MODEL
    + """
def segment(pixels): return model(pixels).logits.detach().cpu().numpy()
def run(pixels): return draw(segment(pixels))
def draw(mask): return mask
""",
    "arrays of a processor": MODEL
    + """
def prepare(image): return processor(images=image, return_tensors="np")
def run(image): return model(**prepare(image)).logits.tolist()
""",
    "texts": MODEL
    + """
def caption(x): return processor.batch_decode(model.generate(x))[0]
def run(x): return caption(x)
""",
    "a function that nothing else calls": MODEL + "def run(pixels):\n    return model(pixels).logits\n",
    "the parts of a module": """
import torch
class Net(torch.nn.Module):
    def features(self, x): return torch.relu(x)
    def forward(self, x): return self.head(self.features(x))
    def head(self, x): return x
""",
    "helpers of a module": """
import torch
class Part(torch.nn.Module): ...
def halves(x): return x[0] + x[1]
class Net(torch.nn.Module):
    def __init__(self): self.part = Part()
    def forward(self, x): return halves(self.part(x))
""",
    "training": MODEL
    + """
def loss(pixels): return model(pixels).logits.mean()
def train(loader):
    for x in loader:
        loss(x).backward()
""",
    "shapes": MODEL + "def size(x): return model(x).logits.shape\ndef run(x): return size(x)\n",
    "outputs of onnxruntime": """
import onnxruntime as ort
session = ort.InferenceSession("m.onnx")
def segment(x): return session.run(None, {"x": x})[0]
def run(x): return segment(x)
""",
}


@pytest.mark.parametrize("files", BUGS.values(), ids=BUGS)
def test_a_tensor_that_crosses_is_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_marks(tmp_path, files, RULE)


@pytest.mark.parametrize("files", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_a_tensor_that_stays_is_not_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_silent(tmp_path, files, RULE)
