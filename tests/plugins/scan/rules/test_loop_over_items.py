"""Loops that send one item after another through a model, and loops that must be one after another, or are in batches."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.scan.marked import check_marks, check_silent

RULE = "loop-over-items"
MODEL = "import torch\nnet = torch.jit.load('m.pt')\n"
BUGS = {
    "for": MODEL
    + "def run(image, boxes):\n    for box in boxes:\n        crop = image.crop(box)\n        net(crop)  #! loop-over-items\n",
    "by index": MODEL + "def run(crops):\n    for i in range(len(crops)):\n        net(crops[i])  #! loop-over-items\n",
    "enumerate": MODEL + "def run(crops):\n    for i, crop in enumerate(crops):\n        net(crop)  #! loop-over-items\n",
    "comprehension": MODEL + "def run(crops):\n    return [net(crop) for crop in crops]  #! loop-over-items\n",
    "generator": MODEL + "def run(crops):\n    return list(net(crop) for crop in crops if crop)  #! loop-over-items\n",
    "dict": MODEL + "def run(crops):\n    return {k: net(v) for k, v in crops.items()}  #! loop-over-items\n",
    "map": MODEL + "def one(crop): return net(crop)\ndef run(crops):\n    return list(map(one, crops))  #! loop-over-items\n",
    "async for": MODEL + "async def run(crops):\n    async for crop in crops:\n        net(crop)  #! loop-over-items\n",
    "through functions of two modules": {
        "models.py": """
            import torch
            net = torch.jit.load("m.pt")
            def prepare(crop): return crop
            def caption(crop): return net(prepare(crop))
            """,
        "app.py": """
            import models
            def describe(image, box): return models.caption(image.crop(box))
            def run(image, boxes):
                out = []
                for box in boxes:
                    out.append(describe(image, box))  #! loop-over-items
                return out
            """,
    },
    "a method": """
        import onnxruntime as ort
        class Segmenter:
            def __init__(self): self.session = ort.InferenceSession("m.onnx")
            def mask(self, crop): return self.session.run(None, {"x": crop})[0]
        def run(crops):
            segmenter = Segmenter()
            return [segmenter.mask(crop) for crop in crops]  #! loop-over-items
        """,
    "a loop in a loop": MODEL
    + "def run(pages):\n    for page in pages:\n"
    + "        for box in page.boxes:\n            net(page, box)  #! loop-over-items\n",
    "a script": MODEL + "import glob\nfor file in glob.glob('*.png'):\n    net(file)  #! loop-over-items\n",
}
NEAR_MISSES = {
    "no item": MODEL + "def run(x):\n    for _ in range(3):\n        net(x)\n",
    "tokens, each after the last": MODEL
    + "def run(ids):\n    for step in range(20):\n"
    + "        logits = net(ids, step)\n        ids = torch.cat([ids, logits.argmax()])\n",
    "batches": MODEL + "def run(crops):\n    for i in range(0, len(crops), 8):\n        net(torch.stack(crops[i : i + 8]))\n",
    "a data loader": MODEL
    + "def run(loader):\n    for x in loader:\n"
    + "        net(x)\n    for x, y in enumerate(self.val_dataloader()):\n        net(y)\n",
    "named batches": MODEL + "def run(items):\n    for batch in grouped(items):\n        net(batch)\n",
    "before the loop": MODEL + "def run(crops):\n    for mask in net(torch.stack(crops)):\n        print(mask)\n",
    "the items of a comprehension": MODEL + "def run(x):\n    return [one.tolist() for one in net(x)]\n",
    "all at once": (
        "import torch\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "net = torch.jit.load('m.pt')\ndef one(crop): return net(crop)\ndef run(crops):\n"
        "    with ThreadPoolExecutor() as pool:\n"
        "        return list(pool.map(one, crops)), [pool.submit(one, crop) for crop in crops]\n"
    ),
    "another function of the same name": MODEL + "def run(crops):\n    net = str\n    for crop in crops:\n        net(crop)\n",
    "frames of a camera": MODEL + "def run(camera):\n    while True:\n        frame = camera.read()\n        net(frame)\n",
    "a function that is defined in the loop": MODEL
    + "def run(crops):\n    for crop in crops:\n        def later(): return net(crop)\n        schedule(later)\n",
}


@pytest.mark.parametrize("files", BUGS.values(), ids=BUGS)
def test_a_loop_of_single_items_is_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_marks(tmp_path, files, RULE)


@pytest.mark.parametrize("files", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_another_loop_is_not_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_silent(tmp_path, files, RULE)
