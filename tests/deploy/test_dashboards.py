"""The dashboards in git are current, and complete: texts, units, links, places, PromQL."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import pytest
from ruamel.yaml import YAML

generate = pytest.importorskip("deploy.grafana.generate", reason="grafana-foundation-sdk is not installed")
promql_parser = pytest.importorskip("promql_parser")

from deploy.grafana.reading import FILES, FOLDER, fill, read  # noqa: E402
from deploy.grafana.unit_texts import text_of  # noqa: E402

ROOT = Path(__file__).parents[2]
# The time of a start is in Prometheus' own targets.
WITHOUT_PANEL = ["process_start_time_seconds"]
DASHBOARDS = [read(file) for file in FILES]
PANELS = [pytest.param(panel, id=f"{one.name}-{panel.title}") for one in DASHBOARDS for panel in one.panels]
BUILT_IN = {"__rate_interval": "1m", "__interval": "15s", "__range": "1h"}


def test_the_files_in_git_are_what_the_code_generates() -> None:
    assert dict(generate.texts()) == {file: file.read_text("utf-8") for file in FILES}, "run: python -m deploy.grafana.generate"


def test_there_are_four_dashboards() -> None:
    assert [file.stem for file in FILES] == ["migration", "overview", "pipelines", "triton"]


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_has_a_description_a_unit_a_text_for_no_data_and_a_legend(panel) -> None:
    assert len(panel.raw["description"]) > 10
    assert panel.raw["description"].endswith(".")
    assert panel.unit
    assert panel.no_data
    assert panel.raw["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert all(query.legend for query in panel.queries)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_no_two_panels_overlap_and_none_leaves_the_grid(dashboard) -> None:
    places = [panel.place for panel in dashboard.panels]

    assert all(x + width <= 24 for x, _, width, _ in places)
    for (x, y, width, height), (other_x, other_y, other_width, other_height) in combinations(places, 2):
        beside = x + width <= other_x or other_x + other_width <= x
        assert beside or y + height <= other_y or other_y + other_height <= y


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_every_query_is_promql_of_the_dashboards_own_variables(dashboard) -> None:
    values = BUILT_IN | dict.fromkeys(dashboard.variables, "x")

    for place, expression in dashboard.expressions():
        assert promql_parser.parse(fill(expression, values)), place


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_a_dashboard_links_to_the_others_with_its_variables_and_time(dashboard) -> None:
    raw = json.loads((FOLDER / f"{dashboard.name}.json").read_text("utf-8"))
    [link] = raw["links"]

    assert link["tags"] == raw["tags"] == ["turnout"]
    assert link["includeVars"]
    assert link["keepTime"]
    assert [one["name"] for one in raw["templating"]["list"]] == ["datasource", *dashboard.variables]


def test_the_models_of_the_overview_link_to_their_migration() -> None:
    overview = (FOLDER / "overview.json").read_text("utf-8")
    uid = json.loads((FOLDER / "migration.json").read_text("utf-8"))["uid"]

    [address] = set(re.findall(r"/d/[^\"]+", overview))
    assert address.startswith(f"/d/{uid}?")
    assert address.endswith("&var-model=${__value.raw}")


def test_every_metric_of_the_page_is_in_a_dashboard() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text("utf-8")
    metrics = re.findall(r"^\| `((?:turnout|process)_\w+)`", page, re.MULTILINE)
    texts = "".join(file.read_text("utf-8") for file in FILES)

    assert len(metrics) > 30
    assert [metric for metric in metrics if not re.search(rf"\b{metric}(_bucket|_sum|_count)?\b", texts)] == WITHOUT_PANEL


@pytest.mark.parametrize("name", ["migration", "overview", "pipelines", "triton"])
def test_the_page_has_a_small_picture_of_each_dashboard(name: str) -> None:
    picture = ROOT / "docs/how-to/monitor-it" / f"{name}.png"

    assert f"](monitor-it/{name}.png)" in (ROOT / "docs/how-to/monitor-it.md").read_text("utf-8")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 150_000


def test_grafana_gets_the_folder_and_the_server_from_its_environment() -> None:
    provisioning = FOLDER.parent / "provisioning"
    [provider] = YAML(typ="safe").load(provisioning / "dashboards/turnout.yaml")["providers"]
    [source] = YAML(typ="safe").load(provisioning / "datasources/prometheus.yaml")["datasources"]
    shipped = YAML(typ="safe").load(ROOT / "deploy/prometheus/prometheus.yml")

    assert provider["type"] == "file"
    assert provider["options"]["path"] == "${TURNOUT_DASHBOARDS}"
    assert (source["type"], source["url"]) == ("prometheus", "${PROMETHEUS_URL}")
    assert source["jsonData"]["timeInterval"] == shipped["global"]["scrape_interval"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0312, "percentunit", "3.12 %"),
        (0.0045, "s", "4.5 ms"),
        (12.0, "s", "12 s"),
        (0.0001, "s", "100 us"),
        (268435456.0, "bytes", "268 MB"),
        (132.4, "reqps", "132 req/s"),
        (2.5, "suffix: /s", "2.5 /s"),
        (1.0, "bool_yes_no", "Yes"),
        (1e-8, "sci", "1e-08"),
        (25341.0, "short", "25.3 k"),
    ],
)
def test_a_drawn_value_has_the_unit_of_its_panel(value: float, unit: str, text: str) -> None:
    assert text_of(value, unit) == text


def test_a_planted_edit_by_hand_is_found() -> None:
    texts = dict(generate.texts())
    file = next(iter(texts))

    assert texts[file].replace("turnout_inference_requests_total", "turnout_requests_total") != file.read_text("utf-8")
