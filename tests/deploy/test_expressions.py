"""The dashboards' figures over several instances are those of all their requests: exact, on series with known values."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

reading = pytest.importorskip("deploy.grafana.reading")

VALUES = {
    "job": "turnout",
    "instance": ".*",
    "model": "m",
    "backend": ".*",
    "pipeline": ".*",
    "__rate_interval": "2m",
    "__interval": "30s",
    "__range": "5m",
}
A, B = 'job="turnout",instance="a",model="m"', 'job="turnout",instance="b",model="m"'
AT = "5m"


def query(dashboard: str, title: str, ref: str = "A") -> str:
    """Return the PromQL of a panel, or of an annotation, with values in place of the variables."""
    shown = reading.read(reading.FOLDER / f"{dashboard}.json")
    found = [one.expression for panel in shown.panels if panel.title == title for one in panel.queries if one.ref == ref]
    found += [event.expression for event in shown.events if event.name == title]
    [expression] = found
    return str(reading.fill(expression, VALUES))


@pytest.fixture
def evaluate(tmp_path):
    """Return a function that evaluates PromQL on series and compares its samples to six places."""
    promtool = shutil.which("promtool") or pytest.skip("promtool is not installed: apt-get install prometheus")

    def run(expression: str, series: dict[str, str], expected: dict[str, float], at: str = AT) -> None:
        wanted = [{"labels": labels, "value": round(value * 1e6)} for labels, value in expected.items()]
        test: dict[str, Any] = {
            "interval": "30s",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [{"expr": f"round(({expression}) * 1e6)", "eval_time": at, "exp_samples": wanted}],
        }
        file: Path = tmp_path / "test.json"
        file.write_text(json.dumps({"evaluation_interval": "30s", "tests": [test]}))
        ran = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False, timeout=60)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    return run


def requests(labels: str, outcome: str, each: float) -> dict[str, str]:
    """Return a counter that grows by ``each`` in 30 s."""
    return {f'turnout_inference_requests_total{{{labels},outcome="{outcome}"}}': f"0+{each:g}x20"}


def test_an_error_ratio_is_of_all_requests_and_not_a_mean_of_instances(evaluate) -> None:
    busy, idle = f'{A},backend="triton"', f'{B},backend="triton"'
    series = requests(busy, "ok", 900) | requests(idle, "ok", 50) | requests(idle, "unavailable", 50)

    evaluate(query("overview", "Error ratio"), series, {'{model="m",backend="triton"}': 0.05})


def test_callers_own_mistakes_are_requests_and_no_errors_and_cancelled_ones_are_neither(evaluate) -> None:
    arm = f'{A},backend="triton"'
    series = requests(arm, "ok", 70) | requests(arm, "invalid_request", 20) | requests(arm, "error", 10)
    series |= requests(arm, "cancelled", 1000)

    evaluate(query("overview", "Error ratio"), series, {'{model="m",backend="triton"}': 0.1})


def test_requests_that_an_open_circuit_refuses_are_errors_although_the_backend_never_had_them(evaluate) -> None:
    arm = f'{A},backend="triton"'
    refused = f'turnout_refused_requests_total{{{arm},reason="circuit_open"}}'
    full = f'turnout_refused_requests_total{{{arm},reason="queue_full"}}'
    series = requests(arm, "ok", 60) | requests(arm, "overloaded", 10) | {refused: "0+30x20", full: "0+10x20"}

    evaluate(query("overview", "Error ratio"), series, {'{model="m",backend="triton"}': 0.4})


def test_a_quantile_is_of_all_requests_of_both_instances(evaluate) -> None:
    def histogram(labels: str, fast: int, slow: int) -> dict[str, str]:
        name = "turnout_inference_duration_seconds_bucket"
        edges = {"0.01": fast, "1": fast + slow, "+Inf": fast + slow}
        return {f'{name}{{{labels},backend="triton",le="{edge}"}}': f"0+{count}x20" for edge, count in edges.items()}

    # 990 of 1,000 are fast, so that the median is in the middle of the first bucket; the mean of two medians would not be.
    evaluate(
        query("overview", "Latency p50"),
        histogram(A, 990, 0) | histogram(B, 0, 10),
        {'{model="m",backend="triton"}': 0.01 * 500 / 990},
    )


def test_the_measured_canary_share_counts_the_backends_that_answer_and_not_the_shadow(evaluate) -> None:
    def serving(instance: str, backend: str, role: str) -> dict[str, str]:
        return {f'turnout_serving{{{instance},backend="{backend}",role="{role}"}}': "1+0x20"}

    series = {}
    for instance, scale in ((A, 1), (B, 9)):
        series |= serving(instance, "onnxruntime", "serves") | serving(instance, "triton", "canary")
        series |= serving(instance, "direct", "shadow")
        series |= requests(f'{instance},backend="onnxruntime"', "ok", 30 * scale)
        series |= requests(f'{instance},backend="triton"', "ok", 10 * scale)
        series |= requests(f'{instance},backend="direct"', "ok", 40 * scale)

    expected = {'{model="m",backend="onnxruntime"}': 0.75, '{model="m",backend="triton"}': 0.25}
    evaluate(query("migration", "Canary share", "B"), series, expected)


def test_the_measured_canary_share_leaves_out_what_the_same_backend_compared_as_the_shadow(evaluate) -> None:
    series = requests(f'{A},backend="onnxruntime"', "ok", 70) | requests(f'{A},backend="triton"', "ok", 30 + 70)
    for backend, role in (("onnxruntime", "serves"), ("triton", "canary"), ("triton", "shadow")):
        series |= {f'turnout_serving{{{A},backend="{backend}",role="{role}"}}': "1+0x20"}
    for verdict, count in {"match": 60, "mismatch": 10, "dropped": 500}.items():
        compared = f'{A},backend="onnxruntime",shadow="triton",verdict="{verdict}"'
        series |= {f"turnout_shadow_comparisons_total{{{compared}}}": f"0+{count}x20"}

    expected = {'{model="m",backend="onnxruntime"}': 0.7, '{model="m",backend="triton"}': 0.3}
    evaluate(query("migration", "Canary share", "B"), series, expected)


def test_a_switch_is_one_event_and_the_start_of_an_app_is_none(evaluate) -> None:
    def serves(instance: str, backend: str, values: str) -> dict[str, str]:
        return {f'turnout_serving{{{instance},backend="{backend}",role="serves"}}': values}

    # Instance b follows one scrape later; its old series may go, or be 0.
    series = serves(A, "onnxruntime", "1x5 0x10") | serves(A, "triton", "0x5 1x10")
    series |= serves(B, "onnxruntime", "1x6 _x10") | serves(B, "triton", "_x6 1x10")
    switched = {'{model="m",backend="triton"}': 1.0}
    events = {"0s": {}, "30s": {}, "150s": {}, "180s": switched, "210s": {}, "240s": {}}

    for at, expected in events.items():
        evaluate(query("migration", "Switches"), series, expected, at)


@pytest.mark.parametrize("weights", ["0x3 0.25x5", "0.25x3 0.5x5", "0.25x3 0x5"])
def test_a_changed_canary_weight_is_one_event_also_when_it_becomes_0(evaluate, weights) -> None:
    series = {f'turnout_canary_weight{{{A},backend="triton"}}': weights}

    for at, expected in {"90s": {}, "120s": {'{model="m",backend="triton"}': 1.0}, "150s": {}}.items():
        evaluate(query("migration", "Canary weights"), series, expected, at)


def test_reloads_are_events_at_the_time_of_the_reload(evaluate) -> None:
    name = "turnout_settings_reload_success_timestamp_seconds"

    evaluate(
        query("migration", "Reloads"),
        {f'{name}{{job="turnout",instance="a"}}': "1700000000x20"},
        {'{job="turnout",instance="a"}': 1700000000000},
    )


def test_a_model_has_one_row_a_version_while_a_version_rolls_out_and_old_versions_have_none(evaluate) -> None:
    def info(instance: str, version: str, values: str) -> dict[str, str]:
        return {f'turnout_model_info{{{instance},backend="triton",version="{version}",sha256="{version}{version}"}}': values}

    series = info(A, "1", "1x5 0x20") | info(A, "2", "_x5 1x20") | info(B, "1", "1x20")
    rolled = info(A, "1", "1x5 0x20") | info(A, "2", "_x5 1x20") | info(B, "2", "1x20")

    evaluate(query("overview", "Models"), series, {f'{{model="m",backend="triton",version="{one}"}}': 1.0 for one in "12"})
    evaluate(query("overview", "Models"), rolled, {'{model="m",backend="triton",version="2"}': 2.0})


def test_the_mismatch_ratio_leaves_dropped_requests_out(evaluate) -> None:
    def verdicts(instance: str, **counts: int) -> dict[str, str]:
        labels = f'{instance},backend="onnxruntime",shadow="triton"'
        name = "turnout_shadow_comparisons_total"
        return {f'{name}{{{labels},verdict="{verdict}"}}': f"0+{count}x20" for verdict, count in counts.items()}

    series = verdicts(A, match=90, mismatch=5, error=5, dropped=900) | verdicts(B, match=900, mismatch=0, error=0, dropped=0)

    evaluate(query("migration", "Mismatch ratio"), series, {'{model="m"}': 0.01})


def test_targets_down_counts_apps_and_servers_and_is_0_when_all_are_up(evaluate) -> None:
    series = {
        'up{job="turnout",instance="a"}': "1x20",
        'up{job="turnout",instance="b"}': "0x20",
        'up{job="triton",instance="c"}': "0x20",
        'up{job="another",instance="d"}': "0x20",
    }

    evaluate(query("overview", "Targets down"), series, {"{}": 2})
    evaluate(query("overview", "Targets down"), {'up{job="turnout",instance="a"}': "1x20"}, {"{}": 0})


def test_the_queue_share_and_the_mean_batch_of_two_servers_are_of_all_their_requests(evaluate) -> None:
    def server(instance: str, **counts: int) -> dict[str, str]:
        labels = f'job="triton",instance="{instance}",model="m",version="1"'
        return {f"nv_inference_{name}{{{labels}}}": f"0+{count}x20" for name, count in counts.items()}

    series = server("a", queue_duration_us=900, request_duration_us=1000, count=80, exec_count=10)
    series |= server("b", queue_duration_us=100, request_duration_us=9000, count=10, exec_count=10)
    triton = {"job": "triton"}

    for title, expected in (("Queue share", 0.1), ("Mean batch", 4.5)):
        expression = query("triton", title).replace('job=~"turnout"', f'job=~"{triton["job"]}"')
        evaluate(expression, series, {'{model="m"}': expected})


def test_a_state_of_two_instances_that_differ_is_between_0_and_1(evaluate) -> None:
    series = {f'turnout_circuit_open{{{A},backend="triton"}}': "1x20", f'turnout_circuit_open{{{B},backend="triton"}}': "0x20"}

    evaluate(query("migration", "Circuit"), series, {'{model="m",backend="triton"}': 0.5})


def test_the_failed_share_of_pipelines_is_of_all_runs_but_invalid_ones(evaluate) -> None:
    def runs(instance: str, **counts: int) -> dict[str, str]:
        labels = f'job="turnout",instance="{instance}",pipeline="p"'
        return {
            f'turnout_pipeline_runs_total{{{labels},outcome="{outcome}"}}': f"0+{count}x20" for outcome, count in counts.items()
        }

    series = runs("a", ok=90, partial=0, failed=0, invalid_request=500) | runs(
        "b", ok=0, partial=5, failed=5, invalid_request=0
    )

    evaluate(query("pipelines", "Failed"), series, {"{}": 0.1})


def test_unanswered_requests_are_failures_that_nothing_made_good(evaluate) -> None:
    triton, local = f'{A},backend="triton"', f'{A},backend="onnxruntime"'
    # 60 failed and 40 were refused: 70 fell back, of which 10 failed again; 20 were retried, and 5 were those of the shadow.
    series = requests(triton, "unavailable", 60) | requests(local, "error", 10) | requests(local, "ok", 60)
    series |= {
        f'turnout_refused_requests_total{{{triton},reason="circuit_open"}}': "0+40x20",
        f'turnout_fallbacks_total{{{triton},to="onnxruntime",reason="unavailable"}}': "0+70x20",
        f"turnout_retries_total{{{triton}}}": "0+20x20",
        f'turnout_shadow_comparisons_total{{{local},shadow="triton",verdict="error"}}': "0+5x20",
    }

    evaluate(query("overview", "Unanswered requests"), series, {'{model="m"}': (60 + 40 + 10 - 70 - 20 - 5) / 30})


def test_the_stage_shows_the_roles_that_a_backend_had_in_the_time_range(evaluate) -> None:
    def serving(instance: str, backend: str, role: str, values: str) -> dict[str, str]:
        return {f'turnout_serving{{{instance},backend="{backend}",role="{role}"}}': values}

    series = serving(A, "triton", "shadow", "1x3 0x20") | serving(B, "triton", "shadow", "1x3 0x20")
    series |= serving(A, "triton", "serves", "0x5 1x20") | serving(B, "triton", "serves", "0x20")
    series |= serving(A, "triton", "fallback", "0x20")

    expected = {
        '{model="m",backend="triton",role="shadow"}': 0.0,
        '{model="m",backend="triton",role="serves"}': 0.5,
    }
    evaluate(query("migration", "Stage"), series, expected)


def test_failures_by_reason_are_those_that_happened_in_the_time_range(evaluate) -> None:
    def failures(reason: str, values: str) -> dict[str, str]:
        return {f'turnout_step_failures_total{{job="turnout",instance="a",pipeline="p",step="s",reason="{reason}"}}': values}

    series = failures("error", "0x20") | failures("invalid_input", "0+3x2 6x20") | failures("unavailable", "0+3x20")

    expected = {
        '{pipeline="p",step="s",reason="invalid_input"}': 0.0,
        '{pipeline="p",step="s",reason="unavailable"}': 0.1,
    }
    evaluate(query("pipelines", "Failures by step and reason"), series, expected)
