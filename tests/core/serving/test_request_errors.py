"""An error of a request that has an id names it, and no error names the request of another caller."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference, Turnout
from turnout.errors import InferenceError, InvalidRequestError, InvalidTensorError, ModelLoadError, TurnoutError
from turnout.serving.request_errors import of_request
from turnout.testing import Fails, Streams

X = np.ones(1, np.float32)
MakeApp = Callable[..., Turnout]
Door = Callable[..., Any]


def infer(app: Turnout, inputs: Any, **known: Any) -> object:
    return app.model("m").infer(inputs, **known)


def ainfer(app: Turnout, inputs: Any, **known: Any) -> object:
    return asyncio.run(app.model("m").ainfer(inputs, **known))


def infer_stream(app: Turnout, inputs: Any, **known: Any) -> object:
    return list(app.model("m").infer_stream(inputs, **known))


DOORS = [infer, ainfer, infer_stream]


@pytest.mark.parametrize("door", DOORS)
def test_the_error_of_a_request_begins_with_its_id(door: Door, make_app: MakeApp) -> None:
    app = make_app({"m": lambda: Fails(InferenceError("no memory"))})

    with pytest.raises(InferenceError) as caught:
        door(app, {"x": X}, id="order-17")

    assert str(caught.value) == "request 'order-17': no memory"
    assert (caught.value.request_id, caught.value.message, caught.value.model) == ("order-17", "no memory", "m")


@pytest.mark.parametrize("door", DOORS)
def test_without_an_id_it_is_as_it_was(door: Door, make_app: MakeApp) -> None:
    error = InferenceError("no memory")
    app = make_app({"m": lambda: Fails(error)})

    with pytest.raises(InferenceError) as caught:
        door(app, {"x": X})

    assert caught.value is error
    assert (str(error), error.request_id) == ("no memory", None)


@pytest.mark.parametrize("door", DOORS)
def test_a_request_that_is_refused_before_it_is_sent_is_named_too(door: Door, make_app: MakeApp) -> None:
    app = make_app()
    app.models["m"] = app.model("plus")  # type: ignore[index]  # a name for the doors

    with pytest.raises(InvalidTensorError, match=r"^request 'a': "):
        door_of(app, door, {"x": [[1], [1, 2]]}, id="a")


def door_of(app: Turnout, door: Door, inputs: Any, **known: Any) -> object:
    class OneModel:
        def model(self, _: str) -> Any:
            return app.model("plus")

    return door(OneModel(), inputs, **known)


def test_an_error_that_names_the_request_already_does_it_once(make_app: MakeApp) -> None:
    app = make_app()

    with pytest.raises(TurnoutError) as caught:
        app.model("plus").infer({"x": X}, timeout_seconds=-1, id="late")

    assert str(caught.value).count("late") == 1


def test_the_id_of_a_stranger_is_escaped_and_cut(make_app: MakeApp) -> None:
    app = make_app({"m": lambda: Fails(InferenceError("no memory; add some"))})

    with pytest.raises(InferenceError) as caught:
        app.model("m").infer({"x": X}, id="\x1b[31m\n" + "x" * 100_000)

    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 200
    assert text.startswith("request '\\x1b[31m\\n")
    assert text.endswith("no memory; add some")


class FailsTogether(ModelInference):
    """Raises one error in all threads."""

    error = ModelLoadError("no such file")

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        raise self.error


def test_callers_that_share_an_error_each_get_their_own_id(make_app: MakeApp) -> None:
    app, barrier = make_app({"m": FailsTogether}), threading.Barrier(8, timeout=20)

    def call(number: int) -> str:
        barrier.wait()
        with pytest.raises(ModelLoadError) as caught:
            app.model("m").infer({"x": X}, id=f"r{number}")
        return str(caught.value)

    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(call, range(8)))

    assert texts == [f"request 'r{number}': no such file" for number in range(8)]
    assert str(FailsTogether.error) == "no such file"


def test_the_cause_and_the_traceback_stay(make_app: MakeApp) -> None:
    app = make_app({"m": lambda: Fails(ValueError("foreign"))})

    with pytest.raises(InferenceError) as caught:
        app.model("m").infer({"x": X}, id="a")

    assert isinstance(caught.value.__cause__, ValueError)
    assert any(entry.name == "_raise_fault" for entry in caught.traceback)


def test_an_error_of_a_stream_after_its_first_answer_is_named(make_app: MakeApp) -> None:
    app = make_app({"m": lambda: Streams(InferenceResponse({"y": X}), InferenceError("half"))})

    with pytest.raises(InferenceError, match=r"^request 's': half"):
        list(app.model("m").infer_stream({"x": X}, id="s"))


class PeculiarError(TurnoutError):
    def __init__(self, one: object, two: object) -> None:
        super().__init__(f"{one} {two}")


def test_a_plugins_error_that_cannot_be_copied_is_named_itself() -> None:
    error = PeculiarError(1, 2)

    assert str(of_request(error, "a")) == "request 'a': 1 2"


def test_an_id_that_is_no_text_is_refused_without_being_named(make_app: MakeApp) -> None:
    app = make_app()

    with pytest.raises(InvalidRequestError, match=r"^(?!request)"):
        app.model("plus").infer({"x": X}, id=5)  # type: ignore[arg-type]
    assert app.model("plus").infer({"x": X})["x"].tolist() == [2]
