"""Texts of Pix2Struct and InstructBLIP against transformers' own processor and model, on the very checkpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFont

import turnout
from turnout.errors import ConfigurationError, InvalidInputError, TurnoutError

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("default")

# Wide, high, lines, one pixel.
SHAPES = [(61, 97), (200, 31), (1, 140), (90, 1), (1, 1)]
QUESTIONS = ["what is in the picture ?", "a red box", "what is on the left of a large blue star ? " * 4]
CLASSES = {
    "pix2struct": "Pix2StructForConditionalGeneration",
    "pix2struct_vqa": "Pix2StructForConditionalGeneration",
    "instructblip": "InstructBlipForConditionalGeneration",
}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from benchmarks.adopt_checkpoints import save

    folder = tmp_path_factory.mktemp("checkpoints")
    for name in CLASSES:
        save(name, folder)
    (folder / "pix2struct_vqa/Arial.TTF").write_bytes(font())
    return folder


def font() -> bytes:
    """Return a TrueType file: the one in Pillow."""
    data = ImageFont.load_default(36)
    data.path.seek(0)
    return bytes(data.path.read())


def picture(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    pixels = np.random.default_rng((*shape, seed)).integers(0, 256, (*shape, 3), dtype=np.uint8)
    pixels[: shape[0] // 2, : shape[1] // 2] = (200, 30, 90)
    return pixels


def open_app(folder: Path, **steps: Mapping[str, Any]) -> turnout.Turnout:
    backend = {
        "loader": "transformers",
        "class": CLASSES[folder.name.split(".")[0]],
        "method": "generate",
        "generate": {"max_new_tokens": 12},
    }
    backends = {"direct": {**backend, "checkpoint": str(folder), "device": "cpu"}}
    pipelines = {kind: ["load_image", {kind: {"model": "reader", **options}}] for kind, options in steps.items()}
    return turnout.open({"models": {"reader": {"backend": "direct", "backends": backends}}, "pipelines": pipelines})


def expected(folder: Path, pixels: NDArray[np.uint8], text: str | None) -> str:
    """Return the text of transformers' processor and model."""
    processor = transformers.AutoProcessor.from_pretrained(folder, backend="pil")
    if folder.name == "pix2struct_vqa":
        pixels = processor.image_processor.render_header(pixels.transpose(2, 0, 1), text, font_bytes=font()).transpose(1, 2, 0)
        processor.image_processor.is_vqa, text = False, None
    # The processor of Pix2Struct takes 2048 whatever its file says; the image processor inside takes what is written.
    patches = {} if folder.name == "instructblip" else {"max_patches": processor.image_processor.max_patches}
    inputs = processor(images=Image.fromarray(pixels), text=text, return_tensors="pt", **patches)
    model = getattr(transformers, CLASSES[folder.name]).from_pretrained(folder).eval()
    with torch.no_grad():
        answer = model.generate(**inputs, do_sample=False, max_new_tokens=12)
    return str(processor.tokenizer.decode(answer[0], skip_special_tokens=True)).strip()


def test_captions_of_a_pix2struct_are_those_of_transformers_for_pictures_of_every_shape(checkpoints: Path) -> None:
    folder, pictures = checkpoints / "pix2struct", [picture(shape, seed) for shape in SHAPES for seed in range(2)]

    with open_app(folder, caption={"on": "picture"}) as app:
        found = [app.run("caption", image=pixels)["caption"] for pixels in pictures]

    assert found == [expected(folder, pixels, None) for pixels in pictures]
    assert len(set(found)) > 3


@pytest.mark.parametrize("name", ["pix2struct_vqa", "instructblip"])
def test_answers_are_those_of_transformers_for_every_question_and_shape(checkpoints: Path, name: str) -> None:
    folder = checkpoints / name
    asked = [(picture(shape), question) for shape in SHAPES[:3] for question in QUESTIONS[: 3 if name != "instructblip" else 2]]

    with open_app(folder, answer={"on": "picture"}) as app:
        found = [app.run("answer", image=pixels, question=question)["answer"] for pixels, question in asked]

    assert found == [expected(folder, pixels, question) for pixels, question in asked]
    assert len(set(found)) > 3


def test_regions_of_one_picture_have_texts_of_their_own(checkpoints: Path) -> None:
    pixels, boxes = picture((61, 97)), [[0, 0, 40, 30], [50, 10, 97, 61], [3, 3, 3, 9]]

    with open_app(checkpoints / "pix2struct", caption={}) as app:
        result = app.run("caption", image=pixels, regions=boxes)

    crops = [pixels[top:bottom, left:right] for left, top, right, bottom in boxes[:2]]
    assert result["captions"] == [*(expected(checkpoints / "pix2struct", crop, None) for crop in crops), None]


