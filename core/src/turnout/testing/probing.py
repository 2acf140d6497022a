"""What the conformance checks are made of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError, TurnoutError
from turnout.inference import InferenceResponse
from turnout.tensors import datatype_of, describe, dtype_of, to_binary

Answer = TypeVar("Answer")


def require(claim: bool, message: str) -> None:  # noqa: FBT001 - reads as ``assert``, and counts under python -O too
    """Raise AssertionError with ``message`` unless ``claim`` holds."""
    if not claim:
        raise AssertionError(message)


class Pending(Generic[Answer]):
    """``work`` under way in a thread of its own. A daemon, because a thread that hangs cannot be ended, only left behind."""

    def __init__(self, work: Callable[[], Answer]) -> None:
        self._work = work
        self._answers: list[Answer] = []
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="turnout-conformance", daemon=True)
        self._thread.start()

    def result(self, seconds: float, what: str) -> Answer:
        """Return what ``work`` returned, or raise what it raised; AssertionError when it is not done within ``seconds``."""
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


def refusal(work: Callable[[], object], what: str) -> TurnoutError | None:
    """Return the error with which ``work`` refuses; None when it answers. Anything but one clear line is an AssertionError."""
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
        raise AssertionError(
            f"{what} raised {type(error).__name__}, which is no TurnoutError; translate it: {error}"
        ) from error
    return None


def require_same_bits(got: object, want: NDArray[Any], what: str) -> None:
    """Return if ``got`` is an array of native byte order with datatype, shape and bits of ``want``."""
    if not isinstance(got, np.ndarray):
        raise AssertionError(f"{what}: the output is {type(got).__name__}, not a numpy array")  # noqa: TRY004 - a failed check
    require(_stands_for(got, want), f"{what}: got dtype {got.dtype} {list(got.shape)}, want {describe(want)}")
    try:
        same = to_binary(got) == to_binary(want)
    except InvalidTensorError as error:
        raise AssertionError(f"{what}: {error}") from error
    require(same, f"{what}: the answer differs in its bits: got {got.tolist()!r}, want {want.tolist()!r}"[:1000])
    if got.dtype == object:
        kinds = {type(element).__name__ for element in got.flat} - {"bytes"}
        require(not kinds, f"{what}: BYTES elements must be bytes, got {', '.join(sorted(kinds))}")


def require_outputs(response: object, names: list[str]) -> InferenceResponse:
    """Return ``response`` if it is one, with these outputs."""
    if not isinstance(response, InferenceResponse):
        raise AssertionError(f"infer returned {type(response).__name__}, not an InferenceResponse")  # noqa: TRY004 - a failed check
    require(sorted(response) == sorted(names), f"the response has outputs {sorted(response)}, want {sorted(names)}")
    return response


def overwrite(array: NDArray[Any]) -> None:
    """Change every element, as a caller may who owns ``array``; a read-only one is left for another check to find."""
    if array.flags.writeable:
        array[...] = b"!" if array.dtype == object else 77


def _stands_for(got: NDArray[Any], want: NDArray[Any]) -> bool:
    return got.dtype == dtype_of(datatype_of(want.dtype)) and got.dtype.isnative and got.shape == want.shape
