"""Each turnout.yaml that a report shows is valid: the plugins' own options accept it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.plugins.scan.marked import write_tree

from turnout.plugins.discovery import find_plugins
from turnout.settings import load_settings
from turnout_scan.scan import scan

LOADS = {
    "transformers": ("from transformers import AutoModel", "AutoModel.from_pretrained('org/name')", "direct"),
    "a path with odd characters": ("from transformers import AutoModel", "AutoModel.from_pretrained('a b: {c}#\"')", "direct"),
    "remote code": ("from transformers import AutoModel", "AutoModel.from_pretrained('a/b', trust_remote_code=True)", "direct"),
    "no constant": ("from transformers import AutoModel", "AutoModel.from_pretrained(open('x').read())", "direct"),
    "a number": ("from transformers import AutoModel", "AutoModel.from_pretrained('1')", "direct"),
    "a word of YAML": ("from transformers import AutoModel", "AutoModel.from_pretrained('null')", "direct"),
    "torchscript": ("import torch", "torch.jit.load('m.pt')", "direct"),
    "a class of the app": (
        "import torch\nclass Net(torch.nn.Module):\n    def read(self): self.load_state_dict(torch.load('w'))",
        "Net()",
        "direct",
    ),
    "timm": ("import timm", "timm.create_model('resnet18', pretrained=True)", "direct"),
    "torchvision": ("import torchvision", "torchvision.models.resnet18(weights='DEFAULT')", "direct"),
    "the hub": ("import torch", "torch.hub.load('a/b', 'c')", "direct"),
    "open_clip": ("import open_clip", "open_clip.create_model('ViT-B-32')", "direct"),
    "sentence_transformers": (
        "from sentence_transformers import SentenceTransformer",
        "SentenceTransformer('all-MiniLM-L6-v2')",
        "direct",
    ),
    "a pipeline": ("from transformers import pipeline", "pipeline('image-to-text', model='a/b')", "direct"),
    "a pipeline without a model": ("from transformers import pipeline", "pipeline('unheard-of')", "direct"),
    "onnxruntime": ("import onnxruntime", "onnxruntime.InferenceSession('models/m.onnx')", "onnxruntime"),
    "ultralytics": ("from ultralytics import YOLO", "YOLO('yolov8n.pt')", "onnxruntime"),
}


@pytest.mark.parametrize("name", LOADS)
def test_the_settings_of_a_load_are_valid(name: str, tmp_path: Path) -> None:
    imports, call, backend = LOADS[name]
    write_tree(tmp_path, {"app.py": f"{imports}\nthing = {call}\ndef run(xs):\n    return [thing(x) for x in xs]\n"})

    snippets = [one.change.yaml for one in scan([tmp_path]).found if one.change.yaml]

    assert snippets
    for snippet in snippets:
        [model] = models_of(tmp_path, snippet).values()
        assert model["backend"] == backend


def test_the_settings_of_a_client_are_valid(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "app.py": "import flask, tritonclient.http as h\nc = h.InferenceServerClient('gpu1:8000')\n"
            "@flask.Blueprint('b').get('/x')\ndef x(): c.infer('m', [])\n"
        },
    )

    [found] = scan([tmp_path]).found

    assert "http://gpu1:8000" in str(models_of(tmp_path, found.change.yaml))


def models_of(folder: Path, text: str) -> dict[str, Any]:
    file = folder / "turnout.yaml"
    file.write_text(text, "utf-8")
    settings = load_settings(file, registry=find_plugins()).settings
    return {name: model.model_dump() for name, model in settings.models.items()}


def change(tmp_path: Path, text: str, rule: str) -> Any:
    write_tree(tmp_path, {"app.py": text})
    return next(one.change for one in scan([tmp_path]).found if one.rule == rule)


def test_names_and_constants_are_those_of_the_code(tmp_path: Path) -> None:
    text = """
        import os
        from pathlib import Path
        from transformers import BlipForConditionalGeneration as Blip
        WHERE = os.environ.get("CAPTIONER", "org/captioner")
        caption_model = Blip.from_pretrained(Path(WHERE))
        def run(pixels): return caption_model.generate(pixel_values=pixels, max_new_tokens=20)
        """

    yaml = change(tmp_path, text, "load-at-import").yaml

    assert "  caption:\n" in yaml
    assert "{loader: transformers, class: BlipForConditionalGeneration, checkpoint: org/captioner, method: generate}" in yaml
    line = 'service.model("caption").infer({"pixel_values": pixels})["generated_ids"]'
    assert change(tmp_path, text, "direct-call").python == line


def test_the_line_of_a_session_keeps_its_feed(tmp_path: Path) -> None:
    text = """
        import onnxruntime as ort
        session = ort.InferenceSession("seg.onnx")
        def run(x): return session.run(None, {"x": x})
        """

    assert change(tmp_path, text, "direct-call").python == "service.model(\"seg\").infer({'x': x})"


def test_a_function_that_builds_the_model_is_its_factory(tmp_path: Path) -> None:
    text = "import timm\ndef build():\n    return timm.create_model('a', pretrained=True)\nnet = build()\n"

    assert 'factory: "app:build"' in change(tmp_path, text, "load-at-import").yaml


def test_a_model_that_the_caller_chooses_has_its_own_settings(tmp_path: Path) -> None:
    text = """
        from pathlib import Path
        from transformers import AutoModel, BlipForConditionalGeneration
        FOLDER = Path(__file__).parent / "checkpoints"
        def load(kind, name, **options):
            return kind.from_pretrained(FOLDER / name, **options).eval()
        captioner = load(BlipForConditionalGeneration, "blip")
        encoder = load(kind=AutoModel, name="vit", trust_remote_code=True)
        def run(x): return captioner.generate(x), encoder(x)
        """
    write_tree(tmp_path, {"app.py": text})

    first, second = (one.change.yaml for one in scan([tmp_path]).found if one.rule == "load-at-import")

    assert "  captioner:\n" in first
    assert "class: BlipForConditionalGeneration, checkpoint: path/to/blip, method: generate}" in first
    assert "class: AutoModel, checkpoint: path/to/vit, trust_remote_code: true" in second
    assert [*models_of(tmp_path, first), *models_of(tmp_path, second)] == ["captioner", "encoder"]


def test_every_python_line_of_a_change_parses(tmp_path: Path) -> None:
    import ast

    text = """
        import torch
        from transformers import AutoModel, AutoProcessor, pipeline
        model, processor = AutoModel.from_pretrained("m").to("cuda"), AutoProcessor.from_pretrained("m")
        pipe = pipeline("image-to-text")
        def prepare(image): return processor(image, return_tensors="pt")
        def segment(image, *more):
            return model(**prepare(image)), model(image, *more), model({"a": [1, 2]}, out=lambda x: x)
        def run(images):
            pipe(images[0])
            return [segment(image) for image in images]
        """
    write_tree(tmp_path, {"app.py": text})

    found = scan([tmp_path]).found

    assert {one.rule for one in found} > {"direct-call", "loop-over-items", "tensor-crosses-steps", "transformers-pipeline"}
    for one in found:
        ast.parse(one.change.python)


def test_a_secret_in_the_code_is_not_in_the_report(tmp_path: Path) -> None:
    text = """
        from transformers import AutoModel, pipeline
        pipe, net = pipeline("image-to-text", token="hf_planted"), AutoModel.from_pretrained("m", token="hf_planted")
        def run(x): return pipe(x, api_key="hf_planted"), net(x, auth_token="hf_planted"), net(get(x, password="hf_planted"))
        """
    write_tree(tmp_path, {"app.py": text})

    found = scan([tmp_path]).found

    assert len(found) > 6
    assert "hf_planted" not in str(found)


RAW_CALLS = {
    "a file of a form": (
        "from transformers import pipeline",
        "pipeline('image-to-text')",
        "thing(request.files['i'])",
        "image",
    ),
    "the task by its name": ("from transformers import pipeline", "pipeline(task='text-classification')", "thing('a')", "text"),
    "a task about text": ("from transformers import pipeline", "pipeline('summarization')", "thing(text)", "text"),
    "a task that makes a picture": ("from transformers import pipeline", "pipeline('text-to-image')", "thing(text)", "image"),
    "a task about sound": (
        "from transformers import pipeline",
        "pipeline('automatic-speech-recognition')",
        "thing(a)",
        "audio",
    ),
    "no task": ("from transformers import pipeline", "pipeline(model='a/b')", "thing(x)", "image"),
    "ultralytics": ("from ultralytics import YOLO", "YOLO('yolov8n.pt')", "thing.predict('street.jpg', conf=0.5)", "image"),
    "sentences": (
        "from sentence_transformers import SentenceTransformer",
        "SentenceTransformer('mini')",
        "thing.encode(['a', 'b'])",
        "text",
    ),
}


@pytest.mark.parametrize("name", RAW_CALLS)
def test_what_a_model_does_not_take_goes_to_a_pipeline(name: str, tmp_path: Path) -> None:
    imports, load, call, given = RAW_CALLS[name]

    found = change(
        tmp_path, f"from flask import request\n{imports}\nthing = {load}\ndef run(x):\n    return {call}\n", "direct-call"
    )

    assert found.python.startswith(f'service.run("describe", {given}={given})  # with a pipeline of turnout.yaml')
    assert "a step prepares the arrays" in found.text


TITLES = {
    "a function by another name": ("from transformers import pipeline as P", "P('image-to-text')", "transformers.pipeline()"),
    "a class by another name": (
        "from transformers import AutoModel as A",
        "A.from_pretrained('a')",
        "AutoModel.from_pretrained()",
    ),
    "a module by another name": ("import onnxruntime as o", "o.InferenceSession('a')", "onnxruntime.InferenceSession()"),
    "a name for a function": ("import torch\nread = torch.jit.load", "read('a')", "jit.load()"),
    "no other name": ("from transformers import pipeline", "pipeline('image-to-text')", "pipeline()"),
    "the dotted name": ("import torch", "torch.jit.load('a')", "torch.jit.load()"),
    "an end of another word": ("from transformers import pipeline as line", "line('image-to-text')", "transformers.pipeline()"),
}


@pytest.mark.parametrize("name", TITLES)
def test_an_alias_is_not_what_a_finding_names(name: str, tmp_path: Path) -> None:
    imports, load, title = TITLES[name]
    write_tree(tmp_path, {"app.py": f"{imports}\nthing = {load}\n"})

    found = next(one for one in scan([tmp_path]).found if one.rule == "load-at-import")

    assert found.what == f"{title} runs when this module is imported"
