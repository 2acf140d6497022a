"""Maps of a picture on the page in a real Chromium, from two small models: a class for each main color, and the brightness."""

from __future__ import annotations

import base64
import io
import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from playwright.sync_api import expect
from tests.plugins.web.kserve.running import Running, running
from tests.plugins.web.page.conftest import OpenPage, run_picture

import turnout
from turnout.metrics import Metrics
from turnout_vision.drawing.colors import class_color, depth_colors

SIZE = 240, 160


def save_model(file: Path, output: str, *nodes: onnx.NodeProto, weights: Any = ()) -> None:
    pixels = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["batch", 3, "height", "width"])
    result = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "maps", [pixels], [result], list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, file)


@pytest.fixture(scope="module")
def maps_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("maps")
    same = numpy_helper.from_array(np.eye(3, dtype=np.float32)[:, :, np.newaxis, np.newaxis], "weight")
    save_model(
        folder / "classes.onnx", "logits", helper.make_node("Conv", ["pixel_values", "weight"], ["logits"]), weights=[same]
    )
    mean = helper.make_node("ReduceMean", ["pixel_values"], ["predicted_depth"], axes=[1], keepdims=0)
    save_model(folder / "depth.onnx", "predicted_depth", mean)
    models = {
        name: {"backend": "onnxruntime", "backends": {"onnxruntime": {"path": str(folder / f"{name}.onnx")}}}
        for name in ("classes", "depth")
    }
    prepare = {"size": [80, 120]}
    look = [
        "load_image",
        {"segment": {"model": "classes", "prepare": prepare, "labels": ["red", "green", "blue"]}},
        {"estimate_depth": {"model": "depth", "prepare": prepare}},
    ]
    settings = {"models": models, "pipelines": {"look": look}}
    with turnout.open(settings, metrics=Metrics(), listen=False) as app, running(app) as server:
        yield server


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a picture of a red, a green and a blue part."""
    width, height = SIZE
    pixels = np.zeros((height, width, 3), np.uint8)
    for index, (left, right, value) in enumerate([(0, 100, 60), (100, 180, 150), (180, 240, 255)]):
        pixels[:, left:right, index] = value
    file = tmp_path_factory.mktemp("parts") / "parts.png"
    Image.fromarray(pixels).save(file)
    return file


def pixel_of(canvas: Any, x: int, y: int) -> list[int]:
    found: list[int] = canvas.evaluate("(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data]", [x, y])
    return found


def test_the_page_draws_classes_with_a_legend_and_a_depth_with_its_scale(
    open_page: OpenPage, maps_server: Running, parts: Path
) -> None:
    page = open_page(address=maps_server.address)

    run_picture(page, parts, "240")

    classes, depth = page.locator("canvas.map").nth(0), page.locator("canvas.map").nth(1)
    for index in range(3):
        red, green, blue, _ = pixel_of(classes, 50 + 80 * index, 80)
        # What is half transparent is stored rounded.
        assert np.abs(np.array([red, green, blue]) - class_color(index)).max() <= 2
    expect(page.locator(".legend li")).to_contain_text(["red 4", "green 3", "blue 2"])
    assert pixel_of(depth, 10, 80)[:3] == depth_colors(np.array(0.0)).tolist()
    assert np.abs(np.array(pixel_of(depth, 230, 80)[:3]) - depth_colors(np.array(1.0))).max() <= 2
    expect(page.locator(".scale")).to_contain_text("0.33")
    if screenshot := os.environ.get("TURNOUT_SCREENSHOT"):
        page.screenshot(path=screenshot, full_page=True)
    # The whole picture is no finding of its own here, and there is no table.
    expect(page.locator(".results table.regions")).to_have_count(0)
    expect(page.locator(".results .outline")).to_have_count(0)


def test_a_picture_of_the_maps_is_answered_and_their_values_too(maps_server: Running, parts: Path) -> None:
    def ask(options: str, **headers: str) -> bytes:
        address = f"http://{maps_server.address}/v1/pipelines/look?{options}"
        head = b'--part\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        body = head + parts.read_bytes() + b"\r\n--part--\r\n"
        request = urllib.request.Request(address, body, {"Content-Type": "multipart/form-data; boundary=part", **headers})
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
        return content

    values = json.loads(ask("masks=none"))["values"]
    exact = json.loads(ask("maps=npy"))["values"]["depth"]
    drawn = np.asarray(Image.open(io.BytesIO(ask("masks=none", Accept="image/png"))))

    assert values["class_map"] == {"datatype": "INT32", "shape": [160, 240], "least": 0, "most": 2}
    assert [one["label"] for one in values["classes"]] == ["red", "green", "blue"]
    assert values["depth"]["shape"] == [160, 240]
    depth = np.load(io.BytesIO(base64.b64decode(exact.pop("npy").partition(",")[2])))
    assert exact == values["depth"]
    assert (depth.dtype, depth.shape) == (np.float32, (160, 240))
    assert [depth.min(), depth.max()] == np.float32([exact["least"], exact["most"]]).tolist()
    colors = {tuple(pixel) for pixel in drawn.reshape(-1, 3)}
    assert {class_color(index) for index in range(3)} <= colors
    # Three times as large, with a legend, a depth below it and its scale.
    assert drawn.shape[0] > 2 * 3 * 160
