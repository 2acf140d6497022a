"""promtool's tests of the alerts: they pass, they cover each alert, and they fail for an alert with a bug."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.deploy.promtool import promtool
from tests.deploy.rule_files import ALERTS, FILES, FOLDER, read_yaml, replace_expressions, selectors

TESTS = sorted((FOLDER / "tests").glob("*.test.yml"))
QUIET = FOLDER / "tests/quiet.test.yml"
# Hours and days of data: these take as long as all others together.
LONG = [file for file in TESTS if file.stem in {"objectives.test", "slow_burns.test"}]
SHORT = [file for file in TESTS if file not in (QUIET, *LONG)]
ASKED = re.compile(r'ALERTS{alertname="(\w+)", alertstate="firing"}')
EXPECTED = re.compile(r'ALERTS{alertname="(\w+)", (?P<labels>.+)}')


@dataclass(frozen=True)
class Check:
    """One line of a test: whether an alert fires at a time, and the labels with which it does."""

    test: str
    alert: str
    minutes: float
    labels: tuple[frozenset[str], ...]


def checks(files: Sequence[Path]) -> Iterator[Check]:
    """Yield the checks of tests, but not those where no alert at all fires."""
    for file in files:
        for test in read_yaml(file.read_text("utf-8"))["tests"]:
            for one in test["promql_expr_test"]:
                if found := ASKED.fullmatch(one["expr"]):
                    samples = tuple(set_of_labels(sample["labels"]) for sample in one.get("exp_samples", ()))
                    yield Check(test["name"], found[1], float(one["eval_time"].removesuffix("m")), samples)


def set_of_labels(series: str) -> frozenset[str]:
    return frozenset(re.findall(r'(\w+)="', series)) - {"alertname", "alertstate", "severity"}


CHECKS = list(checks(TESTS))


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_promtools_tests_pass(file: Path) -> None:
    ran = promtool("test", "rules", file)

    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_tested_where_it_fires_before_and_after(alert: str) -> None:
    def complete(name: str) -> bool:
        of_test = [one for one in CHECKS if (one.test, one.alert) == (name, alert)]
        fired = [one.minutes for one in of_test if one.labels]
        silent = [one.minutes for one in of_test if not one.labels]
        return bool(fired and silent) and min(silent) < min(fired) and max(silent) > max(fired)

    assert any(complete(name) for name in {one.test for one in CHECKS if one.alert == alert})


def test_nothing_fires_for_healthy_apps_and_without_traffic() -> None:
    tests = {test["name"].partition(":")[0]: test for test in read_yaml(QUIET.read_text("utf-8"))["tests"]}

    for name in ("healthy", "no traffic"):
        series = "\n".join(one["series"] for one in tests[name]["input_series"])
        used = {
            one.metric for alert in ALERTS.values() for one in selectors(alert.expression) if not one.metric.startswith("job_")
        }
        missing = {metric for metric in used if not metric.startswith("model:") and f"{metric}{{" not in series}
        assert missing == set(), name
        assert all("exp_samples" not in one for one in tests[name]["promql_expr_test"]), name


@pytest.mark.parametrize("alert", ALERTS)
def test_the_texts_of_an_alert_use_only_labels_that_it_has(alert: str) -> None:
    used = set(re.findall(r"\$labels\.(\w+)", " ".join(ALERTS[alert].annotations.values())))
    [*has] = {labels for one in CHECKS if one.alert == alert for labels in one.labels}

    assert has
    assert all(used <= labels for labels in has)


# ---- planted bugs: each in every alert at once, since no alert depends on another


def misspell(expression: str) -> str:
    """Return an expression whose first metric has another name."""
    return re.sub(
        r"\b(?:(?:turnout|nv)_\w{3,}|up\b|job_model\w*:\w+:\w+|model:\w+:\w+)",
        lambda found: found[0] + "x",
        expression,
        count=1,
    )


def raise_thresholds(expression: str) -> str:
    """Return an expression that fires less: its thresholds doubled, and 0 and 1 out of reach."""
    return _thresholds(expression, lambda number: 1000 if number in (0, 1) else 2 * number)


def lower_thresholds(expression: str) -> str:
    """Return an expression that fires more: its thresholds halved, and counts of nothing enough."""
    return _thresholds(expression, lambda number: -1 if number == 0 else number / 2)


def _thresholds(expression: str, change: Callable[[float], float]) -> str:
    return re.sub(r"(?<=[>=] )(\d[\d.]*)\b", lambda found: f"{change(float(found[1])):g}", expression)


def dont_wait(text: str) -> str:
    """Return the text of a rule file whose alerts fire at once."""
    return re.sub(r"^ +for: \w+\n", "", text, flags=re.MULTILINE)


def failing(folder: Path, tests: Sequence[Path], change: Callable[[str], str]) -> set[str]:
    """Return the alerts whose tests fail when the text of the rule files is changed."""
    for file in FILES:
        (folder / file.name).write_text(change(file.read_text("utf-8")), "utf-8")
    (folder / "tests").mkdir()
    copies = [shutil.copy(file, folder / "tests") for file in tests]
    with ThreadPoolExecutor(2) as threads:
        ran = list(threads.map(lambda copy: promtool("test", "rules", copy), copies))
    output = "".join(one.stdout + one.stderr for one in ran).replace("\\", "")
    return set(re.findall(r'alertname="(\w+)"', output))


def alerts_of(tests: Sequence[Path]) -> set[str]:
    return {one.alert for one in checks(tests)}


@pytest.mark.parametrize("tests", [pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.campaign)])
@pytest.mark.parametrize("bug", [raise_thresholds, lower_thresholds])
def test_a_wrong_threshold_fails_the_tests_of_an_alert(tmp_path: Path, bug: Callable[[str], str], tests: list[Path]) -> None:
    changed = {name for name in alerts_of(tests) if bug(ALERTS[name].expression) != ALERTS[name].expression}

    missed = changed - failing(tmp_path, tests, lambda text: replace_expressions(text, bug))

    assert changed
    assert missed == set()


def test_a_misspelt_metric_fails_the_tests_of_an_alert(tmp_path: Path) -> None:
    assert alerts_of(SHORT) - failing(tmp_path, SHORT, lambda text: replace_expressions(text, misspell)) == set()


def test_an_alert_that_does_not_wait_fails_its_tests(tmp_path: Path) -> None:
    waiting = {name for name in alerts_of(SHORT) if "for" in ALERTS[name].raw}

    assert waiting - failing(tmp_path, SHORT, dont_wait) == set()


def test_every_alert_gets_a_bug() -> None:
    assert alerts_of(SHORT) | alerts_of(LONG) == ALERTS.keys()
    assert all(misspell(rule.expression) != rule.expression for rule in ALERTS.values())
