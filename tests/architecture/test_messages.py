"""Every message of the sources, with a hostile text in each of its places, is one line that drives no terminal."""

from __future__ import annotations

import ast
import importlib
import inspect
import logging
import pkgutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hostile.hostile_texts import TEXTS

import turnout.errors
from turnout.errors import Problem, SettingsError, StepFailure, TurnoutError, one_line

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    file for file in ROOT.glob("**/src/turnout*/**/*.py") if "hosted" not in file.parts and ".venvs" not in file.parts
)
HOSTILE = "".join(text[:60] for text in TEXTS.values())
LONG = {
    "letters": "x" * 100_000,
    "words": "many words " * 10_000,
    "lines": "a line\n" * 10_000,
    "controls": "\x1b" * 100_000,
    "wide": "\u4e2d" * 100_000,
    "emoji": "\U0001f980" * 100_000,
    "marks": "e\u0301\u0302\u0303\u0304\u0305\u0306" * 10_000,
    "quotes": "\\'\"" * 30_000,
    "a url": "https://user:pass@host/" + "p" * 50_000 + "?token=" + "q" * 50_000,
    "just longer": "y" * 501,
}
LOGS = {"debug", "info", "warning", "error", "exception", "critical"}
# The one place that prints for the commands of the core, and those that print a text that went through ``shown``.
PRINTERS = {"process.py", "printing.py", "signals.py", "status_command.py", "plugins_command.py", "group.py", "options.py"}


def _classes() -> list[type[TurnoutError]]:
    found = {kind for kind in vars(turnout.errors).values() if inspect.isclass(kind) and issubclass(kind, TurnoutError)}
    return sorted(found, key=lambda kind: kind.__name__)


def _is_safe(text: str, longest: int = 500) -> bool:
    controls = [character for character in text if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    return not controls and len(text) <= longest


@pytest.mark.parametrize("text", [*TEXTS.values(), HOSTILE], ids=[*TEXTS, "all"])
def test_no_error_class_lets_a_text_through(text: str) -> None:
    for kind in _classes():
        error = SettingsError([Problem("", text)]) if kind is SettingsError else kind(text)

        assert _is_safe(str(error)), kind
        assert _is_safe(str(StepFailure("step", 1, error))), kind


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_no_error_and_no_log_line_is_longer_than_500_characters(text: str, caplog: pytest.LogCaptureFixture) -> None:
    foreign = one_line(ValueError(text))
    for kind in _classes():
        error = (
            SettingsError([Problem("turnout.yaml:1:2", text)]) if kind is SettingsError else kind(f"before: {text}; do this")
        )
        error.request_id = text
        assert len(str(error)) <= 500, kind
        assert len(str(StepFailure(text, 1, error))) <= 500, kind
    for values in ((text, text), (foreign, foreign), ("m", ValueError(text))):
        logging.getLogger("turnout.test").warning("model %r: %s", *values)
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("turnout.test").exception("model %r", text)

    lines = [line for record in caplog.records for line in (record.getMessage(), *(record.exc_text or "").splitlines())]
    assert len(lines) > 5
    assert all(len(line) <= 500 for line in lines)


def _calls() -> Iterator[tuple[Path, ast.Call, str]]:
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                function = node.func
                name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                yield file, node, name


def _filled(node: ast.expr) -> str | None:
    """Return the text of a literal or of an f-string, with a hostile text in each place of it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [_filled(node.left), _filled(node.right)]
        return "".join(part if part is not None else HOSTILE for part in parts)
    if not isinstance(node, ast.JoinedStr):
        return None
    texts = [repr(HOSTILE) if getattr(part, "conversion", -1) == ord("r") else _filled(part) for part in node.values]
    return "".join(HOSTILE if text is None else text for text in texts)


def test_every_place_that_raises_makes_a_safe_message() -> None:
    kinds = {kind.__name__: kind for kind in _classes() if kind is not SettingsError}
    raised = 0
    for file, call, name in _calls():
        text = _filled(call.args[0]) if name in kinds and call.args else None
        if text is not None:
            raised += 1
            assert _is_safe(str(kinds[name](text))), f"{file}:{call.lineno}"

    assert raised > 200


def test_every_log_call_makes_a_safe_line(caplog: pytest.LogCaptureFixture) -> None:
    logger, logged = logging.getLogger("turnout.test"), 0
    for file, call, name in _calls():
        if name not in LOGS or getattr(getattr(call.func, "value", None), "id", "") != "logger":
            continue
        template = _filled(call.args[0])
        assert template is not None, f"{file}:{call.lineno}"
        values = [1 if kind in "dfg" else HOSTILE for kind in _kinds(template)]
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            logger.warning(template, *values)
        logged += 1
        assert _is_safe(caplog.records[0].getMessage()), f"{file}:{call.lineno}"

    assert logged > 30


def _kinds(template: str) -> list[str]:
    import re

    return re.findall(r"%[-+.0-9]*([srdfgi])", template.replace("%%", ""))


def test_every_logger_is_one_whose_records_are_shown() -> None:
    for file, call, name in _calls():
        if name == "getLogger":
            [argument] = call.args
            named = getattr(argument, "id", None) == "__name__"
            assert named or file.name in ("stages.py", "log_records.py", "logs.py") or "turnout" not in ast.dump(argument), (
                f"{file}:{call.lineno}"
            )


def test_commands_of_the_core_print_in_one_place() -> None:
    for file, call, name in _calls():
        if file.parent.name == "cli" and name in ("echo", "secho", "print"):
            assert file.name in PRINTERS, f"{file}:{call.lineno} prints past cli/printing.py"


def test_no_source_prints_a_traceback_or_a_warning_itself() -> None:
    for file, call, name in _calls():
        assert name not in ("print_exc", "print_exception", "format_exc", "format_exception"), f"{file}:{call.lineno}"


def test_every_module_of_the_core_is_walked() -> None:
    package = importlib.import_module("turnout")
    modules = [info.name for info in pkgutil.walk_packages(package.__path__, "turnout.") if "hosted" not in info.name]

    assert len([file for file in SOURCES if "core" in file.parts]) >= len(modules)
