"""A model that opens at its first call."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import BackendUnavailableError, ClosedError, DeadlineExceededError, ForkedAfterLoadError
from turnout.middleware.lazy import Lazy
from turnout.testing import Answers, PlusOne

LIMIT_SECONDS = 10
X = np.ones(2, np.float32)


class Opens:
    """Opens a model when ``may`` is set, and counts how often; fails the first ``failures`` times."""

    def __init__(self, failures: int = 0) -> None:
        self.may, self.called = threading.Event(), threading.Event()
        self.may.set()
        self.count = 0
        self.model = PlusOne()
        self._failures = failures

    def __call__(self) -> ModelInference:
        self.count += 1
        self.called.set()
        assert self.may.wait(LIMIT_SECONDS)
        if self.count <= self._failures:
            raise BackendUnavailableError("down")
        return self.model


def _request(deadline: float | None = None) -> InferenceRequest:
    return InferenceRequest({"x": X}, deadline)


def test_is_opened_once_by_the_first_request() -> None:
    opens = Opens()
    lazy = Lazy("m", opens)

    before = opens.count, lazy.ready()
    answers = [lazy.infer(_request())["x"].tolist() for _ in range(2)]

    assert before == (0, False)
    assert answers == [[2, 2], [2, 2]]
    assert (opens.count, lazy.ready()) == (1, True)


def test_tries_again_after_it_could_not_be_opened() -> None:
    now = [1000.0]
    opens = Opens(failures=1)
    lazy = Lazy("m", opens, lambda: now[0])

    with pytest.raises(BackendUnavailableError):
        lazy.open()
    with pytest.raises(BackendUnavailableError):
        lazy.infer(_request())
    assert opens.count == 1
    now[0] += 1

    assert lazy.infer(_request())["x"].tolist() == [2, 2]


def test_no_caller_waits_beyond_its_deadline_for_an_attempt_of_another() -> None:
    opens = Opens()
    opens.may.clear()
    lazy = Lazy("m", opens)
    first = threading.Thread(target=lazy.infer, args=(_request(),), name="opens")
    first.start()
    assert opens.called.wait(LIMIT_SECONDS)

    with pytest.raises(DeadlineExceededError, match="model 'm' was still opening"):
        lazy.infer(_request(time.monotonic() + 0.01))

    opens.may.set()
    first.join(LIMIT_SECONDS)
    assert lazy.infer(_request())["x"].tolist() == [2, 2]


def test_closes_what_it_opened_and_opens_no_more() -> None:
    opens = Opens()
    lazy = Lazy("m", opens)
    next(lazy.infer_stream(_request()))

    lazy.close()
    lazy.close()

    assert not opens.model.ready()
    with pytest.raises(ClosedError, match="model 'm' is closed"):
        lazy.infer(_request())


def test_closing_one_that_was_never_asked_opens_nothing() -> None:
    opens = Opens()

    Lazy("m", opens).close()

    assert opens.count == 0


def test_a_child_that_is_forked_while_it_is_opened_opens_its_own() -> None:
    opens = Opens()
    opens.may.clear()
    lazy = Lazy("m", opens)
    first = threading.Thread(target=lazy.infer, args=(_request(),), name="opens")
    first.start()
    assert opens.called.wait(LIMIT_SECONDS)

    child = os.fork()
    if not child:
        opens.may.set()
        answer = lazy.infer(_request(time.monotonic() + LIMIT_SECONDS))["x"].tolist()
        os._exit(0 if answer == [2, 2] else 1)

    opens.may.set()
    first.join(LIMIT_SECONDS)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_all_who_ask_share_one_attempt_and_its_failure() -> None:
    opens = Opens(failures=1)
    opens.may.clear()
    now = [1000.0]
    lazy = Lazy("m", opens, lambda: now[0])
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            lazy.infer(_request())
        except BackendUnavailableError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, name="asks") for _ in range(4)]
    for thread in threads:
        thread.start()
    assert opens.called.wait(LIMIT_SECONDS)
    opens.may.set()
    for thread in threads:
        thread.join(LIMIT_SECONDS)

    assert (len(errors), opens.count) == (4, 1)
    now[0] += 1
    assert lazy.infer(_request())["x"].tolist() == [2, 2]


def test_what_is_opened_after_close_is_closed_again() -> None:
    opens = Opens()
    opens.may.clear()
    lazy = Lazy("m", opens)
    with pytest.raises(DeadlineExceededError):
        lazy.open(time.monotonic() + 0.01)
    closer = threading.Thread(target=lazy.close, name="closes")
    closer.start()
    while not lazy._closed:
        time.sleep(0.001)

    opens.may.set()
    closer.join(LIMIT_SECONDS)

    assert not opens.model.ready()


def test_it_has_a_signature_only_when_it_is_open() -> None:
    lazy = Lazy("m", Opens())

    with pytest.raises(BackendUnavailableError, match="is not open"):
        lazy.signature()
    lazy.open()

    assert lazy.signature().inputs == ()


def test_a_thread_that_cannot_be_started_does_not_block_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    opens = Opens()
    lazy = Lazy("m", opens)

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError):
            lazy.infer(_request())

    assert lazy.infer(_request(time.monotonic() + LIMIT_SECONDS))["x"].tolist() == [2, 2]


class OwnProcess(PlusOne):
    """Refuses in another process than the one that opened it, or ends that process if it has ``hangs``."""

    def __init__(self, *, hangs: bool = False) -> None:
        super().__init__()
        self._pid = os.getpid()
        self._hangs = hangs

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if os.getpid() != self._pid and self._hangs:
            os._exit(9)
        if os.getpid() != self._pid:
            raise ForkedAfterLoadError("opened in another process")
        return super().infer(request)


class KeepsTheParents(Lazy):
    """The planted bug: a child that uses the parent's model."""

    def renew(self) -> None:
        self._lock = threading.Lock()


