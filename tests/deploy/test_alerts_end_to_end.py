"""A server dies under load and returns: the alerts fire and clear, the fallback answers, and no request is lost.

The rules are those of deploy/prometheus with every duration divided by ``FACTOR``, so that ten minutes are six seconds.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from deploy.grafana.reading import FOLDER as DASHBOARDS
from deploy.grafana.reading import fill, read
from deploy.prometheus.shorten import write_shortened
from tests.deploy.gunicorn_app import ROOT, GunicornApp
from tests.deploy.load import Load
from tests.deploy.processes import wait_until
from tests.deploy.prometheus_server import Prometheus, config
from tests.deploy.rule_files import ALERTS, RECORDED, RULES
from tests.deploy.test_runbook import commands
from tests.deploy.unanswered import selectors, values

# Windows of a few seconds: a machine that does other work meanwhile would look like a slow app.
pytestmark = pytest.mark.clock

FACTOR = 100
INTERVAL = "400ms"
# All four are the same model on the same server; they differ in what surrounds it.
YAML = """
models:
  birefnet:
    backend: triton
    fallback: onnxruntime
    max_batch_size: 8
    max_in_flight: 64
    retry: {{budget_ratio: 0.1}}
    backends: {backends}
  alone:
    backend: triton
    max_batch_size: 8
    backends: {backends}
  rolling:
    backend: onnxruntime
    canary: {{backend: triton, weight: 0.3}}
    max_batch_size: 8
    dynamic_batching: {{}}
    backends: {backends}
  mirrored:
    backend: onnxruntime
    shadow: {{backend: triton, fraction: 1.0, tolerance: {{atol: 1.0e-3}}}}
    max_batch_size: 8
    backends: {backends}
pipelines:
  segment: [load_image, {{segment_regions: {{model: birefnet, size: [128, 128]}}}}]
"""
BACKENDS = (
    "{{onnxruntime: {{path: model_repository/birefnet, intra_op_num_threads: 1}}, triton: {{url: '{url}', model: birefnet}}}}"
)
DOWN = {
    ("TritonServerDown", ""),
    ("TurnoutCircuitOpen", "birefnet"),
    ("TurnoutFallingBack", "birefnet"),
    ("TurnoutCircuitOpen", "alone"),
    ("TurnoutErrorBudgetBurnsFast", "alone"),
    ("TurnoutModelAnswersNothing", "alone"),
}
MODELS = ("birefnet", "alone", "rolling", "mirrored")
PICTURE, REGIONS = ROOT / "examples/pictures/meadow.png", 4
# Fires for what three days of data say, and clears after six hours, which are three minutes here.
LASTS = ("TurnoutErrorBudgetBurns", "alone")
# Nothing here has an objective of its own.
OWN_OBJECTIVES = {f'turnout:objective:{name}_ratio{{model!=""}}' for name in ("error", "slow", "mismatch")}
NEEDS_A_GPU = {
    "turnout_gpu_memory_used_bytes",
    "turnout_gpu_memory_total_bytes",
    "nv_gpu_memory_used_bytes",
    "nv_gpu_memory_total_bytes",
}


@dataclass
class Outage:
    """What happened: alerts in each phase, the answers of the callers, and the times."""

    prometheus: Prometheus
    start: float
    healthy: set[tuple[str, str]] = field(default_factory=set)
    down: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    back: set[tuple[str, str]] = field(default_factory=set)
    falling_back: dict[str, float] = field(default_factory=dict)
    answers: dict[str, dict[int, int]] = field(default_factory=dict)
    end: float = 0
    server_series: dict[str, int] = field(default_factory=dict)
    segmented: dict[int, int] = field(default_factory=dict)
    folder: Path = Path()

    def has_data(self, selector: str) -> bool:
        return bool(self.prometheus.query_range(selector, self.start, self.end))


def firing(prometheus: Prometheus) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the alerts that fire, by name and model."""
    alerts = [alert for alert in prometheus.api("alerts")["alerts"] if alert["state"] == "firing"]
    return {(alert["labels"]["alertname"], alert["labels"].get("model", "")): alert for alert in alerts}


