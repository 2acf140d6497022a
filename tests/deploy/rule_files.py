"""The rule files of deploy/prometheus, as they are read by these tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
from ruamel.yaml import YAML

FOLDER = Path(__file__).parents[2] / "deploy/prometheus"
FILES = sorted(FOLDER.glob("*.rules.yml"))


@dataclass(frozen=True)
class Rule:
    """A recording or an alerting rule: ``name`` is what it records, or the name of the alert."""

    name: str
    expression: str
    is_alert: bool
    raw: dict[str, Any]

    @property
    def annotations(self) -> dict[str, str]:
        return self.raw.get("annotations", {})


@dataclass(frozen=True)
class Selector:
    """A selector in an expression: the metric, and the values that its matchers name for each label."""

    metric: str
    matchers: dict[str, frozenset[str]]


def read_yaml(text: str) -> Any:
    """Return the value of a YAML document."""
    return YAML(typ="safe", pure=True).load(text)


def rules_in(text: str) -> list[Rule]:
    """Return the rules of the text of a rule file."""
    raw = [rule for group in read_yaml(text)["groups"] for rule in group["rules"]]
    return [Rule(rule.get("alert") or rule["record"], rule["expr"], "alert" in rule, rule) for rule in raw]


RULES = [rule for file in FILES for rule in rules_in(file.read_text("utf-8"))]
ALERTS = {rule.name: rule for rule in RULES if rule.is_alert}
RECORDED = {rule.name for rule in RULES if not rule.is_alert}


def selectors(expression: str) -> Iterator[Selector]:
    """Yield every selector of an expression."""
    for found in _nodes(expression, promql_parser.VectorSelector):
        matchers = {one.name: frozenset(str(one.value).split("|")) for one in found.matchers.matchers}
        yield Selector(found.name or matchers.pop("__name__").copy().pop(), matchers)


def labels_in(expression: str) -> set[str]:
    """Return every label of an expression: of matchers, of groupings and of joins."""
    grouped = {label for found in _nodes(expression, promql_parser.AggregateExpr) for label in _labels_of(found.modifier)}
    joined = re.findall(r"\b(?:on|ignoring|group_left|group_right)\s*\(([^)]*)\)", expression)
    named = {label.strip() for labels in joined for label in labels.split(",")} - {""}
    return grouped | named | {label for found in selectors(expression) for label in found.matchers}


def replace_expressions(text: str, change: Callable[[str], str]) -> str:
    """Return the text of a rule file with the expression of each alert changed."""

    def changed(found: re.Match[str]) -> str:
        return found[1] + change(found[2])

    return re.sub(r"(- alert: \w+\n +expr:)((?: .*\n)(?:(?! {8}\w).*\n)*)", changed, text)


def _labels_of(modifier: Any) -> list[str]:
    return [] if modifier is None else list(modifier.labels)


def _nodes(expression: str, kind: type) -> list[Any]:
    found: list[Any] = []

    def visit(node: object) -> None:
        if isinstance(node, kind):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found
