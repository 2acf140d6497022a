"""Metrics of reloads: one value for all apps of a process."""

from __future__ import annotations

import time

from turnout.metrics import Metrics


def _success(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("turnout_settings_reload_success")


def _time(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("turnout_settings_reload_success_timestamp_seconds") or 0.0


def test_nothing_has_failed_before_an_app_is_open() -> None:
    metrics = Metrics()

    assert (_success(metrics), _time(metrics)) == (1, 0)


def test_opening_an_app_is_the_first_success() -> None:
    metrics, before = Metrics(), time.time()

    metrics.settings.meter()

    assert _success(metrics) == 1
    assert before <= _time(metrics) <= time.time()


def test_a_failed_reload_keeps_the_time_of_the_last_success_until_the_next() -> None:
    metrics = Metrics()
    meter = metrics.settings.meter()
    opened = _time(metrics)

    meter.failed()
    failed = _success(metrics), _time(metrics)
    meter.succeeded()

    assert failed == (0, opened)
    assert _success(metrics) == 1
    assert _time(metrics) > opened


def test_one_app_of_two_that_failed_is_a_failure_until_it_reloads_or_closes() -> None:
    metrics = Metrics()
    first, second = metrics.settings.meter(), metrics.settings.meter()

    first.failed()
    second.succeeded()
    failing = _success(metrics)
    first.close()
    first.failed()  # by a reload that ends after the close

    assert (failing, _success(metrics)) == (0, 1)
