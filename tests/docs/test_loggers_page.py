"""The page about logs lists every logger of the sources with its levels, the events with their lines, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.docs.message_texts import LEVELS, ROOT, sources, templates

PAGE = ROOT / "docs" / "how-to" / "logs-and-health.md"
ROW = re.compile(r"^\| `(?P<name>turnout[\w.]*)` \| (?P<levels>[A-Z, ]+) \| .+ \|$", re.MULTILINE)


def loggers(files: list[Path]) -> dict[str, set[str]]:
    """Return the levels that each logger of the sources uses."""
    found: dict[str, set[str]] = {}
    for file in files:
        levels = {LEVELS[node.func.attr] for node in ast.walk(ast.parse(file.read_text("utf-8"))) if is_log_call(node)}
        if levels:
            parts = file.with_suffix("").parts
            found[".".join(parts[len(parts) - parts[::-1].index("src") :])] = levels
    return found


def is_log_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr in LEVELS and getattr(node.func.value, "id", "") == "logger"


def test_every_logger_is_on_the_page_with_its_levels() -> None:
    listed = {match["name"]: set(match["levels"].split(", ")) for match in ROW.finditer(PAGE.read_text("utf-8"))}

    assert listed == loggers(sources())


def test_each_line_of_an_event_is_in_the_sources() -> None:
    events = PAGE.read_text("utf-8").partition("| event | line |")[2].partition("\n\n")[0]
    lines = re.findall(r"`([^`]+)`", events)
    known = templates(sources())

    assert len(lines) > 8
    assert [line for line in lines if not known.have(line)] == []


def test_both_ends_of_a_version_folder_are_events() -> None:
    events = PAGE.read_text("utf-8").partition("| event | line |")[2].partition("\n\n")[0]

    assert "version ... serves now instead of ..." in events
    assert "version ... cannot be opened, version ... keeps serving" in events


def test_a_logger_that_is_not_on_the_page_is_found(tmp_path: Path) -> None:
    (tmp_path / "src" / "turnout").mkdir(parents=True)
    planted = tmp_path / "src" / "turnout" / "planted.py"
    planted.write_text("logger.exception('x')\nlogger.info('y')\n", "utf-8")

    assert loggers([planted]) == {"turnout.planted": {"ERROR", "INFO"}}