def test_padded_prompts_of_an_instructblip_have_the_same_answers(checkpoints: Path) -> None:
    # The Q-Former has 24 positions.
    with open_app(
        checkpoints / "instructblip", answer={"on": "picture", "prompt_length": 60}, caption={"on": "picture"}
    ) as app:
        found = [app.run("answer", image=picture((50, 50)), question=question)["answer"] for question in QUESTIONS[:2]]
        caption = app.run("caption", image=picture((50, 50)))["caption"]

    folder = checkpoints / "instructblip"
    assert found == [expected(folder, picture((50, 50)), question) for question in QUESTIONS[:2]]
    assert caption == expected(folder, picture((50, 50)), "")


def refusal(app: turnout.Turnout, pipeline: str, **inputs: Any) -> TurnoutError:
    with pytest.raises(TurnoutError) as caught:
        app.run(pipeline, image=picture((40, 40)), **inputs)
    return caught.value


@pytest.mark.parametrize(
    ("name", "good", "bad", "inputs", "message"),
    [
        ("pix2struct", {"caption": {}}, {"answer": {}}, {"question": "a box"}, "takes no question or prompt .* `caption`"),
        ("pix2struct", {"caption": {}}, {"caption": {"prompt_length": 8}}, {}, "prompt_length is 8, but .* takes no tokens"),
        ("pix2struct_vqa", {"caption": {"prompt": "a box"}}, {"caption": {}}, {}, "answers questions .* use the step `answer`"),
        ("pix2struct_vqa", {"answer": {}}, {"answer": {}}, {"question": "a" * 5000}, "has 5000 characters; 4000 fit"),
        ("pix2struct_vqa", {"answer": {}}, {"answer": {}}, {"question": "\ud800"}, "is not valid Unicode"),
        ("instructblip", {"answer": {}}, {"answer": {}}, {"question": "a box " * 20}, "tokens; the model accepts 24"),
    ],
)
def test_a_prompt_that_the_model_does_not_take_is_refused_and_the_next_one_is_answered(
    checkpoints: Path, name: str, good: Any, bad: Any, inputs: Any, message: str
) -> None:
    [(kind, options)], [(other, wrong)] = good.items(), bad.items()

    with open_app(checkpoints / name, **{other: {"on": "picture", **wrong}}) as app:
        error = refusal(app, other, **inputs)
    with open_app(checkpoints / name, **{kind: {"on": "picture", **options}}) as app:
        answered = app.run(kind, image=picture((40, 40)), **({"question": "a box"} if kind == "answer" else {}))

    assert isinstance(error, ConfigurationError | InvalidInputError)
    assert len(str(error)) <= 500
    assert re.search(message, str(error))
    assert isinstance(answered[kind], str)


def test_the_steps_without_texts_and_a_missing_file_are_refused_by_name(checkpoints: Path, tmp_path: Path) -> None:
    unread = copytree(checkpoints / "instructblip", tmp_path / "instructblip.unread")
    (unread / "qformer_tokenizer/tokenizer.json").unlink()
    unwritten = copytree(checkpoints / "pix2struct_vqa", tmp_path / "pix2struct_vqa.unwritten")
    (unwritten / "Arial.TTF").unlink()
    broken = copytree(checkpoints / "pix2struct_vqa", tmp_path / "pix2struct_vqa.broken")
    (broken / "Arial.TTF").write_bytes(b"no font")

    for folder, step, message in [
        (checkpoints / "pix2struct", "embed", "only the steps `caption` and `answer` send its patches"),
        (unread, "answer", "without the tokenizer of its Q-Former, qformer_tokenizer/tokenizer.json"),
        (unwritten, "answer", "put 'Arial.TTF' into the folder, or run: hf download ybelkada/fonts Arial.TTF"),
        (broken, "answer", "is not a font that can be read"),
    ]:
        with open_app(folder, **{step: {"on": "picture"}}) as app:
            error = refusal(app, step, **({"question": "a box"} if step == "answer" else {}))
        assert message in str(error)


def test_a_number_of_patches_that_needs_too_much_memory_is_refused(checkpoints: Path, tmp_path: Path) -> None:
    folder = copytree(checkpoints / "pix2struct", tmp_path / "pix2struct.large")
    settings = json.loads((folder / "processor_config.json").read_text("utf-8"))

    for count, accepted in ((10**9, False), (4096, True)):
        settings["image_processor"]["max_patches"] = count
        (folder / "processor_config.json").write_text(json.dumps(settings), "utf-8")
        with open_app(folder, caption={"on": "picture"}) as app:
            if accepted:
                assert isinstance(app.run("caption", image=picture((1, 3000)))["caption"], str)
            else:
                assert "max_patches is 1000000000; at most 1562500 patches" in str(refusal(app, "caption"))
