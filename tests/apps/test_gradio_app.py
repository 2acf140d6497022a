"""The Gradio app through gradio_client: before; and after, with several callers at once, while its server dies."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.apps.served_apps import PICTURES, QUESTION, SAME, Callers, Checkout, boxes, gradio, wait_for_port
from tests.deploy.processes import Process, wait_until

pytest.importorskip("gradio_client")
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

APP = "gradio_app"
Expected = dict[Path, tuple[list[Any], list[dict[str, Any]]]]


def connect(checkout: Checkout) -> Client:
    return Client(f"http://127.0.0.1:{checkout.port}", verbose=False, download_files=str(checkout.folder))


def describe(client: Client, picture: Path, text: str = "") -> tuple[list[Any], list[dict[str, Any]]]:
    """Return the masks and the rows of the page for a picture."""
    annotated, rows = client.predict(
        handle_file(str(picture)), text or json.dumps(boxes(picture)), QUESTION, api_name="/describe"
    )
    masks = [np.asarray(Image.open(one["image"]).convert("RGBA"))[..., 3] > 0 for one in annotated["annotations"]]
    return masks, rows


def check(expected: tuple[list[Any], list[dict[str, Any]]], given: tuple[list[Any], list[dict[str, Any]]]) -> None:
    assert given[1] == expected[1]
    for mask, other in zip(expected[0], given[0], strict=True):
        assert np.mean(mask == other) >= SAME


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> Expected:
    """Return what the app before shows for each picture."""
    checkout = Checkout(tmp_path_factory.mktemp("before"), APP)
    with gradio(checkout.app / "before", port=checkout.port) as app:
        wait_for_port(app, checkout.port)
        client = connect(checkout)
        shown = {picture: describe(client, picture) for picture in PICTURES}
        none = describe(client, PICTURES[0], "[]")
        client.close()
    assert none == ([], [])
    return shown


@pytest.fixture(scope="module")
def app(checkout) -> Iterator[Process]:
    """Yield the app after the move; it starts on torch."""
    with gradio(checkout.app / "after", port=checkout.port) as running:
        wait_for_port(running, checkout.port)
        yield running


@pytest.fixture(scope="module")
def client(app, checkout) -> Iterator[Client]:
    connected = connect(checkout)
    yield connected
    connected.close()


def callers(checkout: Checkout, expected: Expected) -> Callers:
    clients = threading.local()

    def ask(number: int) -> None:
        if not hasattr(clients, "own"):
            clients.own = connect(checkout)
        picture = PICTURES[number % len(PICTURES)]
        check(expected[picture], describe(clients.own, picture))

    return Callers(ask)


def test_the_app_before_shows_masks_captions_and_answers(expected) -> None:
    [(masks, rows)] = [shown for picture, shown in expected.items() if picture.name == "meadow.png"]

    assert [(row["caption"], row["answer"]) for row in rows] == [
        ("a yellow square", "yellow"),
        ("a green triangle", "green"),
        ("a purple star", "purple"),
        ("a yellow triangle", "yellow"),
    ]
    assert all(0.005 < mask.mean() < 0.5 for mask in masks)


def warm_up(client: Client) -> None:
    """Ask until torch and the checkpoints are loaded; on a slow machine that takes longer than a caller waits."""
    for _ in range(5):
        with suppress(AppError):
            describe(client, PICTURES[0])
            return


def test_the_app_moves_from_torch_to_triton_and_survives_its_end_by_yaml_only_and_no_answer_changes(
    client, checkout, expected, triton
) -> None:
    code = (checkout.app / "after/app.py").read_bytes()
    warm_up(client)

    with callers(checkout, expected).at_work() as load:
        for backend in ("direct", "onnxruntime", "triton"):
            checkout.move(backend, fallback="onnxruntime" if backend == "triton" else "")
            wait_until(lambda backend=backend: checkout.answered(backend) > 3 or load.wrong, seconds=60, what=backend)
            load.go_on(len(PICTURES))
        triton.kill()
        load.go_on()
        fallbacks = checkout.count("turnout_fallbacks_total")
        triton.restart()
        before = checkout.answered("triton")
        wait_until(lambda: checkout.answered("triton") > before + 5 or load.wrong, seconds=60, what="triton again")

    assert load.wrong == []
    assert fallbacks > 0
    assert (checkout.app / "after/app.py").read_bytes() == code


def test_no_boxes_show_no_objects_as_before_and_the_next_picture_is_shown(client, expected) -> None:
    assert describe(client, PICTURES[0], "[]") == ([], [])

    check(expected[PICTURES[0]], describe(client, PICTURES[0]))


@pytest.mark.parametrize(
    ("text", "line"), [("[", "boxes must be JSON"), ("7", "boxes must be a list"), ("[[5, 5, 1, 1]]", "is inverted")]
)
def test_wrong_boxes_are_one_clear_line_and_the_next_request_is_answered(client, expected, text, line) -> None:
    with pytest.raises(AppError, match=line):
        describe(client, PICTURES[0], text)

    check(expected[PICTURES[0]], describe(client, PICTURES[0]))
