"""Modules that are run in training mode, and those that something else switches."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.scan.marked import check_marks, check_silent

RULE = "missing-eval"
NET = "import torch\nfrom torch import nn\nclass Net(nn.Module): ...\n"
BUGS = {
    "a class of the app": NET
    + "net = Net()  #! missing-eval\nnet.load_state_dict(torch.load('w.pt'))\ndef run(x): return net(x)\n",
    "timm": (
        "import timm\ndef run(x):\n"
        "    net = timm.create_model('resnet18', pretrained=True)  #! missing-eval\n"
        "    return net(x)\n"
    ),
    "torchvision": (
        "import torchvision\nnet = torchvision.models.resnet18(weights='DEFAULT')  #! missing-eval\ndef run(x): return net(x)\n"
    ),
    "torch.load": "import torch\nnet = torch.load('m.pt').to('cpu')  #! missing-eval\ndef run(x): return net(x)\n",
    "another model has it": """
        import timm
        one = timm.create_model("a", pretrained=True)
        other = timm.create_model("b", pretrained=True)  #! missing-eval
        one.eval()
        def run(x): return one(x), other(x)
        """,
}
NEAR_MISSES = {
    "eval": "import timm\nnet = timm.create_model('a', pretrained=True).eval()\ndef run(x): return net(x)\n",
    "eval elsewhere": {
        "models.py": "import timm\nnet = timm.create_model('a', pretrained=True)\n",
        "app.py": "from models import net as n\nn.eval()\ndef run(x): return n(x)\n",
    },
    "eval by a function": (
        "import timm\ndef ready(net):\n    net.eval()\n    return net\n"
        "net = ready(timm.create_model('a', pretrained=True))\ndef run(x): return net(x)\n"
    ),
    "eval in the function that loads what its caller names": (
        "import timm\ndef load(name):\n    net = timm.create_model(name, pretrained=True)\n"
        "    net.eval()\n    return net\na, b = load('a'), load('b')\ndef run(x): return a(x), b(x)\n"
    ),
    "train(False)": "import timm\nnet = timm.create_model('a', pretrained=True)\nnet.train(False)\ndef run(x): return net(x)\n",
    "from_pretrained does it": (
        "from transformers import AutoModel\nnet = AutoModel.from_pretrained('m')\ndef run(x): return net(x)\n"
    ),
    "TorchScript keeps its mode": "import torch\nnet = torch.jit.load('m.pt')\ndef run(x): return net(x)\n",
    "training": (
        "import timm\ndef train(xs):\n    net = timm.create_model('a', pretrained=True)\n"
        "    for x in xs:\n        net(x).mean().backward()\n"
    ),
    "only exported": (
        "import timm, torch\nnet = timm.create_model('a', pretrained=True)\ntorch.onnx.export(net, (1,), 'm.onnx')\n"
    ),
}


@pytest.mark.parametrize("files", BUGS.values(), ids=BUGS)
def test_a_missing_eval_is_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_marks(tmp_path, files, RULE)


@pytest.mark.parametrize("files", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_a_module_in_the_right_mode_is_not_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_silent(tmp_path, files, RULE)
