"""Circuit breaking."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import NamedTuple

from turnout.awaiting import ThreadEach, Threads, run_in
from turnout.errors import CircuitOpenError, ClosedError, DeadlineExceededError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.metrics.resilience import CircuitMeter
from turnout.middleware.base import Middleware
from turnout.resilience.circuit import Admission, Circuit
from turnout.resilience.circuit_log import CircuitLog
from turnout.resilience.circuit_state import CircuitPolicy, CircuitStanding
from turnout.tensors.copies import copy_small_tensors, is_small
from turnout.tensors.made_up import zeros_of

_MOST_KEPT_BYTES = 32 * 2**20
# A proof gets this many times the usual latency, and one second at least.
_PATIENCE, _MIN_PROOF_SECONDS = 4.0, 1.0


class _Good(NamedTuple):
    """A request for a proof; one that is made up proves only that a backend works."""

    request: InferenceRequest
    is_made_up: bool = False


class CircuitBreaker(Middleware):
    """Stops calling a backend that fails, and lets one live request probe it from time to time.

    Where errors may be those of one caller's requests, it sends a request that the backend has answered before, in the thread
    of that caller: only if that one fails too, the circuit opens. Before the first answer ``recorded`` returns one, or zeros
    that fit the signature are sent, which prove only that a backend works.

    Thread-safe; no lock is held during a call. The health of the backend comes from its responses, not from its readiness: a
    Triton server whose model process was killed reports ready (server issue 8604).
    """

    def __init__(
        self,
        inner: ModelInference,
        model: str,
        backend: str,
        policy: CircuitPolicy,
        meter: CircuitMeter,
        clock: Callable[[], float] = time.monotonic,
        *,
        recorded: Callable[[], InferenceRequest | None] = lambda: None,
        threads: Threads | None = None,
    ) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._circuit = Circuit(model, backend, policy, clock, _copy)
        self._meter = meter
        self._log = CircuitLog(model, backend, clock)
        self._recorded = recorded
        self._threads = threads or ThreadEach()
        # Set once, which needs no lock: a model that has answered a stream may answer nothing else.
        self._streams = False

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        admission = self._admit()
        try:
            response = self._infer(request)
        except BaseException as error:
            self._record_failure(admission, request, error)
            raise
        if closed := self._circuit.record_answer(admission, request):
            self._log_close(closed)
        return response

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        admission = self._admit()
        try:
            response = await self.inner.ainfer(request)
        except BaseException as error:
            await self._arecord_failure(admission, request, error)
            raise
        copies_here = is_small(request.inputs) or not self._circuit.postpone_copy()
        self._log_close(self._circuit.record_answer(admission, request))
        if not copies_here:
            with suppress(ClosedError):  # the app was closed meanwhile; the caller has its answer
                # Kept here and not in the thread: a cancelled caller may change the tensors during the copy.
                self._circuit.known_good.put(await run_in(self._threads, partial(_copy, request)))
        return response

    @contextmanager
    def span(self, request: InferenceRequest) -> Iterator[None]:
        admission = self._admit()
        try:
            yield
        except GeneratorExit:  # the caller has read enough: the backend did not fail
            self._log_close(self._circuit.record_answer(admission, request))
            raise
        except BaseException as error:
            self._record_failure(admission, request, error)
            raise
        self._streams = True
        self._log_close(self._circuit.record_answer(admission, request))

    def open(self, deadline: float | None = None) -> None:
        self._circuit.check()
        self.inner.open(deadline)

    async def aopen(self, deadline: float | None = None) -> None:
        self._circuit.check()
        await self.inner.aopen(deadline)

    def signature(self) -> ModelSignature:
        self._circuit.check()
        return self.inner.signature()

    def ready(self) -> bool:
        try:
            self._circuit.check()
        except CircuitOpenError:
            return False
        return self.inner.ready()

    def standing(self) -> CircuitStanding:
        """Return the state of the circuit, for a report."""
        return self._circuit.standing()

    def _admit(self) -> Admission:
        try:
            return self._circuit.admit()
        except CircuitOpenError:
            self._meter.refused()
            self._log.refused()
            raise

    def _log_close(self, closed: str) -> None:
        if closed:
            self._meter.closed()
            self._log.closed(closed)

    def _log_open(self, opened: str) -> None:
        if opened:
            self._meter.opened()
            self._log.opened(opened)

    def _record_failure(self, admission: Admission, request: InferenceRequest, error: BaseException) -> None:
        ruling = self._circuit.record_failure(admission, error)
        self._log_open(ruling.message)
        if ruling.wants_proof:
            self._prove(admission, request, error)

    async def _arecord_failure(self, admission: Admission, request: InferenceRequest, error: BaseException) -> None:
        ruling = self._circuit.record_failure(admission, error)
        self._log_open(ruling.message)
        if ruling.wants_proof:
            await self._aprove(admission, request, error)

    def _prove(self, admission: Admission, request: InferenceRequest, error: BaseException) -> None:
        """Send a request that is known to be good; its answer proves that ``error`` is the fault of ``request``."""
        asked = self._find_good()
        try:
            failed = None if asked is None else self._ask(self._limit(asked, request))
        except BaseException as interrupt:  # it ends the caller, and proves nothing
            self._circuit.record_proof(admission, interrupt)
            raise
        self._conclude(admission, error, asked, failed)

    async def _aprove(self, admission: Admission, request: InferenceRequest, error: BaseException) -> None:
        try:
            asked = self._known_good() or await self._afind_good()
            failed = None if asked is None else await self._aask(self._limit(asked, request))
        except BaseException as interrupt:
            self._circuit.record_proof(admission, interrupt)
            raise
        self._conclude(admission, error, asked, failed)

    def _conclude(self, admission: Admission, error: BaseException, asked: _Good | None, failed: Exception | None) -> None:
        if asked is None or (failed is not None and asked.is_made_up):
            self._log_open(self._circuit.record_no_proof(admission, error))
            return
        changed = self._circuit.record_proof(admission, failed)
        (self._log_close if failed is None else self._log_open)(changed)

    def _ask(self, request: InferenceRequest) -> Exception | None:
        """Send ``request``; return the error."""
        try:
            if self._streams:
                self._stream_first(request)
            else:
                self._infer(request)
        except Exception as error:  # noqa: BLE001  # the caller gets the error of its own request
            return error
        return None

    async def _aask(self, request: InferenceRequest) -> Exception | None:
        try:
            if self._streams:
                await run_in(self._threads, partial(self._stream_first, request), request.deadline)
            else:
                await self.inner.ainfer(request)
        except TimeoutError as error:
            return DeadlineExceededError(str(error))
        except Exception as error:  # noqa: BLE001  # the caller gets the error of its own request
            return error
        return None

    def _stream_first(self, request: InferenceRequest) -> None:
        with closing(self.inner.infer_stream(request)) as responses:  # type: ignore[type-var]  # a generator
            next(responses, None)

    def _limit(self, good: _Good, request: InferenceRequest) -> InferenceRequest:
        """Return the request of a proof, which ends with the deadline of ``request`` at the latest, and count it."""
        self._meter.probed()
        until = time.monotonic() + max(_PATIENCE * (self._circuit.usual.value or 0.0), _MIN_PROOF_SECONDS)
        return InferenceRequest(good.request.inputs, min(until, request.deadline or until), "", good.request.parameters)

    def _known_good(self) -> _Good | None:
        known = self._circuit.known_good.value
        return None if known is None else _Good(known)

    def _find_good(self) -> _Good | None:
        known = self._circuit.known_good.value or self._recorded()
        if known is not None:
            return _Good(known)
        made_up = self._made_up()
        return None if made_up is None else _Good(made_up, is_made_up=True)

    async def _afind_good(self) -> _Good | None:
        # A record is on a disk, and zeros may be large.
        try:
            return await run_in(self._threads, self._find_good, time.monotonic() + _MIN_PROOF_SECONDS)
        except (ClosedError, TimeoutError):
            return None

    def _made_up(self) -> InferenceRequest | None:
        try:
            inputs = zeros_of(self.inner.signature().inputs, _MOST_KEPT_BYTES)
        except Exception:  # noqa: BLE001  # a signature that cannot be read is no reason for another error
            return None
        return None if inputs is None else InferenceRequest(inputs)


def _copy(request: InferenceRequest) -> InferenceRequest | None:
    """Return a copy that may be sent again at any time; None if it is large, or part of a sequence, which it would continue."""
    if any(name.startswith("sequence_") for name in request.parameters):
        return None
    inputs = copy_small_tensors(request.inputs, _MOST_KEPT_BYTES)
    return None if inputs is None else InferenceRequest(inputs, None, "", dict(request.parameters))
