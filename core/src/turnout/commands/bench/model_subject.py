"""The arms of a model, open and warmed up."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack

from turnout.commands.bench.arms import ArmChoice, compose_arm
from turnout.commands.bench.options import BenchOptions
from turnout.commands.bench.requests import find_requests
from turnout.commands.bench.subject import Subject
from turnout.commands.bench.targets import ModelTarget
from turnout.commands.side_by_side import check_against
from turnout.errors import InvalidRequestError
from turnout.inference import ModelInference
from turnout.plugins.discovery import Plugins
from turnout.recording import RecordedRequest
from turnout.settings import LoadedSettings

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
    choices = [ArmChoice(backend) for backend in dict.fromkeys((model.backend, *options.against))]
    arms = {choice: compose_arm(plugins, model, choice.backend, stack) for choice in choices}
    for arm in arms.values():
        arm.inference.open()
    records, source = find_requests(arms[choices[0]].inference, plugins, loaded, model, options)
    logger.info("warming up model %r", name)
    for arm in arms.values():
        _warm_up(arm.inference, records, options.timeout)
    targets = {choice: ModelTarget(arm.inference, records) for choice, arm in arms.items()}
    return Subject("model", name, source, len(records), targets)


def _warm_up(arm: ModelInference, records: Sequence[RecordedRequest], timeout_seconds: float) -> None:
    for number in range(_WARM_UP_REQUESTS):
        record = records[number % len(records)]
        try:
            arm.infer(record.request(time.monotonic() + timeout_seconds))
        except InvalidRequestError as error:
            raise record.mismatch(error) from error
