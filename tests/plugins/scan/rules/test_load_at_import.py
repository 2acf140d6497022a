"""Models that are loaded while a module is imported, and what only looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.scan.marked import check_marks, check_silent

RULE = "load-at-import"
BUGS = {
    "transformers": """
        from transformers import BlipForConditionalGeneration
        model = BlipForConditionalGeneration.from_pretrained("captioner").eval()  #! load-at-import
        """,
    "under another name": """
        import transformers as hf
        Blip = hf.BlipForConditionalGeneration
        model = Blip.from_pretrained("captioner")  #! load-at-import
        """,
    "in a class body": """
        import onnxruntime
        class Service:
            session = onnxruntime.InferenceSession("model.onnx")  #! load-at-import
        """,
    "by a function of another module": {
        "loading.py": """
            import torch
            def load():
                return torch.jit.load("model.pt")  #! load-at-import
            def load_from(path):
                return torch.jit.load(path)
            """,
        "app.py": """
            from loading import load as open_model, load_from
            model = open_model()
            other = load_from("other.pt")  #! load-at-import
            """,
    },
    "by a function to which the caller gives the class": """
        from transformers import AutoModel, BlipForConditionalGeneration
        def load(kind, name):
            model = kind.from_pretrained("folder/" + name)
            return model.eval()
        captioner = load(BlipForConditionalGeneration, "captioner")  #! load-at-import
        other = load(name="other", kind=AutoModel)  #! load-at-import
        """,
    "by a constructor": {
        "captioner.py": """
            from transformers import AutoModel
            class Base:
                def __init__(self):
                    self.model = self.build()
                def build(self):
                    return AutoModel.from_pretrained("m")  #! load-at-import
            class Captioner(Base): ...
            """,
        "app.py": "from captioner import Captioner\ncaptioner = Captioner()\n",
    },
    "by a cached function": """
        from functools import lru_cache
        import onnxruntime as ort
        @lru_cache
        def session():
            return ort.InferenceSession("m.onnx")  #! load-at-import
        names = session().get_inputs()
        """,
    "several in a mapping": """
        from ultralytics import YOLO
        MODELS = {"a": YOLO("a.pt"), "b": YOLO("b.pt")}  #! load-at-import
        """,
    "a whole module that torch.load returns": """
        import torch
        net = torch.load("whole.pt")  #! load-at-import
        net.eval()
        """,
    "a module of one's own": """
        import torch
        from torch import nn
        class Net(nn.Module): ...
        net = Net()  #! load-at-import
        net.load_state_dict(torch.load("weights.pt"))
        """,
    "torchvision with weights": """
        from torchvision.models import resnet50
        net = resnet50(weights="DEFAULT")  #! load-at-import
        """,
    "a tuple": """
        import open_clip
        model, _, preprocess = open_clip.create_model_and_transforms("ViT-B-32", pretrained="x")  #! load-at-import
        """,
    "in a branch": """
        import torch
        if torch.cuda.is_available():
            model = torch.jit.load("gpu.pt")  #! load-at-import
        else:
            model = torch.jit.load("cpu.pt")  #! load-at-import
        """,
    "through a package and a relative import": {
        "pkg/__init__.py": "",
        "pkg/models.py": """
            from .loaders import build
            MODEL = build()
            """,
        "pkg/loaders.py": """
            from transformers import pipeline
            build = lambda: pipeline("image-to-text")  #! load-at-import
            """,
    },
}
NEAR_MISSES = {
    "in the main guard": """
        from transformers import AutoModel
        if __name__ == "__main__":
            model = AutoModel.from_pretrained("m")
        """,
    "in a function that nothing calls at import": """
        from transformers import AutoModel
        def load():
            return AutoModel.from_pretrained("m")
        """,
    "a processor and a config": """
        from transformers import AutoConfig, AutoProcessor, AutoTokenizer
        processor = AutoProcessor.from_pretrained("m")
        tokenizer = AutoTokenizer.from_pretrained("m")
        config = AutoConfig.from_pretrained("m")
        """,
    "a name of the module, which others may import": "import torch\nvocabulary = torch.load('vocabulary.pt')\n",
    "a dict that torch.load returns": """
        import torch
        vocabulary = torch.load("vocabulary.pt")
        size = len(vocabulary["words"])
        """,
    "an untrained module": """
        from torch import nn
        class Net(nn.Module): ...
        net = Net()
        """,
    "torchvision without weights": """
        from torchvision.models import resnet50
        net = resnet50()
        """,
    "a class of the app with the same method": """
        class Registry:
            @classmethod
            def from_pretrained(cls, name): return cls()
        registry = Registry.from_pretrained("m")
        import torch
        """,
    "the word in a text": """
        import torch
        HELP = 'model = AutoModel.from_pretrained("m")'
        # model = torch.jit.load("m.pt")
        """,
    "a decorator and a default are no load": """
        import torch
        def run(load=torch.jit.load): ...
        """,
    "a module of the app with a function called load": {
        "settings.py": "def load(name): return {}\n",
        "app.py": "import torch, settings\nconfiguration = settings.load('x')\n",
    },
}


@pytest.mark.parametrize("files", BUGS.values(), ids=BUGS)
def test_a_load_at_import_is_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_marks(tmp_path, files, RULE)


@pytest.mark.parametrize("files", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_what_is_no_load_at_import_is_not_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_silent(tmp_path, files, RULE)
