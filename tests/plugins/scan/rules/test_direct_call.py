"""Direct calls of models, however the name got there, and calls of other things."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.scan.marked import check_marks, check_silent

RULE = "direct-call"
BUGS = {
    "each library": """
        import onnxruntime, torch
        from sentence_transformers import SentenceTransformer
        from transformers import AutoModel, BlipForConditionalGeneration, pipeline
        from ultralytics import YOLO
        blip = BlipForConditionalGeneration.from_pretrained("b")
        session, script, pipe = onnxruntime.InferenceSession("m.onnx"), torch.jit.load("m.pt"), pipeline("image-to-text")
        yolo, words = YOLO("y.pt"), SentenceTransformer("s")
        def run(x):
            blip.generate(pixel_values=x)  #! direct-call
            blip(pixel_values=x)  #! direct-call
            session.run(None, {"x": x})  #! direct-call
            script.forward(x)  #! direct-call
            pipe(x)  #! direct-call
            yolo.predict(x)  #! direct-call
            words.encode(["a"])  #! direct-call
        """,
    "an attribute that a constructor sets": """
        from transformers import AutoModel
        class Captioner:
            def __init__(self, path):
                self.model = AutoModel.from_pretrained(path).eval()
            def caption(self, x):
                return self.model(x)  #! direct-call
        """,
    "an attribute from outside": {
        "service.py": """
            class Service:
                def __init__(self, model):
                    self.model = model
                def run(self, x):
                    return self.model(x)  #! direct-call
            """,
        "app.py": """
            from transformers import AutoModel
            from service import Service
            service = Service(AutoModel.from_pretrained("m"))
            """,
    },
    "a parameter": """
        import torch
        def run(net, x):
            return net(x)  #! direct-call
        def main():
            net = torch.jit.load("m.pt").cuda()
            run(net, 1)
        """,
    "a property and a dict": """
        import torch
        class Models:
            @property
            def net(self): return torch.jit.load("m.pt")
        MODELS = {"a": torch.jit.load("a.pt")}
        def run(x):
            Models().net(x)  #! direct-call
            MODELS["a"](x)  #! direct-call
            for model in MODELS.values():
                model(x)  #! direct-call
        """,
    "entries that are set later": """
        import torch
        MODELS = {}
        class Zoo:
            def __init__(self): self.nets = {}
            def add(self, name): self.nets[name] = torch.jit.load(name)
            def run(self, name, x): return self.nets[name](x)  #! direct-call
        def get(name):
            if name not in MODELS:
                MODELS[name] = torch.jit.load(name)
            return MODELS[name]
        def run(x): return get("a")(x)  #! direct-call
        """,
    "the state of an app": """
        from fastapi import FastAPI, Request
        import torch
        app = FastAPI()
        @app.on_event("startup")
        def start(): app.state.net = torch.jit.load("m.pt")
        @app.post("/x")
        def x(request: Request): return request.app.state.net(1)  #! direct-call
        """,
    "a dependency of fastapi": """
        from fastapi import Depends, FastAPI
        import torch
        app = FastAPI()
        def get_net(): return torch.jit.load("m.pt")
        @app.post("/x")
        def x(net=Depends(get_net)): return net(1)  #! direct-call
        """,
    "a global that a function sets": """
        import torch
        net = None
        def start():
            global net
            net = torch.jit.load("m.pt")
        def run(x): return net(x)  #! direct-call
        """,
    "by import of the module": {
        "models/__init__.py": "from models.blip import model as captioner\n",
        "models/blip.py": "from transformers import AutoModel\nmodel = AutoModel.from_pretrained('m')\n",
        "app.py": """
            import models
            from models import captioner
            from models import *
            import models.blip as b
            def run(x):
                models.captioner(x)  #! direct-call
                captioner(x)  #! direct-call
                models.blip.model(x)  #! direct-call
                b.model(x)  #! direct-call
            """,
    },
    "compiled and wrapped": """
        import torch
        net = torch.nn.DataParallel(torch.compile(torch.jit.load("m.pt")))
        def run(x): return net(x), net.module(x)  #! direct-call
        """,
    "a context manager, a walrus, a conditional": """
        import contextlib, torch
        @contextlib.contextmanager
        def opened():
            yield torch.jit.load("m.pt")
        def run(x, fast):
            with opened() as net:
                net(x)  #! direct-call
            if (other := torch.jit.load("n.pt")) is not None:
                other(x)  #! direct-call
            chosen = torch.jit.load("a.pt") if fast else torch.jit.load("b.pt")
            chosen(x)  #! direct-call
        """,
    "awaited in a thread": """
        import asyncio, torch
        def work(net, x):
            return net(x)  #! direct-call
        async def main(x):
            net = torch.jit.load("m.pt")
            return await asyncio.to_thread(work, net, x)
        """,
}
NEAR_MISSES = {
    "the parts of a module call each other": """
        import torch, timm
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.backbone = timm.create_model("resnet18", pretrained=True)
            def forward(self, x):
                return self.backbone(x)
        """,
    "training": """
        import timm
        def train(loader, loss, optimizer):
            net = timm.create_model("resnet18", pretrained=True)
            for x, y in loader:
                loss(net(x), y).backward()
                optimizer.step()
        """,
    "a step of training in a function of its own": """
        import timm
        def losses(net, x): return net(x).mean()
        def train(loader):
            net = timm.create_model("resnet18", pretrained=True)
            for x in loader:
                losses(net, x).backward()
        """,
    "the name is bound again": """
        import torch
        net = torch.jit.load("m.pt")
        def run(x):
            net = dict
            return net(x)
        """,
    "deleted by a later assignment": """
        import torch
        def run(x):
            net = torch.jit.load("m.pt")
            torch.jit.save(net, "n.pt")
            net = len
            return net(x)
        """,
    "a method that runs nothing": """
        import onnxruntime, torch
        session, net = onnxruntime.InferenceSession("m.onnx"), torch.jit.load("m.pt")
        names = [one.name for one in session.get_inputs()]
        net.eval(), net.state_dict(), net.parameters(), session.get_providers()
        """,
    "a model by its name": """
        import turnout
        import torch
        app = turnout.open("turnout.yaml")
        def run(x): return app.model("net").infer({"x": x})
        """,
    "subprocess.run and a session of requests": """
        import onnxruntime, requests, subprocess
        session = requests.Session()
        def run(): return subprocess.run(["x"]), session.get("http://x")
        """,
    "a client of a server": """
        import tritonclient.http as http
        client = http.InferenceServerClient("localhost:8000")
        def run(inputs): return client.infer("m", inputs)
        """,
    "a parameter of the same name": """
        import torch
        net = torch.jit.load("m.pt")
        def run(net, x): return net(x)
        def sizes(items): return run(len, items)
        """,
}


@pytest.mark.parametrize("files", BUGS.values(), ids=BUGS)
def test_a_direct_call_is_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_marks(tmp_path, files, RULE)


@pytest.mark.parametrize("files", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_what_is_no_direct_call_is_not_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_silent(tmp_path, files, RULE)
