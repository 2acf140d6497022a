"""Opening of a model on a backend: one model or several instances, created by the plugin and warmed up."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from turnout.errors import ModelLoadError, TurnoutError, count_of, one_line
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.model_observer import ModelObserver
from turnout.plugins.discovery import Plugins
from turnout.serving.arm_reports import ArmReports
from turnout.serving.instances import Instances
from turnout.serving.warmup import warm_up
from turnout.settings.loaded import LoadedModel
from turnout.shown_text import shown_cause

logger = logging.getLogger(__name__)


def count_instances(plugins: Plugins, model: LoadedModel, backend: str) -> int | None:
    """Return how many instances of ``model`` its options on ``backend`` ask for; None for one model without that limit.

    Opens nothing.

    Raises:
        ModelLoadError: they cannot be counted, because the options want every GPU and there is none.
    """
    return len(_instance_options(plugins, model, backend)) or None


def open_model(plugins: Plugins, metrics: Metrics, model: LoadedModel, backend: str, reports: ArmReports) -> ModelInference:
    """Return ``model`` on ``backend``, open and warmed up, which reports to ``reports``; blocks, for minutes perhaps.

    Raises:
        TurnoutError: it cannot be opened; everything that was opened for it is closed again.
    """
    # The load time includes the warm-up: that is what the first caller waits for.
    start = time.perf_counter()
    logger.info("opening model %r on backend %r", model.name, backend)
    instances = _instance_options(plugins, model, backend)
    observer = reports.begin()
    try:
        if instances:
            opened: ModelInference = _open_instances(plugins, model, backend, instances, observer)
        else:
            opened = _open_one(plugins, model, backend, model.options[backend], observer)
    except BaseException:
        reports.close()
        raise
    reports.opened()
    seconds = time.perf_counter() - start
    metrics.observe_load(model.name, backend, seconds)
    number = f" ({count_of(len(instances), 'instance')})" if instances else ""
    logger.info("model %r: open on backend %r%s after %.1f s", model.name, backend, number, seconds)
    return opened


def _open_instances(
    plugins: Plugins, model: LoadedModel, backend: str, instances: Sequence[Any], observer: ModelObserver
) -> Instances:
    # One after the other: torch loads under a lock, a file that cannot be opened fails once, and memory has one load's peak.
    models: list[ModelInference] = []
    files: object = None
    try:
        for options in instances:
            models.append(_open_one(plugins, model, backend, options, observer))
            # From the first instance on, whose opening may have downloaded them.
            files = files or _files(plugins, model, backend)
        if files != _files(plugins, model, backend):
            raise _load_error(model, backend, "its files changed while its instances were opened; the next request opens them")
    except BaseException as error:
        for opened in models:
            with suppress(Exception):
                opened.close()
        if isinstance(error, ModelLoadError) and 0 < len(models) < len(instances):
            reason = f"instance {len(models) + 1} of {len(instances)} failed, and the others are closed again: {error}"
            raise _load_error(model, backend, reason) from error
        raise
    return Instances(models, model.name, backend)


def _files(plugins: Plugins, model: LoadedModel, backend: str) -> object:
    """Return the files that decide the answers, with sizes and times, to be compared with ``==``; None if there are none."""
    with suppress(Exception):
        found = plugins.backend(backend).files(model.declaration, model.options[backend])
        facts = [(file, file.stat()) for file in found]
        return [(file, fact.st_size, fact.st_mtime_ns) for file, fact in facts] or None
    return None


def _open_one(plugins: Plugins, model: LoadedModel, backend: str, options: Any, observer: ModelObserver) -> ModelInference:
    opened = _create(plugins, model, backend, options)
    try:
        _observe(opened, model, backend, observer)
        if model.settings.warmup is not None:
            warm_up(opened, model, backend, model.settings.warmup)
    except BaseException:
        # The reason why it cannot serve matters; a failure to close it would hide that.
        with suppress(Exception):
            opened.close()
        raise
    return opened


def _create(plugins: Plugins, model: LoadedModel, backend: str, options: Any) -> ModelInference:
    try:
        created: object = plugins.backend(backend).create(model.declaration, options)
    except TurnoutError as error:
        error.locate(model.name, backend)
        raise
    # Remote code of a checkpoint may exit, which would end the caller's thread.
    except (Exception, SystemExit) as error:  # noqa: BLE001  # raised again, as a TurnoutError
        raise _load_error(model, backend, one_line(error)) from shown_cause(error)
    # Checked here, where the message can name the plugin; later it would be an AttributeError of some middleware.
    if not isinstance(created, ModelInference):
        raise _load_error(
            model,
            backend,
            f"its plugin returned {type(created).__name__}, not a turnout.ModelInference; fix create of the backend",
        )
    return created


def _observe(opened: ModelInference, model: LoadedModel, backend: str, observer: ModelObserver) -> None:
    try:
        opened.observe(observer)
    except TurnoutError as error:
        error.locate(model.name, backend)
        raise
    except Exception as error:
        raise _load_error(model, backend, f"its observe failed: {one_line(error)}; fix observe of the backend") from error


def _instance_options(plugins: Plugins, model: LoadedModel, backend: str) -> Sequence[Any]:
    options = model.options[backend]
    try:
        found: object = plugins.backend(backend).instances(options)
    except TurnoutError as error:
        error.locate(model.name, backend)
        raise
    except Exception as error:  # noqa: BLE001  # raised again, as a TurnoutError
        raise _load_error(model, backend, f"its instances cannot be counted: {one_line(error)}") from shown_cause(error)
    if not isinstance(found, Sequence) or not all(isinstance(each, type(options)) for each in found):
        reason = f"its plugin returned {type(found).__name__}, not the options of each instance; fix instances of the backend"
        raise _load_error(model, backend, reason)
    return found


def _load_error(model: LoadedModel, backend: str, reason: str) -> ModelLoadError:
    text = f"model {model.name!r} cannot be opened on backend {backend!r}: {reason}. {model.where}".rstrip()
    return ModelLoadError(text, model=model.name, backend=backend)
