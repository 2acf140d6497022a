"""The demo has the same results on every backend."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("default")


def test_both_backends_have_the_same_results_for_every_picture(open_demo, picture) -> None:
    onnxruntime, direct = (open_demo(backend).run("describe", image=str(picture)) for backend in ("onnxruntime", "direct"))

    assert not onnxruntime.failures
    assert not direct.failures
    assert len(onnxruntime["regions"]) >= 2
    assert onnxruntime["captions"] == direct["captions"]
    assert onnxruntime["answers"] == direct["answers"]
    for ours, theirs in zip(onnxruntime["masks"], direct["masks"], strict=True):
        assert np.mean(ours != theirs) <= 1e-4


def test_mask_logits_are_equal_within_a_ten_thousandth(open_demo) -> None:
    pixels = np.random.default_rng(3).standard_normal((5, 3, 128, 128)).astype(np.float32)

    ours, theirs = (
        open_demo(backend).model("birefnet").infer({"pixel_values": pixels}) for backend in ("onnxruntime", "direct")
    )

    np.testing.assert_allclose(ours["logits"], theirs["logits"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("model", ["blip_caption", "blip_vqa"])
def test_tokens_of_a_ragged_batch_are_equal_row_by_row(open_demo, model) -> None:
    random = np.random.default_rng(4)
    pixels = random.standard_normal((4, 3, 96, 96)).astype(np.float32)
    lengths = [2, 5, 3, 4]
    ids = np.zeros((4, 5), np.int64)
    for row, length in enumerate(lengths):
        ids[row, :length] = random.integers(5, 25, length)
    request = {
        "pixel_values": pixels,
        "input_ids": ids,
        "attention_mask": (np.arange(5) < np.array(lengths)[:, None]).astype(np.int64),
    }

    ours, theirs = (open_demo(backend).model(model).infer(request)["generated_ids"] for backend in ("onnxruntime", "direct"))

    width = min(ours.shape[1], theirs.shape[1])
    np.testing.assert_array_equal(ours[:, :width], theirs[:, :width])


def test_metrics_count_every_request_of_the_demo(open_demo, picture) -> None:
    app = open_demo("onnxruntime")
    labels = {"model": "blip_caption", "backend": "onnxruntime", "outcome": "ok"}
    before = app.metrics.registry.get_sample_value("turnout_inference_requests_total", labels) or 0

    result = app.run("describe", image=str(picture))

    after = app.metrics.registry.get_sample_value("turnout_inference_requests_total", labels)
    assert after - before == len(result["regions"])
