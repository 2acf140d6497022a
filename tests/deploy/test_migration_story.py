"""A model moves on real apps and a real server; the dashboards' queries on a real Prometheus have the apps' own numbers."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

pytest.importorskip("turnout_triton.server")
pytest.importorskip("gunicorn")
pytest.importorskip("promql_parser")

from deploy.grafana.reading import FILES, FOLDER, ReadDashboard, fill, read
from tests.deploy.story import MODEL, NEW, OLD, WEIGHT, Story, counted, move, running
from tests.deploy.unanswered import unanswered, values

NEEDS_A_GPU = {
    "triton / GPU of the servers / A",
    "triton / GPU memory of the servers / A",
    "triton / GPU power of the servers / A",
    "triton / GPU of the apps' hosts / A",
    "triton / GPU memory of the apps' hosts / A",
    "triton / GPU power of the apps' hosts / A",
}
MIGRATION = read(FOLDER / "migration.json")
REQUESTS = "turnout_inference_requests_total"
COMPARISONS = "turnout_shadow_comparisons_total"
CLOSE = 0.1  # of a quantile: the apps' scrapes are not those of one moment


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Iterator[Story]:
    with running(tmp_path_factory.mktemp("story")) as begun:
        move(begun)
        yield begun


def job_of(dashboard: ReadDashboard) -> str:
    return "triton" if dashboard.name == "triton" else "turnout"


def answers(story: Story, title: str, ref: str = "A", *, phase: str = "") -> dict[frozenset[tuple[str, str]], float]:
    """Return the samples of a panel of the migration dashboard at the end of a phase, whose length is the window."""
    at = story.phase(phase) if phase else story.phases[-1]
    window = story.window(at.name) if at is not story.phases[0] else at.end - at.start
    [expression] = [
        one.expression for panel in MIGRATION.panels if panel.title == title for one in panel.queries if one.ref == ref
    ]
    filled = values("turnout", window, window) | {"model": MODEL}
    return {frozenset(one.labels.items()): one.value for one in story.prometheus.query(fill(expression, filled), at.end)}


def by(samples: dict[frozenset[tuple[str, str]], float], *labels: str) -> dict[str, float]:
    """Return the values of samples by some of their labels, joined."""
    return {" ".join(dict(key)[label] for label in labels): value for key, value in samples.items()}


@pytest.mark.parametrize("dashboard", [read(file) for file in FILES], ids=lambda one: one.name)
def test_every_query_has_data_unless_it_needs_a_gpu(story, dashboard) -> None:
    first, last = story.phases[0], story.phases[-1]
    filled = values(job_of(dashboard), 4, last.end - first.start)

    without = list(unanswered(dashboard, story.prometheus, filled, first.start, last.end))

    needs = {place for place, _ in dashboard.expressions()} & NEEDS_A_GPU
    assert [one for one in without if one.partition(": ")[0] not in needs] == []
    assert needs <= {one.partition(": ")[0] for one in without}, "there is a GPU here; NEEDS_A_GPU cannot be checked"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("turnout_inference_requests_total", "turnout_inference_request_total"),
        ('outcome=~"', 'outcomes=~"'),
        ('role=~"serves|canary"', 'role=~"serving|canaries"'),
        ("turnout_refused_requests_total", "turnout_refusals_total"),
    ],
)
def test_a_planted_wrong_query_is_found(story, right, wrong) -> None:
    first, last = story.phases[0], story.phases[-1]
    panels = [
        dataclasses.replace(
            panel,
            queries=tuple(dataclasses.replace(one, expression=one.expression.replace(right, wrong)) for one in panel.queries),
        )
        for panel in MIGRATION.panels
    ]
    planted = dataclasses.replace(MIGRATION, panels=tuple(panels))

    assert next(unanswered(planted, story.prometheus, values("turnout", 4, 60), first.start, last.end), "")


def test_the_totals_of_each_phase_are_the_apps_own_counters(story) -> None:
    for phase in story.phases:
        shown = by(answers(story, "Since the start", phase=phase.name), "backend", "outcome")

        assert shown == {
            f"{backend} {outcome}": count
            for backend in (OLD, NEW)
            for outcome in ("ok", "invalid_request", "unavailable", "deadline_exceeded", "error", "overloaded", "closed")
            if (count := counted(phase, REQUESTS, model=MODEL, backend=backend, outcome=outcome))
        }, phase.name


def test_the_verdicts_are_the_apps_own_counters_and_every_request_of_the_phase_has_one(story) -> None:
    shown = by(answers(story, "Comparisons since the start", phase="shadow"), "backend", "shadow", "verdict")

    counts = {
        one: counted(story.phase("shadow"), COMPARISONS, verdict=one) for one in ("match", "mismatch", "error", "dropped")
    }
    assert shown == {f"{OLD} {NEW} {verdict}": count for verdict, count in counts.items()}
    assert sum(counts.values()) == story.grown("shadow", REQUESTS, model=MODEL, backend=OLD, outcome="ok")
    assert counts["match"] > 0
    assert counts["mismatch"] == counts["error"] == 0
    assert by(answers(story, "Mismatch ratio", phase="shadow"), "model") == {MODEL: 0}


def test_the_parity_error_is_below_the_tolerance_of_the_shadow(story) -> None:
    shown = by(answers(story, "Parity error", "C", phase="shadow"), "shadow")

    assert set(shown) == {NEW}
    assert 0 < shown[NEW] <= 1e-3


@pytest.mark.parametrize("phase", ["old", "shadow", "canary", "new", "server killed"])
def test_rates_are_the_growth_of_the_apps_own_counters(story, phase) -> None:
    shown = by(answers(story, "Request rate", phase=phase), "backend")

    for backend, rate in shown.items():
        low, high = bounds(story, phase, lambda app, arm={"model": MODEL, "backend": backend}: offered(story, phase, app, arm))
        assert low <= rate <= high, backend


def offered(story: Story, phase: str, app: str, arm: dict[str, str]) -> float:
    """Return the requests to a backend in a phase: those that it counted, and those that were refused before it."""
    refused = (
        story.grown(phase, "turnout_refused_requests_total", app=app, reason=reason, **arm)
        for reason in ("circuit_open", "max_in_flight")
    )
    return story.grown(phase, REQUESTS, app=app, **arm) + sum(refused)


def bounds(story: Story, phase: str, growth: Callable[[str], float]) -> tuple[float, float]:
    """Return the rates between which Prometheus' one is: growth by the whole window, and by the time between its scrapes."""
    window = story.window(phase)
    low = high = 0.0
    for series in story.prometheus.raw('up{job="turnout"}', window, story.phase(phase).end):
        grown = growth(series.labels["instance"])
        low += grown / window
        high += grown / (series.points[-1][0] - series.points[0][0])
    return low * 0.99 - 1e-9, high * 1.01 + 1e-9


