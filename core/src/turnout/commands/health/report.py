"""The health of a settings file: of the running app if the file names its port, else of an app in this process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from turnout.commands.health.running import SET_PORT, local_url, running_health
from turnout.errors import TurnoutError, one_line
from turnout.health import ArmHealth, Health, ModelHealth
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.serving.app import Turnout
from turnout.serving.entry import assemble
from turnout.serving.health.collection import health_of_models, model_health
from turnout.settings import load_settings

_CONCURRENT = 8


@dataclass(frozen=True, slots=True)
class FoundHealth:
    """A report of health.

    Attributes:
        source: the URL of the app that reported it; empty for an app in this process, which serves no one.
        report: the report, as ``Health.as_json`` returns it.
    """

    source: str
    report: Mapping[str, Any]


def health_of_file(config: Path, timeout_seconds: float) -> FoundHealth:
    """Return the health of the app of a turnout.yaml. Loads no model in this process.

    Raises:
        NotReachedError: the file names a port, and no app answers there.
        ConfigurationError: the file is wrong.
    """
    plugins = find_plugins()
    loaded = load_settings(config, registry=plugins)
    metrics = loaded.settings.metrics
    if metrics.port is not None:
        url = local_url(metrics.address, metrics.port)
        return FoundHealth(url, running_health(url, timeout_seconds, SET_PORT))
    with assemble(config, plugins=plugins) as app:
        return FoundHealth("", _health_here(app, plugins, timeout_seconds).as_json())


def _health_here(app: Turnout, plugins: Plugins, seconds: float) -> Health:
    """Return the health of an app that has answered no request: its servers are asked, and nothing else is opened."""
    found = app.health().models
    remote = {(name, arm.backend) for name, model in found.items() for arm in model.arms if plugins.backend(arm.backend).remote}
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(_CONCURRENT, "turnout-health") as threads:
        asked = {arm: threads.submit(_ask, app, *arm, deadline) for arm in sorted(remote)}
        wait(asked.values(), seconds)
    return health_of_models(_of_model(model, asked) for model in found.values())


def _of_model(model: ModelHealth, asked: Mapping[tuple[str, str], Future[str]]) -> ModelHealth:
    arms = tuple(_of_arm(arm, asked.get((model.model, arm.backend))) for arm in model.arms)
    return model_health(model.model, arms, uses_fallback=False)


def _of_arm(arm: ArmHealth, asked: Future[str] | None) -> ArmHealth:
    if asked is None:
        return arm
    reason = asked.result()
    return replace(arm, state="unopened" if reason else "open", ready=not reason, reason=reason)


def _ask(app: Turnout, model: str, backend: str, deadline: float) -> str:
    """Return why the server of ``backend`` cannot answer requests of ``model``; empty if it can."""
    try:
        with closing(app.arm(model, backend)) as arm:
            arm.open(deadline)
            return "" if arm.ready() else "it reports that it is not ready"
    except TurnoutError as error:
        return one_line(error)
