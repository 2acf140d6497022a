"""Opening an app from a file or a dict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from turnout.logs import obey_variable
from turnout.metrics import LATENCY_BUCKETS_SECONDS, STEP_BUCKETS_SECONDS, Metrics, shared_metrics
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.serving.app import Turnout
from turnout.settings import load_settings


def open(  # named for its public form, turnout.open
    source: str | Path | Mapping[str, Any] = "turnout.yaml",
    *,
    plugins: Plugins | None = None,
    metrics: Metrics | None = None,
    watch: bool = False,
    listen: bool = True,
) -> Turnout:
    """Return the app that a turnout.yaml, or a dict of the same shape, describes; the caller closes it.

    Args:
        source: the file, or its contents as a dict.
        plugins: plugins to use instead of the installed ones.
        metrics: separate metrics instead of the process's shared ones.
        watch: reload the file whenever it changes.
        listen: answer scrapes on ``metrics.port`` of the file, if it names one.

    Raises:
        SettingsError: every problem found in ``source``.
        ConfigurationError: ``metrics.port`` cannot be opened.
        PluginError: a plugin is missing, broken or in conflict.
    """
    app = assemble(source, plugins=plugins, metrics=metrics)
    # A failed preload must not leave threads and opened models behind: the caller has no app to close.
    try:
        if listen:
            app.listen()
        app.preload()
        if watch:
            app.watch()
    except BaseException:
        app.close()
        raise
    return app


def assemble(
    source: str | Path | Mapping[str, Any] = "turnout.yaml",
    *,
    plugins: Plugins | None = None,
    metrics: Metrics | None = None,
) -> Turnout:
    """Return the app as ``open`` does, but open no model, not even one with ``preload: true``."""
    obey_variable()
    plugins = plugins or find_plugins()
    loaded = load_settings(source, registry=plugins)
    written = loaded.settings.metrics
    buckets = written.latency_buckets_seconds or LATENCY_BUCKETS_SECONDS
    step_buckets = written.step_buckets_seconds or STEP_BUCKETS_SECONDS
    return Turnout(loaded, plugins, metrics or shared_metrics(buckets, step_buckets))