def test_the_measured_share_of_the_canary_is_that_of_the_apps_own_counters_and_near_its_weight(story) -> None:
    compared = sum(
        story.grown("canary", COMPARISONS, model=MODEL, verdict=verdict) for verdict in ("match", "mismatch", "error")
    )
    new = story.grown("canary", REQUESTS, model=MODEL, backend=NEW) - compared
    old = story.grown("canary", REQUESTS, model=MODEL, backend=OLD)

    shown = by(answers(story, "Canary share", "B", phase="canary"), "backend")

    assert by(answers(story, "Canary share", "A", phase="canary"), "backend")[NEW] == WEIGHT
    assert compared > 0
    assert shown[NEW] == pytest.approx(new / (new + old), abs=0.03)
    assert shown[NEW] + shown[OLD] == pytest.approx(1)
    assert abs(new / (new + old) - WEIGHT) < 5 * math.sqrt(WEIGHT * (1 - WEIGHT) / (new + old))


def test_the_error_ratio_is_0_until_the_server_is_killed_and_then_that_of_the_apps_own_counters(story) -> None:
    shown = {phase.name: by(answers(story, "Error ratio", phase=phase.name), "backend") for phase in story.phases}

    assert {shown[name][OLD] for name in ("old", "shadow", "canary")} == {0}
    assert shown["new"][NEW] == 0
    failed = sum(
        story.grown("server killed", REQUESTS, model=MODEL, backend=NEW, outcome=outcome)
        for outcome in ("unavailable", "error", "deadline_exceeded")
    )
    arm = {"model": MODEL, "backend": NEW}
    refused = story.grown("server killed", "turnout_refused_requests_total", reason="circuit_open", **arm)
    ratio = (failed + refused) / offered(story, "server killed", "", arm)
    assert shown["server killed"][NEW] == pytest.approx(ratio, abs=0.03)
    assert ratio > 0.5


@pytest.mark.parametrize(("title", "q"), [("Latency p50", 0.5), ("Latency p95", 0.95), ("Latency p99", 0.99)])
def test_latencies_are_the_quantiles_of_the_buckets_of_both_apps_together(story, title, q) -> None:
    shown = by(answers(story, title, phase="canary"), "backend")

    for backend in (OLD, NEW):
        assert shown[backend] == pytest.approx(quantile(story, "canary", backend, q), rel=CLOSE), backend


def quantile(story: Story, phase: str, backend: str, q: float) -> float:
    """Return a quantile of the requests of a phase, interpolated as Prometheus does, from the apps' own buckets."""
    name = "turnout_inference_duration_seconds_bucket"
    edges = sorted(
        {dict(labels)["le"] for one in story.phase(phase).counters.values() for metric, labels in one if metric == name},
        key=float,
    )
    counts = [(float(edge), story.grown(phase, name, model=MODEL, backend=backend, le=edge)) for edge in edges]
    rank = q * counts[-1][1]
    for (low, below), (high, upto) in pairwise([(0.0, 0.0), *counts]):
        if upto >= rank:
            return low + (high - low) * (rank - below) / (upto - below)
    raise AssertionError(counts)


