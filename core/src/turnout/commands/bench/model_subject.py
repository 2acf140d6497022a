"""The arms of a model, open and warmed up."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from turnout.commands.bench.arms import INSTANCE_GROUP, ArmChoice, compose_arm, merges_here
from turnout.commands.bench.model_arm import ModelArm, batch_records
from turnout.commands.bench.options import BenchOptions
from turnout.commands.bench.requests import find_requests
from turnout.commands.bench.subject import Subject
from turnout.commands.side_by_side import check_against
from turnout.errors import ConfigurationError, InvalidRequestError
from turnout.inference import ModelInference
from turnout.plugins.discovery import Plugins
from turnout.recording import RecordedRequest
from turnout.settings import LoadedModel, LoadedSettings

logger = logging.getLogger(__name__)

_WARM_UP_REQUESTS = 3


def open_model(plugins: Plugins, loaded: LoadedSettings, name: str, options: BenchOptions, stack: ExitStack) -> Subject:
    """Return the model ``name`` on its serving backend and on those of ``options``; blocks.

    Each arm has answered three requests by then. ``stack`` closes them. Requests go straight to the arm, without circuit or
    fallback.

    Raises:
        InvalidInputError: there are no requests.
        TurnoutError: an arm cannot be opened, or fails one of its first requests.
    """
    model = loaded.model(name)
    check_against(model, options.against)
    choices = [*_choose_arms(plugins, model, options)]
    arms = {choice: compose_arm(plugins, model, choice.backend, stack, choice) for choice in choices}
    for arm in arms.values():
        arm.inference.open()
    records, source = find_requests(arms[choices[0]].inference, plugins, loaded, model, options)
    logger.info("warming up model %r", name)
    for arm in arms.values():
        _warm_up(arm.inference, records, options.timeout)
    of_sizes: dict[int | None, Sequence[RecordedRequest]] = {None: records}
    of_sizes |= {size: batch_records(model, records, size) for size in options.batches}
    benched = {choice: ModelArm(plugins, arm, of_sizes) for choice, arm in arms.items()}
    counterparts = frozenset(choice for choice in choices if choice.batching is (not _is_batched(model)))
    return Subject("model", name, source, len(records), benched, counterparts, model.settings.max_batch_size or None)


def _choose_arms(plugins: Plugins, model: LoadedModel, options: BenchOptions) -> Iterator[ArmChoice]:
    """Yield the arms: each backend with each number of instances; as turnout.yaml says first, then merged or not merged."""
    for backend in dict.fromkeys((model.backend, *options.against)):
        merges = backend in model.settings.backends and merges_here(plugins, model, backend)
        if options.delays and not merges:
            raise _no_delay(model, backend)
        for instances in (None, *_other_counts(model, backend, options)):
            for batching, delay in _batching_states(model, options) if merges else [(None, None)]:
                yield ArmChoice(backend, batching, delay, instances)


def _batching_states(model: LoadedModel, options: BenchOptions) -> list[tuple[bool | None, int | None]]:
    """Return the states of batching to measure, with the delay of each, as turnout.yaml says first."""
    written = model.settings.dynamic_batching
    present = None if written is None else written.max_queue_delay_microseconds
    # A delay costs a lone caller all of it, so it must earn that from the others.
    wanted = options.delays or ((0,) if options.compare_batching and present else ())
    others: list[tuple[bool | None, int | None]] = [(True, delay) for delay in dict.fromkeys(wanted) if delay != present]
    if not options.compare_batching:
        return [(None, None), *others]
    if written is not None:
        return [(True, None), *others, (False, None)]
    return [(False, None), *(others or [(True, None)])]


def _other_counts(model: LoadedModel, backend: str, options: BenchOptions) -> list[int]:
    """Return the numbers of instances to measure that are not the present one."""
    groups = getattr(model.options.get(backend), INSTANCE_GROUP, ())
    present = sum(group.count for group in groups)
    return [count for count in dict.fromkeys(options.instances) if count != present]


def _is_batched(model: LoadedModel) -> bool:
    return model.settings.dynamic_batching is not None


def _no_delay(model: LoadedModel, backend: str) -> ConfigurationError:
    reason = "it has no max_batch_size above 1" if model.settings.max_batch_size < 2 else "the backend merges them itself"
    return ConfigurationError(
        f"requests of model {model.name!r} on {backend!r} are not merged in this process, because {reason}, so --delay has no "
        "effect; leave it out",
        next_step="leave --delay out",
    )


def _warm_up(arm: ModelInference, records: Sequence[RecordedRequest], timeout_seconds: float) -> None:
    for number in range(_WARM_UP_REQUESTS):
        record = records[number % len(records)]
        try:
            arm.infer(record.request(time.monotonic() + timeout_seconds))
        except InvalidRequestError as error:
            raise record.mismatch(error) from error
