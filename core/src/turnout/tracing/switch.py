"""The decision whether an app is traced, once, when it is opened."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from turnout.errors import ConfigurationError, MissingDependencyError, one_line

if TYPE_CHECKING:
    from turnout.tracing.tracer import Tracer

logger = logging.getLogger(__name__)

_PROVIDER_VARIABLE = "OTEL_PYTHON_TRACER_PROVIDER"


def find_tracer(*, asked: bool | None) -> Tracer | None:
    """Return the tracer of an app whose file says ``tracing: asked``; None if it is not traced.

    Without the key an app is traced if this process has a tracer provider by now, as of OpenTelemetry's SDK.

    Raises:
        MissingDependencyError: tracing was asked for, and opentelemetry-api is not installed.
        ConfigurationError: the environment names a tracer provider that cannot be loaded.
    """
    if asked is False or (asked is None and not _may_have_provider()):
        return None
    try:
        trace: Any = importlib.import_module("opentelemetry.trace")
    except ImportError as error:
        if asked is None:
            return None
        raise MissingDependencyError(
            f"tracing: true needs the package 'opentelemetry-api', which cannot be imported: {one_line(error)}; install it: "
            "pip install opentelemetry-api"
        ) from error
    if not hasattr(trace.Span, "add_link"):
        _refuse_old_package(asked=asked)
        return None
    provider = _provider(trace)
    is_configured = not isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider))
    if not (is_configured or asked):
        return None
    from turnout.tracing.tracer import Tracer

    tracer = Tracer(provider)
    if not tracer.records:  # as with OTEL_SDK_DISABLED
        return None
    if is_configured:
        logger.info("requests are traced: spans go to %s", f"{type(provider).__module__}.{type(provider).__qualname__}")
    else:
        logger.warning(
            "tracing: true, but this process has no tracer provider yet, so spans are lost; configure one with "
            "opentelemetry.trace.set_tracer_provider before turnout.open"
        )
    return tracer


def _refuse_old_package(*, asked: bool | None) -> None:
    text = "the installed opentelemetry-api is older than 1.24; upgrade it: pip install --upgrade opentelemetry-api"
    if asked:
        raise MissingDependencyError(f"tracing: true needs a newer package: {text}")
    # An app that did not ask for spans works on, whatever another library has pinned.
    logger.warning("requests are not traced: %s", text)


def _may_have_provider() -> bool:
    # Looked for without an import: an app that does not use OpenTelemetry must not load it.
    return "opentelemetry.trace" in sys.modules or _PROVIDER_VARIABLE in os.environ


def _provider(trace: Any) -> Any:
    try:
        return trace.get_tracer_provider()
    except Exception as error:
        name = os.environ.get(_PROVIDER_VARIABLE, "")
        raise ConfigurationError(
            f"{_PROVIDER_VARIABLE} is {name!r}, and that tracer provider cannot be loaded: {one_line(error)}; install its "
            "package, correct the variable, or unset it"
        ) from error
