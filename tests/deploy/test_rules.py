"""The rules use only metrics, labels and values that exist, and each alert has what an operator needs."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest
from tests.deploy.promtool import promtool
from tests.deploy.rule_files import ALERTS, FILES, FOLDER, RECORDED, RULES, Rule, labels_in, selectors

from turnout.metrics import labels

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/metrics.md").read_text("utf-8")
ROW = re.compile(r"^\| `(?P<name>turnout_\w+)` \| (?P<kind>\w+) \| (?P<labels>[^|]*) \|", re.MULTILINE)
METRICS = {
    found["name"] + suffix: set(re.findall(r"`(\w+)`", found["labels"])) | extra
    for found in ROW.finditer(PAGE)
    for suffix, extra in (
        [("_bucket", {"le"}), ("_sum", set()), ("_count", set())] if found["kind"] == "histogram" else [("", set())]
    )
}
# Triton's, and those that Prometheus makes itself.
OTHERS = {
    "up": set(),
    "nv_inference_pending_request_count": {"model", "version"},
    "nv_gpu_memory_used_bytes": {"gpu_uuid"},
    "nv_gpu_memory_total_bytes": {"gpu_uuid"},
}
TARGET = {"job", "instance"}
CLOSED = {
    value
    for name, found in vars(labels).items()
    if isinstance(found, type) and issubclass(found, StrEnum) and found is not StrEnum
    for value in found
}
OPEN = {"model", "backend", "job", "le", "sha256"}


def problems(rule: Rule) -> set[str]:
    """Return what of a rule's expression does not exist."""
    used = [one for one in selectors(rule.expression) if one.metric not in RECORDED]
    known = METRICS | OTHERS
    found = {f"no metric {one.metric}" for one in used if one.metric not in known}
    for one in used:
        if one.metric in known:
            found |= {f"{one.metric} has no label {label}" for label in one.matchers.keys() - known[one.metric] - TARGET}
            closed = one.matchers.keys() & known[one.metric] - OPEN
            found |= {f"{label} is never {value}" for label in closed for value in one.matchers[label] - CLOSED}
    everywhere = TARGET.union(*known.values())
    return found | {f"no label {label}" for label in labels_in(rule.expression) - everywhere}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_promtool_accepts_a_file(file: Path) -> None:
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", file)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_promtool_accepts_the_configuration_with_all_files() -> None:
    checked = promtool("check", "config", FOLDER / "prometheus.yml")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("rules found") == len(FILES) == 4


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_uses_only_what_exists(rule: Rule) -> None:
    assert problems(rule) == set()


def test_planted_misspellings_are_found() -> None:
    expression = (
        'sum by (modle) (rate(turnout_inference_request_total[5m])) + turnout_refused_requests_total{reason="full_queue"}'
        ' / on (backends) group_left (lee) turnout_queue_depth{models="m"}'
    )

    assert problems(Rule("planted", expression, True, {})) == {
        "no metric turnout_inference_request_total",
        "reason is never full_queue",
        "turnout_queue_depth has no label models",
        "no label models",
        "no label modle",
        "no label backends",
        "no label lee",
    }


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS)
def test_an_alert_has_a_severity_texts_and_a_runbook(alert: Rule) -> None:
    assert alert.raw["labels"]["severity"] in {"critical", "warning", "info"}
    assert alert.annotations.keys() == {"summary", "description", "action", "runbook_url"}
    assert alert.annotations["description"].endswith(".")


def test_names_are_used_once() -> None:
    alerts = [rule.name for rule in RULES if rule.is_alert]

    assert len(set(alerts)) == len(alerts)
    assert all(re.fullmatch(r"(Turnout|Triton)[A-Z]\w+", name) for name in alerts)


def test_each_recording_rule_is_used_by_another_rule_or_by_a_dashboard() -> None:
    texts = [rule.expression for rule in RULES]
    texts += [file.read_text("utf-8") for file in (ROOT / "deploy/grafana").rglob("*.json")]

    unused = [name for name in RECORDED if not any(re.search(rf"\b{re.escape(name)}\b(?!:)", text) for text in texts)]

    assert unused == []
