"""Backends for the conformance kit: a good one, and bad ones with one defect each."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time

import numpy as np
import pytest

from turnout.errors import ClosedError, InferenceError, InvalidTensorError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.tensors import TensorSpec, as_bytes_elements, as_tensor
from turnout.testing.samples import plain


class Echo(ModelInference):
    """A good backend; each bad one below overrides one method."""

    def __init__(self, spec: TensorSpec, output_name: str = "y") -> None:
        self.spec = spec
        self.output_name = output_name
        self.closed = False

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self.closed:
            raise ClosedError("closed")
        request.check_deadline()
        return InferenceResponse({self.output_name: self.answer(self.accept(request))}, request.id)

    def accept(self, request: InferenceRequest) -> np.ndarray:
        if set(request.inputs) != {self.spec.name}:
            raise InvalidTensorError(f"the input is {self.spec.name!r}, got {list(request.inputs)}")
        self.spec.check(request.inputs[self.spec.name])
        return request.inputs[self.spec.name]

    def answer(self, array: np.ndarray) -> np.ndarray:
        return as_tensor(array).copy()

    def ready(self) -> bool:
        return not self.closed

    def close(self) -> None:
        self.closed = True


class TextEcho(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        if array.dtype == object and any(b"\xff" in element for element in array.flat):
            raise InvalidTensorError("no text")
        return super().answer(array)


class ReturnsAnotherId(Echo):
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse(dict(super().infer(request)), "another")


class Aliases(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        return array if array.flags.writeable and array.dtype.isnative else super().answer(array)


class ReusesItsBuffer(Echo):
    buffers = threading.local()

    def answer(self, array: np.ndarray) -> np.ndarray:
        buffer = getattr(self.buffers, array.dtype.name, None)
        if buffer is None or array.shape != (3, 3):
            buffer = np.empty(array.shape, as_tensor(array).dtype)
        setattr(self.buffers, array.dtype.name, buffer)
        buffer[...] = array
        return buffer


class ServesACache(Echo):
    cache: np.ndarray | None = None

    def answer(self, array: np.ndarray) -> np.ndarray:
        if not array.flags.c_contiguous or not np.array_equal(array, plain(self.spec.datatype)):
            return super().answer(array)
        if self.cache is None:
            self.cache = super().answer(array)
        return self.cache


class AnswersReadOnly(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        answer = super().answer(array)
        answer.flags.writeable = False
        return answer


class WritesToInputs(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        answer = super().answer(array)
        if array.flags.writeable:
            array[...] = b"" if array.dtype == object else 0
        return answer


class RequiresWritableInputs(Echo):
    def accept(self, request: InferenceRequest) -> np.ndarray:
        array = super().accept(request)
        if not array.flags.writeable:
            raise InvalidTensorError("the array is read-only")
        return array


class MixesCallers(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        self.last = super().answer(array)
        time.sleep(0.0001)
        return self.last


class LosesTrailingNuls(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        if array.dtype != object or not array.size or b"\x80" in array.ravel().tolist():
            return super().answer(array)
        return as_bytes_elements(array.astype("S"))


class AnswersText(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        if array.dtype != object or b"trailing NUL\0" not in array.ravel().tolist():
            return super().answer(array)
        return np.array([element.decode() for element in array.flat], dtype=object).reshape(array.shape)


class GarblesBytes(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        if array.dtype != object or b"\x80" not in array.ravel().tolist():
            return super().answer(array)
        return as_bytes_elements(np.array([repr(element) for element in array.flat], dtype=object)).reshape(array.shape)


class FlushesSubnormals(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        answer = super().answer(array)
        if answer.dtype.kind == "f":
            answer[np.abs(answer) < np.finfo(answer.dtype).tiny] = 0
        return answer


class AnswersDouble(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        answer = super().answer(array)
        return answer.astype(np.float64) if answer.dtype == np.float16 and np.isnan(answer).any() else answer


class StumblesOverNothing(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        return super().answer(array).reshape(len(array), -1) if array.ndim else super().answer(array)


class RaisesRank0(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        return np.atleast_1d(super().answer(array))


class ForgetsStrides(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        return (
            as_tensor(array).ravel(order="K").reshape(array.shape).copy() if array.flags.f_contiguous else super().answer(array)
        )


class ForgetsByteOrder(Echo):
    def answer(self, array: np.ndarray) -> np.ndarray:
        return array.copy() if array.dtype.isnative else array.view(self.spec.dtype).copy()


class ForeignError(Echo):
    def accept(self, request: InferenceRequest) -> np.ndarray:
        try:
            return super().accept(request)
        except InvalidTensorError as error:
            raise ValueError("foreign") from error


class WordyError(Echo):
    def accept(self, request: InferenceRequest) -> np.ndarray:
        try:
            return super().accept(request)
        except InvalidTensorError as error:
            raise TwoLinesError(str(error)) from error


class TwoLinesError(InvalidTensorError):
    def __str__(self) -> str:
        return f"wrong:\n{super().__str__()}"


class WordlessError(Echo):
    def accept(self, request: InferenceRequest) -> np.ndarray:
        try:
            return super().accept(request)
        except InvalidTensorError as error:
            raise InvalidTensorError from error


class BreaksPermanently(Echo):
    broken = False

    def accept(self, request: InferenceRequest) -> np.ndarray:
        if self.broken:
            raise InvalidTensorError("still broken")
        try:
            return super().accept(request)
        except InvalidTensorError:
            self.broken = True
            raise


class AnswersBadRequests(Echo):
    def accept(self, request: InferenceRequest) -> np.ndarray:
        try:
            return super().accept(request)
        except InvalidTensorError:
            return np.zeros((1, 3), np.float32)


class BlamesItself(Echo):
    """Raises an error that would open the circuit: here the caller is wrong, not the backend."""

    def accept(self, request: InferenceRequest) -> np.ndarray:
        try:
            return super().accept(request)
        except InvalidTensorError as error:
            raise InferenceError(str(error)) from error


class AnswersLateRequests(Echo):
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return super().infer(InferenceRequest(request.inputs, None, request.id))


class HangsWhenLate(Echo):
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if request.remaining_seconds() == 0:
            threading.Event().wait(20)
        return super().infer(request)


class HangsAfterFork(Echo):
    """As runtimes with threads do: a forked child waits for threads that it does not have."""

    def __init__(self, spec: TensorSpec, output_name: str = "y") -> None:
        super().__init__(spec, output_name)
        self.pid = os.getpid()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if os.getpid() != self.pid:
            threading.Event().wait(20)
        return super().infer(request)


class HangsAfterClose(Echo):
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self.closed:
            threading.Event().wait(20)
        return super().infer(request)


class AnswersAfterClose(Echo):
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return (
            InferenceResponse({self.output_name: self.answer(self.accept(request))}, request.id)
            if self.closed
            else super().infer(request)
        )


class ClosesOnce(Echo):
    def close(self) -> None:
        if self.closed:
            raise ValueError("already closed")
        super().close()


class AlwaysReady(Echo):
    def ready(self) -> bool:
        return True


class NeverReady(Echo):
    def ready(self) -> bool:
        return False


class WorksInOneLoopOnly(Echo):
    """As aio clients do: the second event loop fails."""

    loop: object = None

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        self.loop = self.loop or asyncio.get_running_loop()
        if self.loop is not asyncio.get_running_loop():
            raise RuntimeError("attached to a different loop")
        return await super().ainfer(request)


class OneLoopAtATime(Echo):
    def __init__(self, spec: TensorSpec, output_name: str = "y") -> None:
        super().__init__(spec, output_name)
        self.loops = threading.Barrier(2)
        self.threads: set[int] = set()

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        self.threads.add(threading.get_ident())
        await asyncio.sleep(0.05)
        if len(self.threads) > 1:
            raise RuntimeError("two loops at once")
        self.threads.clear()
        return await super().ainfer(request)


class AwaitsLateRequests(Echo):
    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        return self.infer(InferenceRequest(request.inputs, None, request.id))


class MixesAwaitingCallers(Echo):
    """Keeps the request of one caller where the next one overwrites it."""

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        self.request = request
        await asyncio.sleep(0)
        return self.infer(self.request)


class SurvivesItsCaller(Echo):
    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)
        return self.infer(request)


class Awaits(Echo):
    """A good backend with a coroutine of its own."""

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        await asyncio.sleep(0)
        return self.infer(request)


@pytest.fixture(scope="session")
def backends() -> dict[str, type[Echo]]:
    """The backends of this file by class name."""
    return {kind.__name__: kind for kind in (Echo, *Echo.__subclasses__())}
