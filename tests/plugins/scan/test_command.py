"""``turnout scan`` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from tests.plugins.scan.marked import write_tree

from turnout_scan.command import scan as command
from turnout_scan.rules.all_rules import RULES

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs/reference/scan-report.schema.json").read_text("utf-8"))
BAD = "import torch\nnet = torch.jit.load('mask.pt')\ndef run(x): return net(x)\n"
GOOD = "import turnout\napp = turnout.open('turnout.yaml')\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path, {"bad/app.py": BAD, "good/app.py": GOOD, "broken/app.py": "def f(:\n", "empty/readme.txt": ""})
    return tmp_path


def scan(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_nothing_found_is_0_and_something_1() -> None:
    assert (scan("good").exit_code, scan("bad").exit_code, scan("good", "bad").exit_code) == (0, 1, 1)


def test_a_finding_has_its_place_why_and_the_change() -> None:
    out = scan("bad").stdout

    assert "bad/app.py:2:7: medium: load-at-import: torch.jit.load() runs when this module is imported\n  why     " in out
    assert '.model("net")' not in out  # a name that says nothing is not taken
    assert "            models:\n              mask:\n                backend: direct\n" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "nowhere"),
        ((), "PATH"),
        (("bad", "--rule", "direct-cal"), "Did you mean 'direct-call'"),
        (("empty",), "no Python file to scan in empty"),
        (("broken",), "no Python file to scan in broken"),
        (("bad", "--jsn"), "--json"),
    ],
)
def test_wrong_usage_is_2_with_one_line_and_a_good_scan_follows(arguments: tuple[str, ...], words: str) -> None:
    result = scan(*arguments)

    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert scan("good").exit_code == 0


NO_SOURCES = {
    "a binary file": (("bin.py",), "bin.py: it has NUL bytes: a binary file, or UTF-16"),
    "a syntax error": (("broken/app.py",), "broken/app.py: line 1: "),
    "a folder with one": (("broken",), "broken: broken/app.py: line 1: "),
    "an empty folder": (("empty",), "empty; give a file"),
    "no regular file": (("/dev/null",), "/dev/null: it is no regular file"),
    "many paths": (("empty",) * 5, "in empty, empty, empty and 2 more; give"),
}


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("name", NO_SOURCES)
def test_nothing_to_scan_is_one_line_and_a_good_scan_follows(name: str, as_json: tuple[str, ...], folder: Path) -> None:
    (folder / "bin.py").write_bytes(b"\x7fELF\x00\x01")
    paths, words = NO_SOURCES[name]

    result = scan(*paths, *as_json)

    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1), result.output
    assert result.stderr.startswith(f"Error: no Python file to scan in {paths[0]}")
    assert words in result.stderr
    assert result.stderr.endswith("; give a file or folder with Python sources\n")
    assert scan("good").exit_code == 0


def test_of_several_files_that_cannot_be_scanned_each_is_listed(folder: Path) -> None:
    (folder / "bin.py").write_bytes(b"\x7fELF\x00\x01")

    result = scan("broken", "bin.py")

    assert result.exit_code == 2
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == [
        "skipped broken/app.py",
        "skipped bin.py",
        "Error",
    ]
    assert ", and 1 more skipped; give" in result.stderr
    assert "found" not in result.output


def test_one_rule_can_be_chosen() -> None:
    result = json.loads(scan("bad", "--rule", "direct-call", "--json").stdout)

    assert {one["rule"] for one in result["found"]} == {"direct-call"}


def test_what_is_skipped_and_the_counts_go_to_stderr() -> None:
    result = scan("bad", "broken")

    assert "skipped broken/app.py: line 1: " in result.stderr
    assert "3 found (3 medium) in 1 file, 1 skipped" in result.stderr


def test_the_json_is_what_the_schema_says(folder: Path) -> None:
    cells = [{"cell_type": "code", "source": BAD.replace("'mask.pt'", "'a\\x1b'")}]
    (folder / "book.ipynb").write_text(json.dumps({"cells": cells}), "utf-8")
    (folder / "noted.py").write_text("import torch\nx = 1  # turnout: ignore[direct-cal]\n", "utf-8")

    for arguments in (["."], ["good"], ["bad", "--rule", "fixed-device"]):
        Draft202012Validator(SCHEMA).validate(json.loads(scan(*arguments, "--json").stdout))


@pytest.mark.parametrize("key", ["rule", "line", "change", "severity"])
def test_the_schema_refuses_a_planted_report(key: str) -> None:
    report: dict[str, Any] = json.loads(scan("bad", "--json").stdout)
    report["found"][0][key] = "planted" if key != "line" else 0

    assert not Draft202012Validator(SCHEMA).is_valid(report)


def test_the_schema_knows_every_rule() -> None:
    assert SCHEMA["$defs"]["found"]["properties"]["rule"]["enum"] == [rule.name for rule in RULES]


IGNORED = {
    "its line": "net = torch.jit.load('m.pt')  # turnout: ignore\n",
    "its rule": (
        "net = torch.jit.load('m.pt')  # loaded early: turnout: no\n"
        "net = torch.jit.load('m.pt')  # turnout: ignore[load-at-import, direct-call]\n"
    ),
    "the line above": "# turnout: ignore[load-at-import]\nnet = torch.jit.load('m.pt')\n",
    "the last line": "net = torch.jit.load(\n    'm.pt'\n)  # turnout: ignore\n",
    "the statement": "net = [  # turnout: ignore\n    torch.jit.load('m.pt')\n]\n",
    "the file": "net = torch.jit.load('m.pt')\n# turnout: ignore-file[load-at-import]\n",
    "the file, all rules": "# turnout: ignore-file\nnet = torch.jit.load('m.pt')\n",
}
NOT_IGNORED = {
    "another rule": "net = torch.jit.load('m.pt')  # turnout: ignore[direct-call]\n",
    "another line": "x = 1  # turnout: ignore\nnet = torch.jit.load('m.pt')\n",
    "a text": "net = torch.jit.load('# turnout: ignore')\n",
    "another rule of the file": "# turnout: ignore-file[direct-call]\nnet = torch.jit.load('m.pt')\n",
}


@pytest.mark.parametrize("name", IGNORED)
def test_a_comment_ignores(name: str, folder: Path) -> None:
    (folder / "bad/app.py").write_text("import torch\n" + IGNORED[name], "utf-8")

    result = json.loads(scan("bad", "--json", "--rule", "load-at-import").stdout)

    assert len(result["found"]) == (1 if name == "its rule" else 0)
    assert result["ignored"] == 1


@pytest.mark.parametrize("name", NOT_IGNORED)
def test_another_comment_does_not(name: str, folder: Path) -> None:
    (folder / "bad/app.py").write_text("import torch\n" + NOT_IGNORED[name], "utf-8")

    assert scan("bad", "--rule", "load-at-import").exit_code == 1


def test_a_comment_with_an_unknown_rule_is_noted(folder: Path) -> None:
    (folder / "good/app.py").write_text("import torch\nx = 1  # turnout: ignore[direct-cal]\n", "utf-8")

    result = scan("good")

    assert (
        "good/app.py:2: a comment ignores rule 'direct-cal', which does not exist. Did you mean 'direct-call'?" in result.stderr
    )
    assert result.exit_code == 0


def test_texts_of_strangers_drive_no_terminal(folder: Path) -> None:
    name = "\x1b]0;owned\x07.py"
    (folder / "bad" / name).write_text("import torch\nnet = torch.jit.load('a\\x1b[31m\\u202e')\n", "utf-8")
    (folder / "bad" / "\x9b31m.py").write_text("def f(:", "utf-8")

    result = scan("bad")

    assert not set(result.output) & {"\x1b", "\x07", "\x9b", "\u202e"}
    assert "owned" in result.stdout


def test_the_examples_of_the_help_parse() -> None:
    lines = [line.split()[2:] for line in str(command.epilog).splitlines() if line.startswith("  turnout scan")]

    assert len(lines) == 3
    for words in lines:
        command.make_context("scan", words)
    with pytest.raises(click.UsageError):
        command.make_context("scan", [".", "--deep"])


def test_turnout_has_the_command_and_an_error_of_it_in_json(folder: Path) -> None:
    turnout = Path(sys.executable).with_name("turnout")

    ran = subprocess.run([turnout, "scan", "good"], capture_output=True, text=True, check=False, timeout=60)
    failed = subprocess.run([turnout, "scan", "empty", "--json"], capture_output=True, text=True, check=False, timeout=60)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "nothing found in 1 file\n")
    assert (failed.returncode, json.loads(failed.stdout)["error"]["exit_code"]) == (2, 2)
