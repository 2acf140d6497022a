"""Several instances of one model, of which each runs one request at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from turnout.errors import (
    BackendUnavailableError,
    ClosedError,
    DeadlineExceededError,
    InvalidRequestError,
    count_of,
    one_line,
)
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.middleware.base import refresh_all
from turnout.serving.idle_instances import IdleInstances

logger = logging.getLogger(__name__)

# Errors that another instance would raise too, or that must not be followed by a second attempt.
_FINAL = (InvalidRequestError, DeadlineExceededError, BackendUnavailableError, ClosedError)
_ATTEMPTS = 3
_FAULTS_IN_A_ROW = 3
_FIRST_REST_SECONDS, _LONGEST_REST_SECONDS = 1.0, 30.0
_PAUSE_SECONDS = 60.0


class _Instance:
    """One instance; ``faults`` are the requests in a row that it failed and another answered."""

    __slots__ = ("faults", "inner", "name", "rest_seconds")

    def __init__(self, inner: ModelInference, name: str) -> None:
        self.inner = inner
        self.name = name
        self.faults = 0
        self.rest_seconds = 0.0


class Instances(ModelInference):
    """Runs each request on an idle instance; the longest waiting request is the next, and waits until its deadline at most.

    A request that fails on one instance is sent to another, twice at most: if that one answers, the first is at fault, else the
    caller gets its error. An instance that is at fault three times in a row rests: for a second, then twice as long each time,
    up to 30 s, and then one request tries it. A GPU that died would otherwise fail fast, and so get most of the requests.

    Owns ``models`` and closes them. Thread-safe: the facts of an instance belong to the request that has it, and ``_idle`` is
    replaced in a forked child only. Calls in flight at a close end on their instance; waiting ones get ClosedError.
    """

    def __init__(
        self, models: Sequence[ModelInference], model: str, backend: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = f"model {model!r} on backend {backend!r}"
        self._instances = [
            _Instance(inner, f"instance {number} of {len(models)}") for number, inner in enumerate(models, start=1)
        ]
        self._clock = clock
        self._closed = False
        self._next_line = clock()
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Forget the requests of the parent process, which hold instances there."""
        self._idle = IdleInstances(self._instances, self._clock)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        idle = self._idle
        instance = self._take(idle, request)
        try:
            response = instance.inner.infer(request)
        except BaseException as error:
            if not isinstance(error, Exception) or isinstance(error, _FINAL):
                idle.put_last(instance)
                raise
            if not idle.suspend(instance):
                raise
            failure = error
        else:
            self._record_answer(instance)
            idle.give_back(instance)
            return response
        return self._ask_others(idle, instance, request, failure)

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        idle = self._idle
        instance = self._take(idle, request)
        try:
            yield from instance.inner.infer_stream(request)
        finally:
            idle.give_back(instance)

    def open(self, deadline: float | None = None) -> None:
        for instance in self._instances:
            instance.inner.open(deadline)

    def signature(self) -> ModelSignature:
        return self._instances[0].inner.signature()

    def refresh(self, deadline: float | None = None) -> None:
        refresh_all((instance.inner for instance in self._instances), deadline)

    def ready(self) -> bool:
        return not self._closed and any(instance.inner.ready() for instance in self._instances)

    def close(self) -> None:
        self._closed = True
        self._idle.close(self._closed_error())
        # A stack, so that an instance that fails to close leaves no other open.
        with ExitStack() as closing:
            for instance in reversed(self._instances):
                closing.callback(instance.inner.close)

    def _take(self, idle: IdleInstances[_Instance], request: InferenceRequest) -> _Instance:
        if self._closed:
            raise self._closed_error()
        start = self._clock()
        try:
            return idle.take(request.deadline)
        except TimeoutError:
            count = len(self._instances)
            raise DeadlineExceededError(
                f"the request waited {self._clock() - start:.3f} s for {self._name}, whose {count_of(count, 'instance')} "
                f"{'was' if count == 1 else 'were'} busy until its deadline; allow a longer timeout, or more instances"
            ) from None

    def _ask_others(
        self, idle: IdleInstances[_Instance], failed: _Instance, request: InferenceRequest, error: Exception
    ) -> InferenceResponse:
        """Return the answer of another instance than the suspended ``failed``; raise ``error`` if two more fail too."""
        suspended = [failed]
        answered = False
        try:
            while len(suspended) < _ATTEMPTS and (other := self._take_another(idle, request)) is not None:
                try:
                    response = other.inner.infer(request)
                except Exception:  # noqa: BLE001  # the first error is raised
                    if not idle.suspend(other):
                        break
                    suspended.append(other)
                except BaseException:
                    idle.give_back(other)
                    raise
                else:
                    answered = True
                    self._record_answer(other)
                    idle.give_back(other)
                    return response
            raise error
        finally:
            for instance in suspended:
                self._resume(idle, instance, error, at_fault=answered)

    def _take_another(self, idle: IdleInstances[_Instance], request: InferenceRequest) -> _Instance | None:
        try:
            return idle.take(request.deadline)
        except (TimeoutError, ClosedError):
            return None

    def _resume(self, idle: IdleInstances[_Instance], instance: _Instance, error: Exception, *, at_fault: bool) -> None:
        if not at_fault:
            idle.resume(instance)
            return
        rest_seconds = self._record_fault(instance)
        rests = idle.resume(instance, rest_seconds)
        if rests and instance.faults == _FAULTS_IN_A_ROW:
            reason = f"failed {instance.faults} requests in a row that others answered; it is tried again from time to time"
            logger.warning("%s: %s %s. Last error: %s", self._name, instance.name, reason, one_line(error))
        elif not rests and self._clock() >= self._next_line:
            # The caller got an answer, so only this line shows it.
            self._next_line = self._clock() + _PAUSE_SECONDS
            logger.warning("%s: %s failed a request that another answered: %s", self._name, instance.name, one_line(error))

    def _record_answer(self, instance: _Instance) -> None:
        if instance.faults:
            instance.faults = 0
            if instance.rest_seconds:
                instance.rest_seconds = 0.0
                logger.warning("%s: %s answers again", self._name, instance.name)

    def _record_fault(self, instance: _Instance) -> float:
        """Return the seconds for which ``instance`` rests after one more request that another answered."""
        instance.faults += 1
        if instance.faults >= _FAULTS_IN_A_ROW:
            longer = max(_FIRST_REST_SECONDS, 2 * instance.rest_seconds)
            instance.rest_seconds = min(longer, _LONGEST_REST_SECONDS)
        return instance.rest_seconds

    def _closed_error(self) -> ClosedError:
        return ClosedError(f"{self._name} is closed; open the app again with turnout.open")
