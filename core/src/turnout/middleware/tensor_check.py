"""Validation of requests against a model's inputs, and of responses against the outputs that turnout.yaml declares."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from turnout.awaiting import ThreadEach, Threads, run_in
from turnout.errors import DeadlineExceededError, InvalidRequestError, TurnoutError
from turnout.forking import Forks
from turnout.inference import EMPTY, NO_ID, InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.middleware.base import Middleware, switch_before_first
from turnout.tensors.copies import is_small
from turnout.validation.promised_outputs import PromisedOutputs
from turnout.validation.request_head import plain_head
from turnout.validation.tensor_rules import TensorRules

logger = logging.getLogger(__name__)

T = TypeVar("T")
_LOOK_SECONDS = 1.0


def _ignore(_: TurnoutError) -> None:
    return None


class TensorCheck(Middleware):
    """Decides whether a request fits the model, before any backend sees it and before it can fail other callers' batches.

    ``declared`` is the signature in turnout.yaml; where that is empty, the backend's own is used, from the first request on.
    A server's model may change: after a refusal the signature is read again, once a second at most, and the request is judged
    by the new one. Responses are checked against declared outputs only. Tensors on a GPU are copied to arrays unless ``inner``
    accepts ``device_tensors``. ``on_refusal`` is called with each error before it is raised. Thread-safe: ``_rules`` is
    replaced as a whole, and one thread at a time, which holds ``_looking``, reads the signature again.
    """

    def __init__(
        self,
        inner: ModelInference,
        model: str,
        declared: ModelSignature | None = None,
        max_batch_size: int = 0,
        *,
        device_tensors: bool = False,
        on_refusal: Callable[[TurnoutError], object] = _ignore,
        clock: Callable[[], float] = time.monotonic,
        threads: Threads | None = None,
    ) -> None:
        super().__init__(inner)
        self._infer, self._ainfer = inner.infer, inner.ainfer
        self._model = model
        self._declared = declared or ModelSignature()
        self._rules: TensorRules | None = None
        outputs = self._declared.outputs
        self._promised = PromisedOutputs(outputs, model, max_batch_size) if outputs else None
        self._max_batch_size = max_batch_size
        self._device_tensors = device_tensors
        self._on_refusal = on_refusal
        self._clock = clock
        self._threads = threads or ThreadEach()
        self._looked_at = float("-inf")
        self._unknown = TensorRules(ModelSignature(), model, 0)
        self._looking = threading.Lock()
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._looking = threading.Lock()

    def signature(self) -> ModelSignature:
        self.inner.open()
        return (self._rules or self._read_rules()).signature

    def refresh(self, deadline: float | None = None) -> None:
        self.inner.refresh(deadline)
        before = self._rules
        if before is None:
            return
        after = self._build_rules()
        # The same rules remain, so that a request which they refused is not judged twice.
        if not after.same_as(before):
            self._rules = after
            logger.warning("model %r has another signature now; requests are checked by it", self._model)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        rules, plain = self._rules, request
        # Most requests have inputs that are right at a glance, and nothing else.
        if (
            rules is None
            or request.deadline is not None
            or request.parameters is not EMPTY
            or request.id is not NO_ID
            or not rules.accepts(request.inputs)
        ):
            rules, plain = self._judge(request)
        try:
            response = self._infer(plain)
        except InvalidRequestError as error:
            response = self._infer(self._judge_again(rules, plain, error))
        if self._promised is not None:
            self._promised.check(response)
        return response

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        rules, plain = self._rules, request
        if rules is None or not self._is_plain(rules, request):
            rules, plain = await self._ajudge(request)
        try:
            response = await self._ainfer(plain)
        except InvalidRequestError as error:
            again = partial(self._judge_again, rules, plain, error)
            response = await self._ainfer(await self._arun(again, plain.deadline))
        if self._promised is not None:
            self._promised.check(response)
        return response

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        def recover(error: InvalidRequestError) -> Iterator[InferenceResponse]:
            return self.inner.infer_stream(self._judge_again(rules, plain, error))

        rules, plain = self._judge(request)
        for response in switch_before_first(self.inner, plain, (InvalidRequestError,), recover):
            if self._promised is not None:
                self._promised.check(response)
            yield response

    @staticmethod
    def _is_plain(rules: TensorRules, request: InferenceRequest) -> bool:
        """Return whether the inputs are right at a glance, and there is nothing else, as in most requests."""
        is_bare = request.deadline is None and request.parameters is EMPTY and request.id is NO_ID
        return is_bare and rules.accepts(request.inputs)

    def _judge(self, request: InferenceRequest) -> tuple[TensorRules, InferenceRequest]:
        """Return the request as every backend accepts it, with the rules that it passed."""
        try:
            request = plain_head(request)
            # If the model cannot be opened, the call itself raises the reason, and its arm counts it.
            return self._decide(self._rules or self._opened_rules(request.deadline), request)
        except TurnoutError as error:
            self._refuse(error)
            raise

    async def _ajudge(self, request: InferenceRequest) -> tuple[TensorRules, InferenceRequest]:
        """Judge as ``_judge``: in the event loop what is small, in a thread what is not, and what a fresh look may accept."""
        try:
            request = plain_head(request)
            rules = self._rules or await self._aopened_rules(request.deadline)
            if rules.accepts(request.inputs) or is_small(request.inputs):
                with suppress(InvalidRequestError):
                    plain = self._plain(rules, request)
                    request.check_deadline()
                    return rules, plain
            return await self._arun(partial(self._decide, rules, request), request.deadline)
        except TurnoutError as error:
            self._refuse(error)
            raise

    def _decide(self, rules: TensorRules, request: InferenceRequest) -> tuple[TensorRules, InferenceRequest]:
        try:
            plain = self._plain(rules, request)
        except InvalidRequestError:
            newer = self._look_again(rules, request)
            if newer is rules:
                raise
            rules, plain = newer, self._plain(newer, request)
        if request.deadline is not None:
            request.check_deadline()
        return rules, plain

    def _refuse(self, error: TurnoutError) -> None:
        error.model = error.model or self._model
        self._on_refusal(error)

    async def _arun(self, work: Callable[[], T], deadline: float | None) -> T:
        try:
            return await run_in(self._threads, work, deadline, name=self._model)
        except TimeoutError:
            text = f"a request to model {self._model!r} was still being checked at its deadline; give it a longer timeout"
            raise DeadlineExceededError(text, model=self._model) from None

    def _judge_again(self, rules: TensorRules, request: InferenceRequest, error: InvalidRequestError) -> InferenceRequest:
        """Return the request by the rules of a fresh look; raise ``error``, the server's refusal, if nothing changed."""
        newer = self._look_again(rules, request)
        if newer is rules:
            raise error
        try:
            return self._plain(newer, request)
        except InvalidRequestError as better:
            better.model = better.model or self._model
            raise better from error

    def _plain(self, rules: TensorRules, request: InferenceRequest) -> InferenceRequest:
        inputs = rules.plain(request.inputs, device_tensors=self._device_tensors)
        return request if inputs is request.inputs else replace(request, inputs=inputs)

    def _look_again(self, rules: TensorRules, request: InferenceRequest) -> TensorRules:
        """Return the present rules, after a fresh look if ``rules`` are these and the last look was a second ago."""
        if self._rules is rules and self._clock() - self._looked_at >= _LOOK_SECONDS and self._looking.acquire(blocking=False):
            try:
                self._looked_at = self._clock()
                latest = time.monotonic() + _LOOK_SECONDS
                self.refresh(latest if request.deadline is None else min(latest, request.deadline))
            except TurnoutError as error:
                logger.debug("model %r: its signature cannot be read again: %s", self._model, error)
            finally:
                self._looking.release()
        return self._rules or rules

    def _opened_rules(self, deadline: float | None) -> TensorRules:
        """Return the rules of the opened model; those of an unknown one if it cannot be opened now."""
        try:
            self.inner.open(deadline)
            return self._read_rules()
        except TurnoutError:
            # The arm may answer after all, and may accept plain arrays only.
            return self._unknown

    async def _aopened_rules(self, deadline: float | None) -> TensorRules:
        try:
            await self.inner.aopen(deadline)
            if self._rules is None:
                await run_in(self._threads, self._read_rules)
        except TurnoutError:
            return self._unknown
        return self._rules or self._unknown

    def _read_rules(self) -> TensorRules:
        rules = self._rules = self._build_rules()
        return rules

    def _build_rules(self) -> TensorRules:
        """Return the rules of the open model, with declared inputs and outputs in place of its own."""
        known, declared = self.inner.signature(), self._declared
        inputs, outputs = declared.inputs or known.inputs, declared.outputs or known.outputs
        return TensorRules(replace(known, inputs=inputs, outputs=outputs), self._model, self._max_batch_size)
