"""The demo models reach their bars on ONNX Runtime with the steps of the pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

import turnout
from turnout.metrics import Metrics

held_out = pytest.importorskip("examples.training.held_out")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def app():
    def model(name: str, checkpoint: str) -> dict:
        return {
            "backend": "onnxruntime",
            "backends": {
                "onnxruntime": {"path": str(ROOT / "model_repository" / name), "intra_op_num_threads": 1},
                "direct": {
                    "loader": "transformers",
                    "class": "AutoModel",
                    "checkpoint": str(ROOT / "examples/checkpoints" / checkpoint),
                },
            },
        }

    settings = {
        "models": {
            "blip_caption": model("blip_caption", "captioner"),
            "blip_vqa": model("blip_vqa", "answerer"),
            "birefnet": model("birefnet", "segmenter"),
        },
        "pipelines": {
            "caption_box": ["load_image", {"caption": {"model": "blip_caption", "margin": 0.1}}],
            "caption_all": ["load_image", {"caption": {"model": "blip_caption", "on": "picture"}}],
            "answer_box": ["load_image", {"answer": {"model": "blip_vqa", "margin": 0.1}}],
            "answer_all": ["load_image", {"answer": {"model": "blip_vqa", "on": "picture"}}],
            "mask": ["load_image", {"segment_regions": {"model": "birefnet"}}],
        },
    }
    with turnout.open(settings, metrics=Metrics()) as app:
        yield app


def caption(app):
    def run(picture, box):
        if box is None:
            return app.run("caption_all", image=picture)["caption"]
        return app.run("caption_box", image=picture, regions=[list(box)])["captions"][0]

    return run


def answer(app):
    def run(picture, box, question):
        if box is None:
            return app.run("answer_all", image=picture, question=question)["answer"]
        return app.run("answer_box", image=picture, regions=[list(box)], question=question)["answers"][0]

    return run


def segment(app):
    return lambda picture, box: app.run("mask", image=picture, regions=[list(box)])["masks"][0]


def test_captions_of_crops_are_exact(app) -> None:
    assert held_out.caption_score(held_out.crop_cases(), caption(app)) >= held_out.BARS["crops"]


def test_captions_of_scenes_are_exact(app) -> None:
    assert held_out.caption_score(held_out.scene_cases(), caption(app)) >= held_out.BARS["scenes"]


def test_answers_are_right(app) -> None:
    assert held_out.answer_score(held_out.question_cases(), answer(app)) >= held_out.BARS["questions"]


def test_masks_fit(app) -> None:
    assert held_out.mask_score(held_out.mask_cases(), segment(app)) >= held_out.BARS["masks"]


def test_answers_to_another_question_miss_the_bar(app) -> None:
    run = answer(app)

    score = held_out.answer_score(
        held_out.question_cases()[:60], lambda picture, box, _: run(picture, box, "what shape is it?")
    )

    assert score < held_out.BARS["questions"]