def test_the_stage_of_each_phase_is_what_the_model_does(story) -> None:
    stages = {
        phase: {name for name, on in by(answers(story, "Stage", phase=phase), "backend", "role").items() if on == 1}
        for phase in ("old", "shadow", "canary", "new")
    }

    assert stages == {
        "old": {f"{OLD} serves"},
        "shadow": {f"{OLD} serves", f"{NEW} shadow"},
        "canary": {f"{OLD} serves", f"{NEW} canary", f"{NEW} shadow"},
        "new": {f"{NEW} serves"},
    }


def test_the_switch_is_one_mark_between_the_phases_and_each_reload_has_its_own(story) -> None:
    first, last = story.phases[1], story.phases[-1]
    marks = {}
    for event in MIGRATION.events:
        filled = values("turnout", 4, 60) | {"model": MODEL}
        found = story.prometheus.query_range(fill(event.expression, filled), first.start, last.end)
        marks[event.name] = [(series.labels, series.points) for series in found]

    [(labels, points)] = marks["Switches"]
    assert labels == {"model": MODEL, "backend": NEW}
    assert all(story.phase("canary").end <= at <= story.phase("new").start + 2 for at, _ in points)
    for _, points in marks["Reloads"]:
        times = {value / 1000 for _, value in points}
        for before, after in pairwise(("old", "shadow", "canary", "new")):
            # The file is watched too, so that each process reloads once more a second later.
            assert any(story.phase(before).end <= at <= story.phase(after).start + 2 for at in times), after
    [(labels, points)] = marks["Canary weights"]
    assert labels["backend"] == NEW
    assert any(story.phase("shadow").end <= at <= story.phase("canary").start + 2 for at, _ in points)


def test_the_circuit_opens_when_the_server_dies_and_the_fallback_answers(story) -> None:
    assert by(answers(story, "Circuit", phase="new"), "backend")[NEW] == 0
    assert by(answers(story, "Circuit", phase="server killed"), "backend")[NEW] == 1
    [expression] = [
        panel.queries[0].expression for panel in read(FOLDER / "overview.json").panels if panel.title == "Fallbacks"
    ]
    window = story.window("server killed")

    shown = story.prometheus.value(fill(expression, values("turnout", window, window)), story.phase("server killed").end)

    low, high = bounds(story, "server killed", lambda app: story.grown("server killed", "turnout_fallbacks_total", app=app))
    assert 0 < low <= shown <= high


def test_the_table_of_the_overview_has_one_row_for_each_model_and_backend_with_the_version_that_is_loaded(story) -> None:
    [panel] = [panel for panel in read(FOLDER / "overview.json").panels if panel.title == "Models"]
    phase = story.phase("canary")
    filled = values("turnout", story.window("canary"), 60)
    columns = {one.legend: story.prometheus.query(fill(one.expression, filled), phase.end) for one in panel.queries}

    arms = {(one.labels["model"], one.labels["backend"]) for one in columns["Requests"]}
    assert arms >= {(MODEL, OLD), (MODEL, NEW), ("blip_caption", NEW), ("blip_vqa", NEW)}
    for name, samples in columns.items():
        keys = [(one.labels["model"], one.labels["backend"]) for one in samples]
        assert len(set(keys)) == len(keys), name
        assert set(keys) <= arms, name
    versions = {(one.labels["model"], one.labels["backend"]): one.labels["version"] for one in columns["Instances"]}
    assert versions[MODEL, OLD] == versions[MODEL, NEW] == "1"
    assert {one.labels["backend"]: one.value for one in columns["Serves"] if one.labels["model"] == MODEL} == {OLD: 1, NEW: 0}


def test_variables_offer_what_is_there(story) -> None:
    offered = {}
    for name, (selector, label) in MIGRATION.variables.items():
        filled = fill(selector, values("turnout", 4, 60) | {"model": MODEL})
        offered[name] = set(story.prometheus.api(f"label/{label}/values", **{"match[]": filled}))

    assert offered["job"] == {"turnout"}
    assert offered["instance"] == {app.address for app in story.apps}
    assert offered["model"] == {MODEL, "blip_caption", "blip_vqa"}
    assert offered["backend"] == {OLD, NEW}


def test_the_targets_down_of_the_overview_are_the_killed_server(story) -> None:
    [expression] = [
        panel.queries[0].expression for panel in read(FOLDER / "overview.json").panels if panel.title == "Targets down"
    ]
    filled = fill(expression, values("turnout", 4, 60))

    assert story.prometheus.value(filled, story.phase("new").end) == 0
    assert story.prometheus.value(filled, story.phase("server killed").end) == 1


def test_a_good_request_is_answered_after_all_of_it(story) -> None:
    story.switch("--back")
    story.reload()
    before = counted(story.phases[-1], REQUESTS, model=MODEL, backend=OLD, outcome="ok")

    story.let("back", 1)

    assert counted(story.phases[-1], REQUESTS, model=MODEL, backend=OLD, outcome="ok") > before
    assert json.loads(json.dumps(by(answers(story, "Since the start"), "backend", "outcome")))
