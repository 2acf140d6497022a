"""The checks of ``ainfer``: it does what ``infer`` does, in one event loop or several."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import numpy as np

from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.tensors import describe, to_binary
from turnout.testing.echo_kit import EchoKit
from turnout.testing.probing import Pending, require, require_same_bits
from turnout.testing.samples import plain

T = TypeVar("T")
COROUTINES = 100


class AsyncDuties(EchoKit):
    """Checks of ``ainfer``. Three are for a class that overrides it: the default is ``infer`` in a thread, checked as that."""

    def test_answers_in_one_event_loop_after_another(self) -> None:
        with self.open_echo("FP32") as model:
            for turn in ("first", "second"):
                output = self._run_loop(model).result(self.limit_seconds, f"the {turn} asyncio.run")
                require_same_bits(output, plain("FP32"), f"the answer in the {turn} asyncio.run")

    def test_answers_in_three_event_loops_at_once(self) -> None:
        with self.open_echo("FP32") as model:
            outputs = [loop.result(self.limit_seconds, "an event loop") for loop in [self._run_loop(model) for _ in range(3)]]

        for output in outputs:
            require_same_bits(output, plain("FP32"), "the answer in one of three event loops")

    def test_answers_and_refuses_in_an_event_loop_as_in_a_thread(self) -> None:
        good = {"an id": self.request(plain("FP32"), id="seven")}
        late = {"a deadline that has passed": self.request(plain("FP32"), deadline=time.monotonic() - 1)}

        # In one loop: that a second one works is another check.
        async def compare_all(model: ModelInference) -> None:
            await self._compare_outcomes(model, {**good, **self.bad_requests(), **late})
            model.close()
            await self._compare_outcomes(model, {"an id, after close": good["an id"]})

        with self.open_echo("FP32") as model:
            if _overrides_ainfer(model):
                self._in_loop(lambda: compare_all(model), "infer and ainfer")

    def test_gives_every_coroutine_its_own_answer(self) -> None:
        async def ask(model: ModelInference, number: int) -> float:
            return float((await self.aecho(model, np.full((1, 3), number, np.float32)))[0, 0])

        async def ask_all(model: ModelInference) -> list[float]:
            return await asyncio.gather(*(ask(model, number) for number in range(COROUTINES)))

        with self.open_echo("FP32") as model:
            if _overrides_ainfer(model):
                answers = self._in_loop(lambda: ask_all(model), f"{COROUTINES} coroutines")
                wrong = [(sent, got) for sent, got in enumerate(answers) if sent != got]
                text = f"{len(wrong)} of {COROUTINES} answers are another caller's, such as {wrong[:3]} (sent, got)"
                require(not wrong, text)

    def test_lets_a_cancellation_pass_and_answers_the_next_request(self) -> None:
        async def cancel_then_ask(model: ModelInference) -> tuple[bool, Any]:
            task = asyncio.ensure_future(self.aecho(model, plain("FP32")))
            await asyncio.sleep(0)
            ended = not task.cancel()
            await asyncio.wait([task])
            return ended or task.cancelled(), await self.aecho(model, plain("FP32"))

        with self.open_echo("FP32") as model:
            if _overrides_ainfer(model):
                passed, output = self._in_loop(lambda: cancel_then_ask(model), "a request after a cancelled one")
                require(passed, "ainfer did not end with the cancellation of its caller; let the CancelledError pass")
                require_same_bits(output, plain("FP32"), "the answer after a cancelled request")

    async def _compare_outcomes(self, model: ModelInference, requests: Mapping[str, InferenceRequest]) -> None:
        for what, request in requests.items():
            want = await asyncio.to_thread(_outcome, model, request)
            got = await _awaited_outcome(model, request)
            require(got == want, f"a request with {what}: ainfer gave {got}, and infer {want}; both must do the same")

    def _in_loop(self, work: Callable[[], Coroutine[Any, Any, T]], what: str) -> T:
        return Pending(lambda: asyncio.run(work())).result(self.limit_seconds, what)

    def _run_loop(self, model: ModelInference) -> Pending[np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
        return Pending(lambda: asyncio.run(self.aecho(model, plain("FP32"))))


def _overrides_ainfer(model: ModelInference) -> bool:
    return type(model).ainfer is not ModelInference.ainfer


def _outcome(model: ModelInference, request: InferenceRequest) -> str:
    try:
        return _text_of(model.infer(request))
    except Exception as error:  # noqa: BLE001 - compared with that of the other door
        return type(error).__name__


async def _awaited_outcome(model: ModelInference, request: InferenceRequest) -> str:
    try:
        return _text_of(await model.ainfer(request))
    except Exception as error:  # noqa: BLE001 - compared with that of the other door
        return type(error).__name__


def _text_of(response: InferenceResponse) -> str:
    outputs = (f"{name} {describe(array)} {to_binary(array)!r:.100}" for name, array in response.outputs.items())
    return f"id {response.id!r} and {', '.join(outputs) or 'no output'}"
