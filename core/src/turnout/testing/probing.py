"""Probes of the conformance checks: calls with a time limit, calls in a forked child, and assertions about their results."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError, TurnoutError, one_line
from turnout.inference import InferenceResponse
from turnout.tensors import datatype_of, describe, dtype_of, to_binary

Answer = TypeVar("Answer")
_MESSAGE_BYTES = 4096


def require(claim: bool, message: str) -> None:  # noqa: FBT001 - reads as ``assert``, and counts under python -O too
    """Raise AssertionError with ``message`` unless ``claim`` is true."""
    if not claim:
        raise AssertionError(message)


class Pending(Generic[Answer]):
    """``work`` in a thread of its own. A daemon, because a thread that hangs cannot be stopped, only abandoned."""

    def __init__(self, work: Callable[[], Answer]) -> None:
        self._work = work
        self._answers: list[Answer] = []
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="turnout-conformance", daemon=True)
        self._thread.start()

    def result(self, seconds: float, what: str) -> Answer:
        """Return the result of ``work``, or raise its error; AssertionError if it does not end within ``seconds``."""
        self._thread.join(seconds)
        require(not self._thread.is_alive(), f"{what} did not end within {seconds} s")
        if self._errors:
            raise self._errors[0]
        return self._answers[0]

    def _run(self) -> None:
        try:
            self._answers.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._errors.append(error)


def run_in_child(work: Callable[[], object], seconds: float, what: str) -> None:
    """Run ``work`` in a forked child. Raise AssertionError if it fails, dies, or does not end within ``seconds``."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of every fork with threads; here the check itself finds the harm.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        _end_child(work, writer)
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as stream:
        ending = Pending(lambda: os.waitpid(child, 0)[1])
        try:
            status = ending.result(seconds, f"{what} in a forked child")
        except AssertionError:
            os.kill(child, signal.SIGKILL)
            raise
        # Not blocking: the child has ended, but another forked process may have inherited the other end.
        os.set_blocking(stream.fileno(), False)
        message = (stream.read(_MESSAGE_BYTES) or b"").decode(errors="replace")
    require(not status, f"{what} in a forked child: {message or f'it died with status {status}'}")


def _end_child(work: Callable[[], object], writer: int) -> NoReturn:
    code = 1
    try:
        work()
        code = 0
    except BaseException as error:  # noqa: BLE001 - the parent raises it
        os.write(writer, one_line(error).encode()[:_MESSAGE_BYTES])
    finally:
        # Not sys.exit: the exit handlers belong to the parent.
        os._exit(code)


def refusal(work: Callable[[], object], what: str) -> TurnoutError | None:
    """Return the TurnoutError that ``work`` raises, None if it answers; AssertionError for any other error."""
    try:
        work()
    except TurnoutError as error:
        text = str(error)
        require(bool(text.strip()), f"{what} raised {type(error).__name__} without a message")
        require("\n" not in text, f"{what} raised {type(error).__name__} with more than one line: {text!r}")
        return error
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{what} raised {type(error).__name__}, not a TurnoutError; translate it: {error}") from error
    return None


def require_same_bits(got: object, want: NDArray[Any], what: str) -> None:
    """Raise AssertionError unless ``got`` is a native array with the datatype, shape and bits of ``want``."""
    if not isinstance(got, np.ndarray):
        raise AssertionError(f"{what}: the output is {type(got).__name__}, not a numpy array")  # noqa: TRY004 - a failed check
    require(_has_form_of(got, want), f"{what}: got dtype {got.dtype} {list(got.shape)}, expected {describe(want)}")
    try:
        same = to_binary(got) == to_binary(want)
    except InvalidTensorError as error:
        raise AssertionError(f"{what}: {error}") from error
    require(same, f"{what}: the answer differs in its bits: got {got.tolist()!r}, expected {want.tolist()!r}"[:1000])
    if got.dtype == object:
        kinds = {type(element).__name__ for element in got.flat} - {"bytes"}
        require(not kinds, f"{what}: BYTES elements must be bytes, got {', '.join(sorted(kinds))}")


def require_outputs(response: object, names: list[str]) -> InferenceResponse:
    """Return ``response``; AssertionError unless it is an InferenceResponse with these outputs."""
    if not isinstance(response, InferenceResponse):
        raise AssertionError(f"infer returned {type(response).__name__}, not an InferenceResponse")  # noqa: TRY004 - a failed check
    require(sorted(response) == sorted(names), f"the response has outputs {sorted(response)}, expected {sorted(names)}")
    return response


def overwrite(array: NDArray[Any]) -> None:
    """Change every element, as the owner of ``array`` may; a read-only array is the concern of another check."""
    if array.flags.writeable:
        array[...] = b"!" if array.dtype == object else 77


def _has_form_of(got: NDArray[Any], want: NDArray[Any]) -> bool:
    return got.dtype == dtype_of(datatype_of(want.dtype)) and got.dtype.isnative and got.shape == want.shape
