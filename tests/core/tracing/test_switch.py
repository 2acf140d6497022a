"""Whether an app is traced: by its file, or because the process has a tracer provider."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracerProvider
from tests.traces import Traces

from turnout import Turnout
from turnout.errors import ConfigurationError, MissingDependencyError
from turnout.tracing import outgoing_headers
from turnout.tracing.switch import find_tracer

MakeApp = Callable[..., Turnout]
ROW = {"x": np.ones((1, 2), np.float32)}
LINES = "turnout.tracing.switch"


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(record.levelno, record.getMessage()) for record in caplog.records if record.name == LINES]


def test_without_a_provider_an_app_is_not_traced(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        make_app().model("plus").infer(ROW)

    assert find_tracer(asked=None) is None
    assert not lines(caplog)


def test_a_provider_of_this_process_is_used_and_logged(
    make_app: MakeApp, traces: Traces, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        make_app().model("plus").infer(ROW)

    assert traces.named("request plus")
    assert lines(caplog) == [(logging.INFO, "requests are traced: spans go to opentelemetry.sdk.trace.TracerProvider")]


def test_tracing_false_makes_no_spans(make_app: MakeApp, traces: Traces) -> None:
    make_app(tracing=False).model("plus").infer(ROW)

    assert not traces.ended


def test_tracing_true_waits_for_a_provider_and_says_so(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(tracing=True)
    app.model("plus").infer(ROW)
    traces = Traces().install(monkeypatch)
    app.model("plus").infer(ROW)

    assert len(traces.named("request plus")) == 1
    [(level, line)] = lines(caplog)
    assert level == logging.WARNING
    assert "no tracer provider yet" in line


def test_tracing_true_without_the_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)

    with pytest.raises(MissingDependencyError, match="pip install opentelemetry-api"):
        find_tracer(asked=True)


def test_an_api_without_links_is_too_old(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delattr(trace.Span, "add_link")

    assert find_tracer(asked=None) is None
    with pytest.raises(MissingDependencyError, match="is older than"):
        find_tracer(asked=True)

    [(level, line)] = lines(caplog)
    assert level == logging.WARNING
    assert "pip install --upgrade opentelemetry-api" in line


@pytest.mark.parametrize("provider", [NoOpTracerProvider(), None], ids=["noop", "none"])
def test_a_provider_that_makes_no_spans_is_none(monkeypatch: pytest.MonkeyPatch, provider: object) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)

    assert find_tracer(asked=None) is None


def test_an_sdk_that_is_disabled_by_the_environment_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider())

    assert find_tracer(asked=None) is None


def test_a_provider_that_the_environment_names_and_nobody_has_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_TRACER_PROVIDER", "nobodys")
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)

    with pytest.raises(ConfigurationError, match="OTEL_PYTHON_TRACER_PROVIDER is 'nobodys'"):
        find_tracer(asked=None)


def test_an_app_that_is_not_traced_loads_no_opentelemetry() -> None:
    program = (
        "import sys, turnout; app = turnout.open({'models': {}}); app.close(); "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )

    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)


def test_outside_of_an_execution_nothing_is_carried(traces: Traces) -> None:
    find_tracer(asked=None)

    with traces.tracer.start_as_current_span("caller"):
        assert outgoing_headers({"server.address": "a"}) == ()