def wait_for_alerts(prometheus: Prometheus, accept: Callable[[Set[tuple[str, str]]], bool], holds_seconds: float = 0) -> None:
    """Wait until ``accept`` takes the names and models of the alerts that fire, all the time for ``holds_seconds``."""
    since = time.monotonic()

    def holds() -> bool:
        nonlocal since
        if not accept(firing(prometheus).keys()):
            since = time.monotonic()
            return False
        return time.monotonic() >= since + holds_seconds

    try:
        wait_until(holds, seconds=60, what="a change of the alerts")
    except AssertionError as error:
        error.add_note(f"these fire: {sorted(firing(prometheus))}")
        raise


def fallbacks(prometheus: Prometheus) -> float:
    """Return what the panel of the overview shows."""
    [panel] = [panel for panel in read(DASHBOARDS / "overview.json").panels if panel.title == "Fallbacks"]
    return sum(one.value for one in prometheus.query(fill(panel.queries[0].expression, values("turnout", 3, 60))))


@pytest.fixture(scope="module")
def outage(tmp_path_factory) -> Iterator[Outage]:
    from turnout_triton.server import LocalServer, ServerOptions

    folder = tmp_path_factory.mktemp("outage")
    for name in ("examples", "model_repository"):
        (folder / name).symlink_to(ROOT / name)
    rules = write_shortened(folder / "rules", FACTOR)
    with ExitStack() as stack:
        options = ServerOptions(models=("birefnet",), grace_seconds=0)
        server = stack.enter_context(LocalServer(ROOT / "model_repository", options))
        settings = folder / "turnout.yaml"
        settings.write_text(YAML.format(backends=BACKENDS.format(url=server.grpc_url)))
        app = stack.enter_context(GunicornApp(folder / "app", settings, workers=2))
        jobs = {"turnout": [app.address], "triton": [f"127.0.0.1:{server.ports.metrics}"]}
        prometheus = stack.enter_context(Prometheus(folder, config(jobs, interval=INTERVAL, rules=rules)))
        seen = Outage(prometheus, time.time(), folder=folder)
        with ExitStack() as loads:
            loaded = {model: loads.enter_context(load_of(app, f"/infer?model={model}&")) for model in MODELS}
            segmented = loads.enter_context(load_of(app, f"/run?pipeline=segment&image={PICTURE}&"))
            live(seen, server)
        # The last mirrored requests are still compared.
        prometheus.wait_for_value("sum(turnout_inference_in_flight) == bool 0")
        seen.end = prometheus.wait_for_next_scrape("turnout")
        seen.answers = {model: dict(load.statuses) for model, load in loaded.items()}
        seen.segmented = dict(segmented.statuses)
        yield seen


def load_of(app: GunicornApp, path: str) -> Load:
    return Load(lambda number: f"{app.url}{path}seed={number}", callers=1, pause_seconds=0.1)


def live(seen: Outage, server: Any) -> None:
    """Let the server serve, die and return."""
    prometheus = seen.prometheus
    prometheus.wait_for_value('job_model:turnout_answers:rate5m{model="birefnet"} > 0')
    time.sleep(4)
    seen.healthy = set(firing(prometheus))
    seen.falling_back["before"] = fallbacks(prometheus)
    seen.server_series["before"] = len(prometheus.query("nv_inference_pending_request_count"))

    server.kill()
    wait_for_alerts(prometheus, lambda alerts: alerts >= DOWN)
    seen.down = firing(prometheus)
    seen.falling_back["down"] = fallbacks(prometheus)
    seen.server_series["down"] = len(prometheus.query("nv_inference_pending_request_count"))

    server.restart()
    # A scrape that fails ends all series, and so all alerts, for a moment.
    wait_for_alerts(prometheus, lambda alerts: alerts <= {LASTS}, holds_seconds=2)
    seen.back = set(firing(prometheus))
    seen.falling_back["back"] = fallbacks(prometheus)


def test_no_alert_fires_while_all_is_well(outage: Outage) -> None:
    assert outage.healthy == set()


