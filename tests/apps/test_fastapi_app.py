"""The FastAPI app under uvicorn: before; and after, with two workers, moved from torch to Triton while it serves."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.apps.served_apps import PICTURES, QUESTION, Callers, Checkout, boxes, children, post, uvicorn, wait_for_port
from tests.deploy.processes import Process, wait_until

APP = "fastapi_app"
Expected = dict[Path, dict[str, Any]]


def address(checkout: Checkout) -> str:
    return f"http://127.0.0.1:{checkout.port}/answers"


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> Expected:
    """Return what the app before answers for each picture."""
    checkout = Checkout(tmp_path_factory.mktemp("before"), APP)
    with uvicorn(checkout.app / "before", port=checkout.port) as app:
        wait_for_port(app, checkout.port)
        answers = {picture: post(address(checkout), picture, question=QUESTION) for picture in PICTURES}
        none = post(address(checkout), PICTURES[0], question=QUESTION, boxes="[]")
    assert (none.status_code, none.json()) == (200, {"question": QUESTION, "answers": []})
    assert {answer.status_code for answer in answers.values()} == {200}
    return {picture: answer.json() for picture, answer in answers.items()}


@pytest.fixture(scope="module")
def app(checkout) -> Iterator[Process]:
    """Yield the app after the move, in two workers of uvicorn; it starts on torch."""
    with uvicorn(checkout.app / "after", "--workers", "2", port=checkout.port) as running:
        wait_for_port(running, checkout.port)
        yield running
    assert "Traceback" not in running.log.read_text()


@pytest.fixture
def url(app, checkout) -> str:
    return address(checkout)


def callers(url: str, expected: Expected) -> Callers:
    def ask(number: int) -> None:
        picture = PICTURES[number % len(PICTURES)]
        answer = post(url, picture, question=QUESTION)
        assert answer.status_code == 200, answer.text
        assert answer.json() == expected[picture]

    return Callers(ask)


def adopt(app: Process, checkout: Checkout, backend: str, fallback: str = "") -> None:
    """Move the models, and wait until both workers have done so: settings that cannot be opened are not adopted."""
    before = app.log.read_text().count(f"backend '{backend}' serves")
    checkout.move(backend, fallback)
    wait_until(
        lambda: app.log.read_text().count(f"backend '{backend}' serves") >= before + 2, what="the reload of both workers"
    )


def test_the_app_before_answers_each_box(expected) -> None:
    [meadow] = [answer["answers"] for picture, answer in expected.items() if picture.name == "meadow.png"]

    assert [one["answer"] for one in meadow] == ["yellow", "green", "purple", "yellow"]
    assert {len(boxes(picture)) for picture in PICTURES} > {3}


def test_two_workers_move_from_torch_to_onnxruntime_to_triton_by_yaml_only_and_no_answer_changes(
    url, checkout, expected
) -> None:
    code = (checkout.app / "after/app.py").read_bytes()
    # torch and the checkpoint are loaded in each worker at its first request, on a slow machine for longer than a caller waits.
    wait_until(lambda: post(url, PICTURES[0], question=QUESTION).status_code == 200, seconds=150)

    with callers(url, expected).at_work() as load:
        for backend in ("direct", "onnxruntime", "triton"):
            checkout.move(backend)
            wait_until(lambda backend=backend: checkout.answered(backend) > 3 or load.wrong, seconds=60, what=backend)
            load.go_on(len(PICTURES))

    assert load.wrong == []
    assert (checkout.app / "after/app.py").read_bytes() == code


def test_no_request_fails_while_triton_is_killed_and_triton_answers_again_when_it_is_back(
    app, url, checkout, expected, triton
) -> None:
    # A change of the backend is logged by each worker, a new fallback alone is not.
    adopt(app, checkout, "onnxruntime")
    adopt(app, checkout, "triton", fallback="onnxruntime")

    with callers(url, expected).at_work() as load:
        load.go_on(12)
        triton.kill()
        load.go_on(10)
        fallbacks = checkout.count("turnout_fallbacks_total")
        triton.restart()
        before = checkout.answered("triton")
        wait_until(lambda: checkout.answered("triton") > before + 5 or load.wrong, seconds=60, what="triton again")

    assert load.wrong == []
    assert fallbacks > 0


def test_without_a_fallback_a_killed_server_is_503_with_one_line_and_good_answers_follow_its_return(
    app, url, checkout, expected, triton
) -> None:
    for backend in ("onnxruntime", "triton"):
        adopt(app, checkout, backend)
    triton.kill()
    try:
        refused = [post(url, PICTURES[0], question=QUESTION) for _ in range(4)]
    finally:
        triton.restart()

    assert {one.status_code for one in refused} == {503}
    assert all("step 'answer' got no answer" in one.text and "\n" not in one.text for one in refused)
    # Each worker has a circuit of its own, which a request of its own closes.
    wait_until(
        lambda: post(url, PICTURES[0], question=QUESTION).status_code == 200 and not checkout.count("turnout_circuit_open"),
        seconds=60,
    )
    assert post(url, PICTURES[0], question=QUESTION).json() == expected[PICTURES[0]]


def test_a_worker_that_is_killed_is_replaced_and_the_next_answers_are_right(app, url, expected) -> None:
    workers = [pid for pid in children(app) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(workers) == 2

    os.kill(workers[0], signal.SIGKILL)

    wait_until(lambda: workers[0] not in children(app) and len(children(app)) >= 3)
    for picture in PICTURES:
        assert post(url, picture, question=QUESTION).json() == expected[picture]


def test_no_boxes_are_no_answers_as_before_and_the_next_request_is_answered(url, expected) -> None:
    none = post(url, PICTURES[0], question=QUESTION, boxes="[]")

    assert (none.status_code, none.json()) == (200, {"question": QUESTION, "answers": []})
    assert post(url, PICTURES[0], question=QUESTION).json() == expected[PICTURES[0]]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"boxes": "]"}, "boxes must be JSON"),
        ({"boxes": "{}"}, "boxes must be a list"),
        ({"boxes": "[[9, 9, 9, 9]]"}, "region 0"),
        ({"boxes": "[[0, 0, 1e400, 9]]"}, "region 0"),
    ],
)
def test_wrong_boxes_are_one_clear_line_and_the_next_request_is_answered(url, expected, fields, line) -> None:
    refused = post(url, PICTURES[0], question=QUESTION, **fields)

    assert (refused.status_code, line in refused.text) == (400, True), refused.text
    assert post(url, PICTURES[0], question=QUESTION).json() == expected[PICTURES[0]]
