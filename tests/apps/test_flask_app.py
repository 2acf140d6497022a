"""The Flask app under gunicorn: before; and after, with preload and threads, on each backend, while servers die."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from tests.apps.served_apps import (
    PICTURES,
    Callers,
    Checkout,
    boxes,
    check_objects,
    children,
    gunicorn,
    has_torch,
    post,
    wait_for_port,
)
from tests.deploy.processes import Process, wait_until

APP = "flask_app"
Expected = dict[Path, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> Expected:
    """Return what the app before answers for each picture, under gunicorn with one process and threads."""
    checkout = Checkout(tmp_path_factory.mktemp("before"), APP)
    with gunicorn(checkout.app / "before", "--workers", "1", port=checkout.port) as app:
        wait_for_port(app, checkout.port)
        answers = {picture: post(address(checkout), picture) for picture in PICTURES}
        assert any(has_torch(worker) for worker in children(app))
        refused = post(address(checkout), PICTURES[0], boxes="{")
        none = post(address(checkout), PICTURES[0], boxes="[]")
    assert {answer.status_code for answer in answers.values()} == {200}
    assert refused.status_code == 400
    assert (none.status_code, none.json()) == (200, {"objects": []})
    return {picture: answer.json()["objects"] for picture, answer in answers.items()}


@pytest.fixture(scope="module")
def app(checkout) -> Iterator[Process]:
    """Yield the app after the move, imported once in the master of gunicorn, with two workers; it starts on onnxruntime."""
    checkout.move("onnxruntime")
    with gunicorn(checkout.app / "after", "--preload", port=checkout.port) as running:
        wait_for_port(running, checkout.port)
        yield running
    assert "Traceback" not in running.log.read_text()


@pytest.fixture
def url(app, checkout) -> str:
    return address(checkout)


def address(checkout: Checkout) -> str:
    return f"http://127.0.0.1:{checkout.port}/objects"


def caller(address: str, expected: Expected, count: int = 3) -> Callers:
    pictures = list(islice(cycle(PICTURES), 60))

    def ask(number: int) -> None:
        picture = pictures[number % 60]
        answer = post(address, picture)
        assert answer.status_code == 200, answer.text
        check_objects(expected[picture], answer.json()["objects"])

    return Callers(ask, count)


def test_the_app_before_names_what_is_in_the_boxes(expected) -> None:
    [meadow] = [objects for picture, objects in expected.items() if picture.name == "meadow.png"]

    assert [one["caption"] for one in meadow] == ["a yellow square", "a green triangle", "a purple star", "a yellow triangle"]


def test_answers_are_those_of_before_on_onnxruntime_and_on_triton_and_the_move_is_yaml_only(
    app, url, checkout, expected, triton
) -> None:
    code = (checkout.app / "after/app.py").read_bytes()

    with caller(url, expected).at_work() as callers:
        callers.go_on()
        wait_until(lambda: checkout.answered("onnxruntime") > 0)
        checkout.move("triton", fallback="onnxruntime")
        wait_until(lambda: checkout.answered("triton") > 0)
        callers.go_on(2 * len(PICTURES))

    assert callers.wrong == []
    assert (checkout.app / "after/app.py").read_bytes() == code
    assert not any(has_torch(worker) for worker in children(app))


def test_no_request_fails_while_triton_is_killed_and_triton_answers_again_when_it_is_back(
    url, checkout, expected, triton
) -> None:
    checkout.move("triton", fallback="onnxruntime")

    with caller(url, expected).at_work() as callers:
        wait_until(lambda: checkout.answered("triton") > 0)
        callers.go_on()
        triton.kill()
        callers.go_on(10)
        assert checkout.count("turnout_fallbacks_total") > 0
        triton.restart()
        before = checkout.answered("triton")
        wait_until(lambda: checkout.answered("triton") > before + 5, seconds=60, what="triton again")
        callers.go_on()

    assert callers.wrong == []


def test_a_worker_that_is_killed_is_replaced_and_the_next_requests_are_right(app, url, expected) -> None:
    dead, other = children(app)

    os.kill(dead, signal.SIGKILL)

    wait_until(lambda: len(children(app)) == 2 and dead not in children(app) and other in children(app))
    for picture in PICTURES:
        check_objects(expected[picture], post(url, picture).json()["objects"])


def test_no_boxes_are_no_objects_as_before_and_the_next_request_is_answered(url, expected) -> None:
    none = post(url, PICTURES[0], boxes="[]")

    assert (none.status_code, none.json()) == (200, {"objects": []})
    check_objects(expected[PICTURES[0]], post(url, PICTURES[0]).json()["objects"])


@pytest.mark.parametrize(
    ("fields", "status", "line"),
    [
        ({"boxes": "{"}, 400, "boxes must be JSON"),
        ({"boxes": "[" * 5000}, 400, "boxes must be JSON"),
        ({"boxes": '"/etc/hostname"'}, 400, "boxes must be a list"),
        ({"boxes": "[[5, 5, 1, 1]]"}, 400, "is inverted"),
        ({"boxes": "[[NaN, 0, 9, 9]]"}, 400, "contains nan"),
        ({"boxes": '["/etc/hostname"]'}, 400, "does not have four numbers"),
    ],
)
def test_wrong_boxes_are_one_clear_line_and_the_next_request_is_answered(url, expected, fields, status, line) -> None:
    refused = post(url, PICTURES[0], **fields)

    assert (refused.status_code, line in refused.text) == (status, True), refused.text
    check_objects(expected[PICTURES[0]], post(url, PICTURES[0]).json()["objects"])


def test_a_file_that_is_no_picture_is_refused_by_name_and_the_next_request_is_answered(url, expected, tmp_path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(PICTURES[0].read_bytes()[:200])
    broken.with_suffix(".regions.json").write_text('{"regions": [{"box": [0, 0, 9, 9]}]}')

    refused = post(url, broken)

    assert refused.status_code == 400
    assert refused.text.count("\n") == 0
    check_objects(expected[PICTURES[1]], post(url, PICTURES[1]).json()["objects"])


def test_a_wrong_answer_is_found(expected) -> None:
    objects = expected[PICTURES[0]]

    with pytest.raises(AssertionError):
        check_objects(objects, [{**objects[0], "caption": "a pink cow"}, *objects[1:]])
    with pytest.raises(AssertionError):
        check_objects(objects, [{**objects[0], "mask": objects[1]["mask"]}, *objects[1:]])
    check_objects(objects, objects)
    assert boxes(PICTURES[0]) == [one["box"] for one in objects]