def test_the_alerts_of_a_dead_server_fire(outage: Outage) -> None:
    models = {model for _, model in outage.down}

    assert outage.down.keys() >= DOWN
    assert {name for name, _ in outage.down} <= ALERTS.keys()
    assert models <= {"", "birefnet", "alone", "rolling", "mirrored"}


def test_objectives_of_a_model_with_a_fallback_are_met_throughout(outage: Outage) -> None:
    length = round(outage.end - outage.start)
    alerts = outage.prometheus.query(f'max_over_time(ALERTS{{alertname=~".*Budget.*|.*Nothing", model!="alone"}}[{length}s])')

    assert [one.labels for one in alerts if one.labels["alertstate"] == "firing"] == []


def test_no_request_is_lost_where_a_fallback_answers(outage: Outage) -> None:
    assert outage.segmented.keys() == {200}
    for model in ("birefnet", "rolling", "mirrored"):
        assert outage.answers[model].keys() == {200}, model
        assert outage.answers[model][200] > 30, model
    assert outage.answers["alone"].keys() == {200, 503}


def test_failures_and_answers_of_the_rules_are_those_that_the_callers_got(outage: Outage) -> None:
    def counted(rule: str) -> dict[str, float]:
        """Return the sums of the counters of which the rule has the rates."""
        [expression] = [one.expression for one in RULES if one.name == rule]
        totals = outage.prometheus.query(re.sub(r"rate\((\w+(?:{[^}]*})?)\[\w+\]\)", r"\1", expression), outage.end)
        return {one.labels["model"]: one.value for one in totals}

    answers = {model: statuses[200] for model, statuses in outage.answers.items()}
    answers["birefnet"] += REGIONS * outage.segmented[200]

    assert counted("job_model:turnout_failures:rate5m") == {
        model: statuses.get(503, 0) for model, statuses in outage.answers.items()
    }
    assert counted("job_model:turnout_answers:rate5m") == answers


def test_the_panel_of_fallbacks_moves_and_returns(outage: Outage) -> None:
    assert outage.falling_back["before"] == 0
    assert outage.falling_back["down"] > 1
    assert outage.falling_back["back"] == 0


def test_the_servers_own_metrics_vanish_with_it(outage: Outage) -> None:
    assert outage.server_series == {"before": 1, "down": 0}


def test_the_alerts_clear_when_the_server_is_back(outage: Outage) -> None:
    assert outage.back <= {LASTS}


def test_prometheus_evaluates_every_rule_without_an_error(outage: Outage) -> None:
    groups = outage.prometheus.api("rules")["groups"]
    evaluated = [rule for group in groups for rule in group["rules"]]

    assert [(rule["name"], rule.get("lastError")) for rule in evaluated if rule["health"] != "ok"] == []
    assert len(evaluated) == len(RULES)


def test_every_recording_rule_has_data(outage: Outage) -> None:
    assert [name for name in sorted(RECORDED) if not outage.has_data(name)] == []


def test_every_selector_of_a_rule_finds_series_unless_it_needs_a_gpu(outage: Outage) -> None:
    found = {one for rule in RULES for one in selectors(rule.expression)}

    missing = {one for one in found if not outage.has_data(one)}

    assert {one.partition("{")[0] for one in missing - OWN_OBJECTIVES} == NEEDS_A_GPU


def test_what_the_alerts_say_is_complete(outage: Outage) -> None:
    for (name, model), alert in outage.down.items():
        texts = alert["annotations"]
        assert "no value" not in " ".join(texts.values()), name
        assert model in texts["summary"] or not model


def test_what_the_alerts_suggest_can_be_typed(outage: Outage) -> None:
    suggested = [shlex.split(one) for alert in outage.down.values() for one in commands(alert["annotations"]["action"])]
    # One of each: the others differ in the model.
    queries = {words[1]: words for words in suggested if words[:2] in (["turnout", "status"], ["turnout", "health"])}

    assert queries.keys() == {"status", "health"}
    for program, *words in queries.values():
        typed = [str(Path(sys.executable).with_name(program)), *words]
        ran = subprocess.run(typed, cwd=outage.folder, capture_output=True, text=True, check=False, timeout=60)
        assert ran.returncode == 0, ran.stderr
