"""The progress of one run of a pipeline."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar

from turnout.errors import PipelineFailedError, StepError, StepFailure, TurnoutError, one_line
from turnout.inference import InferenceRequest, InferenceResponse
from turnout.pipeline.context import PipelineContext
from turnout.pipeline.failures import explained, unanswered
from turnout.pipeline.plan import PipelinePlan
from turnout.pipeline.prepared_requests import check_requests
from turnout.pipeline.result import PipelineResult
from turnout.pipeline.step_part import AnsweredBy, StepPart, count_answers

T = TypeVar("T")


class Progress:
    """The state of one run: steps to start, requests, responses. Used by one thread at a time; never blocks.

    A step all of whose requests failed got no answer: the steps after it do not start, the others run on, and ``result``
    raises.
    """

    def __init__(self, plan: PipelinePlan, inputs: Mapping[str, Any], deadline: float | None, pipeline: str = "") -> None:
        self._pipeline = pipeline
        self._plan = plan
        self._values = dict(inputs)
        self._deadline = deadline
        self._waiting = dict(plan.after)
        self._finished: set[str] = set()
        self._responses: dict[str, list[InferenceResponse | None]] = {}
        self._missing: dict[str, int] = {}
        self._sent: dict[str, float] = {}
        self._contexts: dict[str, PipelineContext] = {}
        self._failures: list[StepFailure] = []
        self._unanswered: dict[str, list[StepFailure]] = {}
        self._skipped: set[str] = set()
        self._shared: dict[Hashable, Any] = {}
        self._unprepared = len(plan.steps)
        self._timings: dict[str, dict[str, float]] = {name: {} for name in plan.steps}
        self._start = time.perf_counter()
        self._parts: list[StepPart] = []
        self._at_work: dict[str, None] = {}
        self._latest: str | None = None
        self._broken: str | None = None

    @property
    def finished(self) -> bool:
        """True if every step has ended, or cannot start."""
        return len(self._finished) + len(self._unanswered) + len(self._skipped) == len(self._plan.steps)

    @property
    def failures(self) -> Sequence[StepFailure]:
        """The failed parts of steps so far."""
        return self._failures

    def blame(self, error: Exception) -> list[str]:
        """Return the steps that ``error``, which ends the run, is about and ``failures`` are not.

        It is the step that raised it. A deadline or a close ends the steps at work; if none is, the last one took too long.
        """
        if self._broken is not None:
            return [self._broken]
        if self._at_work or isinstance(error, PipelineFailedError):
            return list(self._at_work)
        return [] if self._latest is None else [self._latest]

    def startable(self) -> list[str]:
        """Return the steps that can start now; each step is returned once in a run."""
        names = [name for name, after in self._waiting.items() if after <= self._finished]
        for name in names:
            del self._waiting[name]
        return names

    def begin(self, name: str) -> list[InferenceRequest]:
        """Start a step; return the requests for its model. Without requests the step has ended."""
        self._latest = name
        self._at_work[name] = None
        try:
            return self._begin(name)
        except Exception:
            self._broken = name
            raise

    def within(self, name: str) -> AbstractContextManager[None]:
        """Return the context in which the requests of a step are sent."""
        return nullcontext()

    def close(self) -> None:
        """End the record of a run that may have ended early."""

    def receive(self, name: str, index: int, outcome: InferenceResponse | TurnoutError) -> None:
        """Record the answer or the error of request ``index``; the last one ends the step."""
        if self.record(name, index, outcome):
            self.end(name)

    def record(self, name: str, index: int, outcome: InferenceResponse | TurnoutError) -> bool:
        """Record the answer or the error of request ``index``; return whether it is the last, after which ``end`` is due."""
        response = explained(self._plan.steps[name], outcome)
        self._responses[name][index] = response
        # Counted: to look for those that are missing would compare every response with None, as the mapping that it is.
        self._missing[name] -= 1
        return not self._missing[name]

    def end(self, name: str) -> None:
        """End a step that has its last response: call its ``postprocess``."""
        self._latest = name
        try:
            self._end(name)
        except Exception:
            self._broken = name
            raise

    def result(self) -> PipelineResult:
        """Return the result of the finished run.

        Raises:
            PipelineFailedError: a step got no answer.
        """
        if self._unanswered:
            # In the order of the pipeline, not of the time: the same failures have the same text.
            steps = {name: self._unanswered[name] for name in self._plan.steps if name in self._unanswered}
            first = next(iter(steps.values()))[0]
            raise unanswered(self._pipeline, steps, self._failures, self._values) from first.error
        parts = tuple(sorted(self._parts, key=attrgetter("start")))
        return PipelineResult(self._values, tuple(self._failures), self._timings, self._pipeline, parts)

    def _begin(self, name: str) -> list[InferenceRequest]:
        step = self._plan.steps[name]
        context = self._context(name)
        if step.model is None:
            self._time(name, "process", lambda: step.process(context))
            self._count_prepared()
            self._finish(name)
            return []
        prepared = self._time(name, "preprocess", lambda: step.preprocess(context))
        self._count_prepared()
        requests = [self._with_deadline(request) for request in check_requests(name, prepared)]
        self._contexts[name] = context
        self._responses[name] = [None] * len(requests)
        self._missing[name] = len(requests)
        self._sent[name] = time.perf_counter()
        if not requests:
            self._end(name)
        return requests

    def _end(self, name: str) -> None:
        step, context = self._plan.steps[name], self._contexts.pop(name)
        responses = [response for response in self._responses.pop(name) if response is not None]
        self._record_part(name, "inference", self._sent[name], count_answers(responses))
        postprocess = partial(self._time, name, "postprocess", lambda: step.postprocess(context, responses))
        errors = {index: response.error for index, response in enumerate(responses) if response.error is not None}
        if responses and len(errors) == len(responses):
            self._fail(name, errors, postprocess)
            return
        before = len(self._failures)
        postprocess()
        self._add_unreported(name, errors, before)
        self._finish(name)

    def _fail(self, name: str, errors: Mapping[int, TurnoutError], postprocess: Callable[[], None]) -> None:
        """Record the failures of a step without an answer."""
        model, before = self._plan.steps[name].model, len(self._failures)
        try:
            postprocess()
        except TurnoutError as error:
            # Reading a failed response raises its error; another error is a failure of its own.
            if not any(error is one for one in errors.values()):
                self._failures.append(StepFailure(name, None, error, model))
        self._add_unreported(name, errors, before)
        del self._at_work[name]
        self._unanswered[name] = [StepFailure(name, index, error, model) for index, error in errors.items()]
        self._skip_later_steps()

    def _add_unreported(self, name: str, errors: Mapping[int, TurnoutError], before: int) -> None:
        """Record the failed requests that ``postprocess`` did not report: a step that forgets one must not hide it."""
        reported = [failure.error for failure in self._failures[before:] if failure.step == name]
        self._failures += [
            StepFailure(name, index, error, self._plan.steps[name].model)
            for index, error in errors.items()
            if not any(error is one for one in reported)
        ]

    def _skip_later_steps(self) -> None:
        # In the order of the plan, so that one pass also finds the steps after a skipped one.
        for name, after in list(self._waiting.items()):
            if after & (self._unanswered.keys() | self._skipped):
                self._skipped.add(name)
                del self._waiting[name]
                self._count_prepared()

    def _count_prepared(self) -> None:
        """Empty what the steps share after the last of them: requests in flight need much memory already."""
        self._unprepared -= 1
        if not self._unprepared:
            self._shared.clear()

    def _finish(self, name: str) -> None:
        # Checked at the step that forgot it: a later step would be blamed for a KeyError.
        missing = [provided for provided in self._plan.steps[name].provides if provided not in self._values]
        if missing:
            raise StepError(f"step {name!r} did not write {', '.join(map(repr, missing))}, which it provides; fix the step")
        self._finished.add(name)
        del self._at_work[name]

    def _context(self, name: str) -> PipelineContext:
        step = self._plan.steps[name]
        return PipelineContext(
            self._values,
            reads=self._plan.reads[name],
            provides=step.provides,
            name=name,
            model=step.model,
            deadline=self._deadline,
            failures=self._failures,
            shared=self._shared,
        )

    def _with_deadline(self, request: InferenceRequest) -> InferenceRequest:
        if self._deadline is None or request.deadline is not None:
            return request
        return replace(request, deadline=self._deadline)

    def _time(self, name: str, part: str, work: Callable[[], T]) -> T:
        start = time.perf_counter()
        try:
            return work()
        except TurnoutError:
            raise
        except Exception as error:
            raise StepError(f"step {name!r} failed in {part}: {one_line(error)}; fix the step") from error
        finally:
            self._record_part(name, part, start)

    def _record_part(self, name: str, part: str, start: float, answered_by: tuple[AnsweredBy, ...] = ()) -> None:
        seconds = time.perf_counter() - start
        self._timings[name][part] = seconds
        self._parts.append(StepPart(name, part, start - self._start, seconds, self._plan.steps[name].model, answered_by))
