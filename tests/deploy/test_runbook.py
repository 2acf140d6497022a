"""The page about the alerts has a section for each, and what it and the alerts suggest to type works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import promql_parser
import pytest
from tests.deploy.promtool import promtool
from tests.deploy.rule_files import ALERTS, Rule
from tests.deploy.test_rules import problems
from tests.docs.test_performance_page import check_command, check_script

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/answer-an-alert.md"
TEXT = PAGE.read_text("utf-8")
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))
QUERIES = re.findall(r"^```promql\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`((?:(?:turnout|promtool|curl|python|cp) [^`]+)|nvidia-smi)`|^\$ (.+)$", re.MULTILINE)
LABELS = {"model": "birefnet", "shadow": "triton", "to": "onnxruntime", "instance": "localhost:9464"}


def fill(text: str) -> str:
    """Return an annotation with values in place of the labels."""
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: LABELS.get(found[1], found[1]), text)


def commands(text: str) -> list[str]:
    return [span or line for span, line in SPAN.findall(fill(text))]


def problem(command: str) -> str:
    """Return the reason why a command cannot be typed; an empty text if it can."""
    program, *words = shlex.split(command, comments=True)
    if program == "turnout":
        return check_command(words)
    if program == "python":
        return check_script(words)
    known = {"promtool": {"check", "test"}, "curl": {"--fail"}, "nvidia-smi": {""}, "cp": {"deploy/prometheus/*.rules.yml"}}
    return "" if (words or [""])[0] in known[program] else f"{command} is not known here"


def anchors(text: str) -> list[str]:
    return re.findall(r"\]\(#([\w-]+)\)", text)


def test_each_alert_has_a_section_and_each_section_an_alert() -> None:
    assert sorted(SECTIONS) == sorted(ALERTS)


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS)
def test_the_runbook_of_an_alert_leads_to_its_section(alert: Rule) -> None:
    assert alert.annotations["runbook_url"] == f"{PAGE.relative_to(ROOT)}#{alert.name.lower()}"


def test_links_within_the_page_lead_to_a_section() -> None:
    assert anchors(TEXT)
    assert set(anchors(TEXT)) <= {name.lower() for name in SECTIONS}


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS)
def test_an_alert_and_its_section_say_what_to_type(alert: Rule) -> None:
    of_alert, of_section = commands(alert.annotations["action"]), commands(SECTIONS[alert.name])

    assert of_alert
    assert of_section
    assert [found for command in of_alert + of_section if (found := problem(command))] == []


def test_commands_that_cannot_be_typed_are_found() -> None:
    page = "`turnout status --loud` and `turnout mend birefnet`\n`promtool fix` `turnout switch {{ $labels.model }} --back`"

    assert [bool(problem(command)) for command in commands(page)] == [True, True, True, False]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_page_uses_only_what_exists(query: str) -> None:
    assert promql_parser.parse(query)
    assert problems(Rule("page", query, False, {})) == set()


def test_the_objectives_on_the_page_are_a_rule_file(tmp_path: Path) -> None:
    [block] = re.findall(r"^```yaml no-run\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    (tmp_path / "objectives.yml").write_text(block)

    checked = promtool("check", "rules", tmp_path / "objectives.yml")

    assert checked.returncode == 0, checked.stdout + checked.stderr