def _exit_code(lazy: Lazy, fork: Callable[[], int]) -> int:
    child = fork()
    if not child:
        code = 1
        try:
            streamed = next(iter(lazy.infer_stream(_request(time.monotonic() + LIMIT_SECONDS))))
            answers = [lazy.infer(_request(time.monotonic() + LIMIT_SECONDS)), streamed]
            code = 0 if all(answer["x"].tolist() == [2, 2] for answer in answers) else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_child_opens_its_own_and_leaves_the_parents_alone() -> None:
    lazy = Lazy("m", lambda: OwnProcess(hangs=True))
    lazy.infer(_request())

    assert _exit_code(lazy, os.fork) == 0
    assert lazy.infer(_request())["x"].tolist() == [2, 2]


def test_a_child_that_uses_the_parents_model_is_caught() -> None:
    lazy = KeepsTheParents("m", lambda: OwnProcess(hangs=True))
    lazy.infer(_request())

    assert _exit_code(lazy, os.fork) == 9


def test_a_child_of_c_code_which_calls_no_hook_opens_its_own() -> None:
    lazy = Lazy("m", OwnProcess)
    lazy.infer(_request())

    assert _exit_code(lazy, ctypes.PyDLL(None).fork) == 0


def test_a_refusal_of_a_model_that_this_process_opened_is_passed_on() -> None:
    lazy = Lazy("m", lambda: Answers(ForkedAfterLoadError("gRPC was used before the fork")))

    for _ in range(2):
        with pytest.raises(ForkedAfterLoadError, match="gRPC was used"):
            lazy.infer(_request())
    with pytest.raises(ForkedAfterLoadError, match="gRPC was used"):
        next(lazy.infer_stream(_request()))


def test_a_child_is_ready_if_its_parent_was_until_it_cannot_open() -> None:
    parent = os.getpid()

    def opens() -> ModelInference:
        if os.getpid() != parent:
            raise BackendUnavailableError("down")
        return PlusOne()

    lazy = Lazy("m", opens)
    lazy.open()
    child = os.fork()
    if not child:
        before = lazy.ready()
        try:
            lazy.open()
        except BackendUnavailableError:
            os._exit(0 if before and not lazy.ready() else 1)
        os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
