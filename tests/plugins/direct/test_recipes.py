"""Every model of the documentation and of `turnout init` is exported, verified and served, with small weights of its class."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from ruamel.yaml import YAML

from turnout.cli.group import turnout as group
from turnout_direct.starter import STARTER
from turnout_triton.server import LocalServer, ServerOptions

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "plugins").glob("*/README.md")]
# As the page says to verify a caption without a prompt.
SHAPES = re.findall(r"--shape|(?<=--shape )\S+", (ROOT / "docs/how-to/use-your-own-checkpoint.md").read_text("utf-8"))
BLOCK = re.compile(r"^```yaml[^\n]*\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def _recipes() -> Iterator[Any]:
    """Yield each model with a checkpoint once; recipes that differ in their checkpoint only are one."""
    texts = [
        (str(page.relative_to(ROOT)), match["code"]) for page in PAGES for match in BLOCK.finditer(page.read_text("utf-8"))
    ]
    seen = set()
    for page, text in [("turnout init", STARTER), *texts]:
        document = YAML(typ="safe").load(text) if "loader: transformers" in text else {}
        for name, model in document.get("models", {}).items():
            direct = {key: value for key, value in model["backends"]["direct"].items() if key not in ("checkpoint", "revision")}
            essence = json.dumps([direct, model.get("inputs"), model.get("max_batch_size")])
            if essence not in seen:
                seen.add(essence)
                yield pytest.param(name, model, id=f"{page}:{name}")


@pytest.fixture
def checkpoints(tmp_path: Path, remote: Path, _modules: None) -> dict[str, Path]:
    """Return a folder with weights for each class."""
    import turnout_test_blip

    blips = {name: turnout_test_blip.blip(name) for name in ("BlipForConditionalGeneration", "BlipForQuestionAnswering")}
    folders = {}
    for name, model in {**blips, **_picture_models()}.items():
        folders[name] = tmp_path / name
        model.save_pretrained(folders[name])
    return {**folders, "AutoModelForImageSegmentation": remote}


def _picture_models() -> dict[str, Any]:
    """Return small models for pictures of 224 x 224, by the class that a recipe names."""
    import transformers

    torch.manual_seed(0)
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    seeing = {**small, "image_size": 224, "patch_size": 32}
    clip = transformers.CLIPConfig(
        # A half of CLIP reads this size from its own part.
        vision_config=transformers.CLIPVisionConfig(**seeing, projection_dim=16).to_dict(),
        text_config=transformers.CLIPTextConfig(**small, projection_dim=16).to_dict(),
        projection_dim=16,
    )
    both = transformers.CLIPModel(clip)
    return {
        "ViTForImageClassification": transformers.ViTForImageClassification(transformers.ViTConfig(**seeing)),
        "AutoModel": transformers.Dinov2Model(transformers.Dinov2Config(**seeing)),
        "CLIPVisionModelWithProjection": both,
        "CLIPTextModelWithProjection": both,
    }


def turnout(*arguments: str) -> str:
    ran = CliRunner().invoke(group, arguments)
    assert ran.exit_code == 0, f"{ran.output} {ran.stderr} {ran.exception}"
    return ran.output


def test_there_are_recipes() -> None:
    assert len(list(_recipes())) >= 4


@pytest.mark.parametrize(("name", "model"), list(_recipes()))
def test_a_recipe_is_exported_verified_and_served(name, model, checkpoints, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    direct = model["backends"]["direct"]
    direct["checkpoint"] = str(checkpoints[direct["class"]])
    if "revision" in direct:
        direct["revision"] = "a" * 40
    backends = {"direct": direct, "onnxruntime": {"path": f"model_repository/{name}"}, "triton": {"url": "${TRITON_URL}"}}
    with Path("turnout.yaml").open("w") as stream:
        YAML().dump({"models": {name: model | {"backend": "direct", "backends": backends}}}, stream)
    shapes = SHAPES if direct.get("method") == "generate" else []
    monkeypatch.setenv("TRITON_URL", "127.0.0.1:9")

    turnout("export", name, "--format", "onnx")

    assert "verdict: match" in turnout("verify", name, "--against", "onnxruntime", "--generate", "1", *shapes)
    with LocalServer("model_repository", ServerOptions(grace_seconds=0)) as server:
        monkeypatch.setenv("TRITON_URL", server.grpc_url)
        assert "verdict: match" in turnout("verify", name, "--against", "triton", "--generate", "1", *shapes)
