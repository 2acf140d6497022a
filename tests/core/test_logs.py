"""TURNOUT_LOG: lines as text or JSON on stderr, for a program that configures no logging."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from turnout import logs
from turnout.errors import ConfigurationError, MissingDependencyError

WARNS = "import logging; logging.getLogger('turnout.middleware.fallback').warning('over\\x1b[31m\\nthere'); "
OPENS = "import turnout; turnout.open({'models': {}}).close(); "
FAILS = """
try:
    raise ValueError('https://user:s3cretword@host/')
except ValueError:
    logging.getLogger('turnout.x').exception('failed')
"""


def run(program: str, value: str | None, *first: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({} if value is None else {"TURNOUT_LOG": value})}
    command = [sys.executable, *first, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_json_is_one_object_a_line() -> None:
    pytest.importorskip("pythonjsonlogger")

    [line] = run(OPENS + WARNS, "json").stderr.splitlines()

    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {"level": "WARNING", "logger": "turnout.middleware.fallback", "message": "over\\x1b[31m there"}


def test_a_life_event_in_json_has_the_model_and_the_backend() -> None:
    pytest.importorskip("pythonjsonlogger")
    event = "from turnout.resilience.circuit_log import CircuitLog; CircuitLog('m', 'triton').opened('circuit open')"

    [line] = run(OPENS + event, "json").stderr.splitlines()

    found = json.loads(line)
    assert (found["model"], found["backend"], found["message"]) == ("m", "triton", "circuit open")


def test_a_traceback_in_json_has_no_secret() -> None:
    pytest.importorskip("pythonjsonlogger")

    [line] = run(OPENS + "import logging\n" + FAILS, "json").stderr.splitlines()

    assert "Traceback (most recent call last):" in json.loads(line)["exc_info"]
    assert "ValueError: https://***@host/" in json.loads(line)["exc_info"]
    assert "s3cretword" not in line


def test_text_has_the_time_the_level_and_the_logger() -> None:
    [line] = run(OPENS + WARNS, "text").stderr.splitlines()

    assert line.partition(" ")[2] == "WARNING turnout.middleware.fallback: over\\x1b[31m there"


@pytest.mark.parametrize(
    ("value", "lines"), [("info", 1), ("text,info", 1), ("warning", 0), (" INFO , text", 1), ("", 0), (None, 0)]
)
def test_a_level_chooses_the_lines(value: str | None, lines: int) -> None:
    ran = run(OPENS + "import logging; logging.getLogger('turnout.serving.opening').info('opening')", value)

    assert (ran.returncode, len(ran.stderr.splitlines())) == (0, lines)


def test_the_lines_of_a_plugin_are_written_too() -> None:
    assert set(logs.packages()) >= {"turnout"}


def test_lines_are_written_once_with_two_apps() -> None:
    assert len(run(OPENS + OPENS + WARNS, "text").stderr.splitlines()) == 1


@pytest.mark.parametrize("value", ["jsn", "json,verbose", ",", "\x1b[31m" + "x" * 10_000])
def test_another_value_is_one_clear_error(value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        logs.obey_variable({"TURNOUT_LOG": value})

    assert "known: text, json, debug, info, warning, error" in str(caught.value)
    assert str(caught.value).isprintable()
    assert not logs.is_on()


def test_a_program_that_configures_logging_keeps_its_own_lines() -> None:
    configures = "import logging; logging.basicConfig(format='own %(message)s'); "

    lines = run(configures + OPENS + WARNS, "json").stderr.splitlines()

    assert lines == [
        "own TURNOUT_LOG has no effect: this program configures logging itself; use turnout.logs.json_formatter there",
        "own over\\x1b[31m there",
    ]


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pythonjsonlogger.json", None)

    with pytest.raises(MissingDependencyError, match="pip install python-json-logger"):
        logs.json_formatter()


def test_the_formatter_serves_a_configuration_of_logging(capsys: Any) -> None:
    pytest.importorskip("pythonjsonlogger")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logs.json_formatter())
    logger = logging.getLogger("turnout.test_logs")
    logger.addHandler(handler)

    logger.warning("model %r: x", "m")

    logger.removeHandler(handler)
    assert json.loads(capsys.readouterr().err)["message"] == "model 'm': x"


def test_a_command_prints_a_warning_as_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "turnout.yaml").write_text("models: {}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TURNOUT_CONFG", "1")

    ran = run("from turnout.cli import main; main(['models'])", "text")

    assert (ran.returncode, ran.stderr.count("TURNOUT_CONFG has no effect")) == (0, 1)
