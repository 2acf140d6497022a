"""Vectors and zero-shot labels against transformers' own models and pipeline, on the very checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import turnout

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

TEXTS = ["a cat", "a dog on the street", "Two RED birds!", "naïve Straße"]
SIDE = 32
TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
EYE = {**TOWER, "image_size": SIDE, "patch_size": 8}


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    rows, columns = np.indices((61, 97))
    return np.stack([rows * 4, columns * 2, (rows * columns) % 251], axis=-1).astype(np.uint8)


def save(folder: Path, model: Any, *others: Any) -> Path:
    # Small random weights make all vectors alike; these do not.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8)
    for each in (model.eval(), *others):
        each.save_pretrained(folder)
    return folder


def image_processor(name: str) -> Any:
    sizes = {"size": {"height": SIDE, "width": SIDE}}
    return (
        getattr(transformers, name)(**sizes)
        if name.startswith("Siglip")
        else getattr(transformers, name)(size={"shortest_edge": SIDE}, crop_size=SIDE)
    )


def clip(folder: Path) -> Path:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: id_ for id_, word in enumerate(words)}
    tokenizer = transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)
    last = len(words) - 1
    text = {
        **TOWER,
        "vocab_size": len(words),
        "projection_dim": 16,
        "bos_token_id": last - 1,
        "eos_token_id": last,
        "pad_token_id": last,
    }
    config = transformers.CLIPConfig(
        projection_dim=16, text_config=text, vision_config={**EYE, "projection_dim": 16}, logit_scale_init_value=3.0
    )
    return save(folder, transformers.CLIPModel(config), tokenizer, image_processor("CLIPImageProcessorPil"))


def siglip(folder: Path) -> Path:
    """Return a SigLIP whose tokenizer is a file, as the published ones have beside their sentencepiece model."""
    pieces = [
        ("</s>", 0.0),
        ("<unk>", -9.0),
        ("▁", -2.0),
        *((letter, -3.0) for letter in "abcdefghijklmnopqrstuvwxyzïß"),
        ("▁a", -1.0),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=1))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 0)])
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="</s>", eos_token="</s>", unk_token="<unk>"
    )
    siglip_weights(folder, len(pieces))
    fast.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    file.write_text(file.read_text("utf-8").replace("TokenizersBackend", "SiglipTokenizer"), "utf-8")
    return folder


def siglip2(folder: Path) -> Path:
    letters = [
        "<pad>",
        "<eos>",
        "<bos>",
        "<unk>",
        "▁",
        *"abcdefghijklmnopqrstuvwxyz!.ïß",
        *(f"<0x{byte:02X}>" for byte in range(256)),
    ]
    tokenizer = transformers.Siglip2Tokenizer(vocab={letter: id_ for id_, letter in enumerate(letters)}, merges=[])
    siglip_weights(folder, len(letters))
    tokenizer.save_pretrained(folder)
    return folder


def siglip_weights(folder: Path, words: int) -> None:
    text = {**TOWER, "vocab_size": words, "projection_size": 32}
    model = transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=EYE))
    with torch.no_grad():
        model.logit_scale.fill_(1.5)
        model.logit_bias.fill_(-2.0)
    save(folder, model, image_processor("SiglipImageProcessorPil"))


MAKERS: Mapping[str, Callable[[Path], Path]] = {"clip": clip, "siglip": siglip, "siglip2": siglip2}
CLASSES = {
    "clip": ("CLIPVisionModelWithProjection", "CLIPTextModelWithProjection"),
    "siglip": ("SiglipVisionModel", "SiglipTextModel"),
    "siglip2": ("SiglipVisionModel", "SiglipTextModel"),
}


@pytest.fixture(scope="module", params=MAKERS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    torch.manual_seed(7)
    return request.param, MAKERS[request.param](tmp_path_factory.mktemp(request.param))


def direct(checkpoint: Path, class_: str) -> dict[str, Any]:
    backend = {"loader": "transformers", "class": class_, "checkpoint": str(checkpoint), "device": "cpu"}
    return {"backend": "direct", "backends": {"direct": backend}}


def run(pair: tuple[str, Path], photo: NDArray[np.uint8], **options: Any) -> turnout.PipelineResult:
    kind, checkpoint = pair
    picture, text = CLASSES[kind]
    settings = {
        "models": {"pictures": direct(checkpoint, picture), "texts": direct(checkpoint, text)},
        "pipelines": {
            "match": [
                "load_image",
                {"embed": {"model": "pictures"}},
                {"match_text": {"model": "texts", "texts": TEXTS, **options}},
            ]
        },
    }
    with turnout.open(settings) as app:
        result = app.run("match", image=photo)
        # The texts' vectors are kept; the second run has the same labels.
        assert app.run("match", image=photo)["matches"] == result["matches"]
    return result


def expected(pair: tuple[str, Path], photo: NDArray[np.uint8]) -> tuple[NDArray[np.float32], dict[str, float]]:
    """Return the picture's vector and the score of each text as transformers computes them."""
    kind, checkpoint = pair
    model = transformers.AutoModel.from_pretrained(checkpoint)
    images = transformers.AutoImageProcessor.from_pretrained(checkpoint, backend="pil")
    if kind != "siglip":
        tokenizer = (transformers.CLIPTokenizer if kind == "clip" else transformers.Siglip2Tokenizer).from_pretrained(
            checkpoint
        )
        pipeline = transformers.pipeline(
            "zero-shot-image-classification", model=model, image_processor=images, tokenizer=tokenizer, device="cpu"
        )
        scores = {each["label"]: each["score"] for each in pipeline(Image.fromarray(photo), candidate_labels=TEXTS)}
    else:
        # SiglipTokenizer needs sentencepiece; its way to clean a text is written out here.
        cleaned = [
            "this is a photo of a cat",
            "this is a photo of a dog on the street",
            "this is a photo of two red birds",
            "this is a photo of naïve straße",
        ]
        tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(checkpoint)
        ids = tokenizer(cleaned, padding="max_length", max_length=64, return_tensors="pt")
        with torch.no_grad():
            logits = model(**ids, **images(photo, return_tensors="pt")).logits_per_image[0]
        scores = dict(zip(TEXTS, torch.sigmoid(logits).tolist(), strict=True))
    with torch.no_grad():
        vector = model.get_image_features(**images(photo, return_tensors="pt")).pooler_output[0].numpy()
    return vector / np.linalg.norm(vector), scores


