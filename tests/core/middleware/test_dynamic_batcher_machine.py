"""Every sequence of arrivals, executions, failures, cancellations, deadlines and closes, on a clock of the test's."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from tests.core.middleware.batcher_kit import BAD, LIMIT_SECONDS, Clock, FakeTimeLoop, GatedEngine, hand_batcher, rows_of

from turnout.batching import answers, schedule
from turnout.batching.queued import State
from turnout.batching.rules import BatchRules, LevelRules
from turnout.errors import ClosedError, DeadlineExceededError, InferenceError, OverloadedError
from turnout.inference import InferenceRequest

LEVELS = st.builds(
    LevelRules,
    timeout_seconds=st.sampled_from([inf, inf, 0.5, 2.0]),
    delays=st.booleans(),
    may_override=st.booleans(),
    max_size=st.sampled_from([0, 0, 1, 3]),
)


@st.composite
def batch_rules(draw: st.DrawFn) -> BatchRules:
    """Return any rules that a turnout.yaml can have."""
    largest = draw(st.integers(0, 5))
    levels = tuple(draw(st.lists(LEVELS, min_size=1, max_size=3)))
    return BatchRules(
        largest,
        draw(st.frozensets(st.integers(1, max(largest, 1)), max_size=2)),
        draw(st.sampled_from([0.0, 0.0, 0.3])),
        draw(st.booleans()),
        levels,
        draw(st.integers(0, len(levels) - 1)),
    )


@dataclass(eq=False)
class Caller:
    """A caller of the machine, and what it is to get."""

    task: asyncio.Task[Any]
    values: list[float]
    deadline: float | None
    level: LevelRules
    was_full: bool
    cancelled: bool = False
    finished: bool = False


@dataclass(eq=False)
class Leader:
    """A thread that leads, until its execution is let go."""

    thread: threading.Thread = field(default_factory=threading.Thread)
    failures: list[BaseException] = field(default_factory=list)


class Batching(RuleBasedStateMachine):
    """Callers of event loops against one batcher; each leader runs in a thread that the machine stops in the engine."""

    @initialize(rules=batch_rules(), instances=st.integers(1, 2))
    def start(self, rules: BatchRules, instances: int) -> None:
        self.clock = Clock()
        self.loop = FakeTimeLoop(self.clock)
        self.rules = rules
        self.instances = instances
        self.callers: list[Caller] = []
        self.leaders: list[tuple[Leader, threading.Event]] = []
        self.violations: list[AssertionError] = []
        self.begun: list[float] = []
        self.left: list[float] = []
        self.next_value = 1.0
        self.closed = False
        self.open_batcher()

    def open_batcher(self) -> None:
        self.engine = GatedEngine()
        self.engine.on_enter = self.note_violation
        self.batcher = hand_batcher(self.engine, self.rules, self.clock, self.instances)
        self.closed = False

    @rule(
        rows=st.integers(1, 3),
        bad=st.booleans(),
        timeout=st.sampled_from([None, None, 0.2, 1.0]),
        priority=st.sampled_from([None, None, None, 0, 1, 2, 9]),
        wait=st.sampled_from([None, None, None, 100_000, 5_000_000]),
        kind=st.sampled_from(["a", "a", "a", "b"]),
    )
    def ask(self, rows: int, bad: bool, timeout: float | None, priority: int | None, wait: int | None, kind: str) -> None:
        # No two rows are alike, so that a row tells whose it is.
        sign = BAD if bad else 1.0
        values = [sign * (self.next_value + row) for row in range(min(rows, max(self.rules.max_rows, 1)))]
        self.next_value += len(values)
        given = {"priority": priority, "timeout": wait, "kind": kind}
        parameters = {name: value for name, value in given.items() if value is not None}
        deadline = None if timeout is None else self.clock.now + timeout
        level = self.rules.levels[self.rules.level_of(parameters)]
        waiting = [one for one in self.batcher._schedule.queue if self.rules.levels[one.level] is level]
        request = InferenceRequest(rows_of(*values), deadline, parameters=parameters)
        task = self.loop.create_task(self.batcher.ainfer(request))
        was_full = bool(level.max_size) and len(waiting) >= level.max_size
        task.add_done_callback(lambda done: self.left.extend([] if done.cancelled() or done.exception() else values[:1]))
        self.callers.append(Caller(task, values, deadline, level, was_full))
        self.loop.step()

    @rule(seconds=st.sampled_from([0.05, 0.25, 0.6, 3.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.now += seconds
        self.loop.step()

    @precondition(lambda self: self.batcher._leaders.due)
    @rule()
    def lead(self) -> None:
        lead = self.batcher._leaders.due.popleft()  # type: ignore[attr-defined]
        leader = Leader()
        leader.thread = threading.Thread(target=self.run_leader, args=(lead, leader), daemon=True)
        known = len(self.engine.gates)
        leader.thread.start()
        assert self.engine.stopped.acquire(timeout=LIMIT_SECONDS)
        if len(self.engine.gates) > known:
            self.leaders.append((leader, self.engine.gates[known]))
        else:
            assert not leader.failures, leader.failures
        self.loop.step()

    def run_leader(self, lead: Any, leader: Leader) -> None:
        try:
            lead()
        except BaseException as error:  # noqa: BLE001  # reported by the machine
            leader.failures.append(error)
        finally:
            self.engine.stopped.release()

    @precondition(lambda self: self.leaders)
    @rule(data=st.data())
    def end_execution(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.leaders) - 1))
        leader, gate = self.leaders.pop(place)
        # After a failure each request runs alone.
        self.engine.free_threads.add(leader.thread)
        gate.set()
        leader.thread.join(LIMIT_SECONDS)
        assert self.engine.stopped.acquire(timeout=LIMIT_SECONDS)
        assert not leader.failures, leader.failures
        self.loop.step()

    @precondition(lambda self: any(not caller.task.done() for caller in self.callers))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        waiting = [caller for caller in self.callers if not caller.task.done()]
        caller = data.draw(st.sampled_from(waiting))
        caller.cancelled = True
        caller.task.cancel()
        self.loop.step()

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        self.batcher.close()
        self.closed = True
        self.loop.step()

    @precondition(lambda self: self.closed and not self.leaders and not self.batcher._leaders.due)
    @rule()
    def open_again(self) -> None:
        self.check_idle()
        self.open_batcher()

    def note_violation(self) -> None:
        """Keep what ``check_head`` finds: raised here, it would pass for a failure of the engine."""
        try:
            self.check_head()
        except AssertionError as error:
            self.violations.append(error)

    @invariant()
    def no_batch_broke_a_rule(self) -> None:
        assert getattr(self, "violations", []) == []

    def check_head(self) -> None:
        """Nobody of a higher level, or of the same level and earlier, waits while a batch begins."""
        queue = list(self.batcher._schedule.queue)
        started = self.engine.executions[-1]
        if started[0] in self.begun:
            # It runs again, alone, at the place of its batch.
            return
        self.begun += started
        if self.rules.max_rows and len(started) > 1:
            assert len(started) <= max(self.rules.max_rows, 1), started
        head = next(caller for caller in self.callers if caller.values[0] == started[0] and not caller.finished)
        level = self.rules.levels.index(head.level)
        assert all(self.rules.levels.index(self.rules.levels[one.level]) >= level for one in queue)

    @invariant()
    def every_caller_has_its_own_rows(self) -> None:
        for caller in getattr(self, "callers", []):
            if caller.task.done() and not caller.finished:
                caller.finished = True
                self.check_answer(caller)

    def check_answer(self, caller: Caller) -> None:
        if caller.task.cancelled():
            assert caller.cancelled
            return
        error = caller.task.exception()
        if error is None:
            assert caller.task.result()["y"][:, 0].tolist() == [2 * value for value in caller.values]
            assert min(caller.values) > 0
            return
        assert isinstance(error, self.allowed_errors(caller)), error

    def allowed_errors(self, caller: Caller) -> tuple[type[BaseException], ...]:
        allowed: list[type[BaseException]] = []
        if self.closed:
            allowed.append(ClosedError)
        if min(caller.values) < 0:
            allowed.append(InferenceError)
        if caller.was_full:
            allowed.append(OverloadedError)
        is_late = caller.deadline is not None and self.clock.now >= caller.deadline
        if is_late or (not caller.level.delays and (caller.level.timeout_seconds != inf or caller.level.may_override)):
            allowed.append(DeadlineExceededError)
        return tuple(allowed)

    @invariant()
    def nothing_waits_without_a_leader(self) -> None:
        """If an instance is idle and somebody waits, a leader is on its way."""
        state = self.batcher._schedule if hasattr(self, "batcher") else None
        if state is not None and state.idle and state.queue.waiting:
            assert state.forming

    @invariant()
    def the_queue_holds_those_who_wait(self) -> None:
        if hasattr(self, "batcher"):
            waiting = list(self.batcher._schedule.queue)
            assert len(waiting) == self.batcher._schedule.queue.waiting
            assert all(one.state is State.WAITING for one in waiting)
            assert len(waiting) <= sum(not caller.task.done() for caller in self.callers)

    def check_idle(self) -> None:
        state = self.batcher._schedule
        assert len(state.idle) == self.instances
        assert not state.forming
        assert not state.queue.waiting

    def teardown(self) -> None:
        if not hasattr(self, "callers"):
            return
        self.engine.is_open = True
        for leader, gate in self.leaders:
            gate.set()
            leader.thread.join(LIMIT_SECONDS)
        self.leaders.clear()
        for _ in range(500):
            self.loop.step()
            if not self.batcher._leaders.due:
                break
            self.batcher._leaders.due.popleft()()  # type: ignore[attr-defined]
        self.loop.step()
        try:
            assert all(caller.task.done() for caller in self.callers), "a caller was never answered"
            self.every_caller_has_its_own_rows()
            self.no_batch_broke_a_rule()
            self.check_idle()
            if self.rules.preserve_ordering:
                assert self.left == sorted(self.left, key=self.begun.index)
        finally:
            for caller in self.callers:
                caller.task.cancel()
            self.loop.step()
            self.loop.close()


EXAMPLES = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
HUNT = settings(EXAMPLES, max_examples=2000, phases=[Phase.generate], report_multiple_bugs=False)


def test_every_caller_gets_its_own_rows_in_any_sequence() -> None:
    run_state_machine_as_test(Batching, settings=EXAMPLES)


def test_a_batcher_that_swaps_rows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    part = answers.BatchAnswer.part
    monkeypatch.setattr(answers.BatchAnswer, "part", lambda self, start, *more: part(self, max(0, start - 1), *more))

    with pytest.raises((AssertionError, ValueError, ExceptionGroup)):
        run_state_machine_as_test(Batching, settings=HUNT)


def test_a_batcher_that_forgets_an_instance_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(self: schedule.Schedule) -> None:
        self.forming = False

    monkeypatch.setattr(schedule.Schedule, "resign", forget)

    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(Batching, settings=HUNT)


def test_a_batcher_that_keeps_the_requests_of_callers_who_left_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule.Schedule, "abandon", lambda self, queued: None)

    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(Batching, settings=HUNT)


def test_a_batcher_whose_batches_are_too_large_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def take_all(self: schedule.Schedule) -> Any:
        taken = [one for one in self.queue if one.group is not None]
        same = [one for one in taken if one.group == taken[0].group]
        return (same or list(self.queue)[:1]), True

    monkeypatch.setattr(schedule.Schedule, "_candidates", take_all)

    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(Batching, settings=HUNT)