def test_scores_and_vectors_are_those_of_transformers(pair: tuple[str, Path], photo: NDArray[np.uint8]) -> None:
    result, (vector, scores) = run(pair, photo), expected(pair, photo)

    np.testing.assert_allclose(result["embedding"], vector, atol=1e-5)
    assert [label.label for label in result["matches"]] == sorted(scores, key=lambda text: -scores[text])
    np.testing.assert_allclose([each.score for each in result["matches"]], sorted(scores.values(), reverse=True), atol=1e-5)
    assert np.ptp(list(scores.values())) > 1e-3


@pytest.mark.parametrize(
    "planted", [{"template": "{text}"}, {"scale": 1.0}, {"bias": 3.0, "scale": 4.0, "scores": "sigmoid"}, {"scores": "none"}]
)
def test_another_sentence_scale_or_function_is_detected(
    pair: tuple[str, Path], photo: NDArray[np.uint8], planted: dict[str, Any]
) -> None:
    scores = expected(pair, photo)[1]

    found = {label.label: label.score for label in run(pair, photo, **planted)["matches"]}

    assert max(abs(found[text] - scores[text]) for text in TEXTS) > 1e-4


@pytest.fixture(scope="module", params=[0, 4])
def dino(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    torch.manual_seed(9)
    config = transformers.Dinov2WithRegistersConfig(**EYE, num_register_tokens=request.param)
    model = (
        transformers.Dinov2WithRegistersModel(config)
        if request.param
        else transformers.Dinov2Model(transformers.Dinov2Config(**EYE))
    )
    return save(tmp_path_factory.mktemp("dino"), model, image_processor("BitImageProcessorPil")), 1 + request.param


def test_dino_gives_its_first_token_or_the_mean_of_its_patches(dino: tuple[Path, int], photo: NDArray[np.uint8]) -> None:
    checkpoint, prefix = dino
    images = transformers.AutoImageProcessor.from_pretrained(checkpoint, backend="pil")
    with torch.no_grad():
        tokens = transformers.AutoModel.from_pretrained(checkpoint)(**images(photo, return_tensors="pt")).last_hidden_state[0]
    steps = {
        "default": ({}, tokens[0]),
        "first": ({"pool": "cls"}, tokens[0]),
        "mean": ({"pool": "mean", "prefix_tokens": prefix}, tokens[prefix:].mean(dim=0)),
    }
    settings = {
        "models": {"dino": direct(checkpoint, "AutoModel")},
        "pipelines": {name: ["load_image", {"embed": {"model": "dino", **options}}] for name, (options, _) in steps.items()},
    }

    with turnout.open(settings) as app:
        for name, (_, vector) in steps.items():
            found = app.run(name, image=photo)["embedding"]
            np.testing.assert_allclose(found, (vector / vector.norm()).numpy(), atol=1e-5, err_msg=name)
