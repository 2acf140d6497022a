"""``turnout plugins``."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from turnout.plugins.discovery import PluginInfo


def test_plugins_are_listed_with_their_declarations(cli: Any) -> None:
    ended = cli("plugins")

    [line] = [line for line in ended.out.splitlines() if line.startswith("cli_test")]
    assert (ended.code, ended.err) == (0, "")
    assert line.split(maxsplit=3) == [
        "cli_test",
        "turnout-cli-test",
        "2.5",
        (
            "backend plus, backend lost, backend away, backend kept, step look, step describe, export format text, "
            "export format remote, repository kept"
        ),
    ]


def test_plugins_as_json(cli: Any) -> None:
    rows = {row["plugin"]: row for row in json.loads(cli("plugins", "--json").out)}

    assert rows["cli_test"]["distribution"] == "turnout-cli-test 2.5"
    assert "backend plus" in rows["cli_test"]["brings"]
    assert rows["cli_test"]["error"] is None


def _install_broken(folder: Path) -> None:
    info = folder / "turnout_broken-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: turnout-broken\nVersion: 1\n", "utf-8")
    (info / "entry_points.txt").write_text("[turnout]\nbroken = turnout_broken\n", "utf-8")
    (folder / "turnout_broken.py").write_text("def fail():\n    raise RuntimeError('no such file')\n\n\nfail()\n", "utf-8")


def test_a_broken_plugin_is_listed_with_its_error(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install_broken(tmp_path / "broken")
    monkeypatch.syspath_prepend(str(tmp_path / "broken"))

    ended, rows = cli("plugins"), {row["plugin"]: row for row in json.loads(cli("plugins", "--json").out)}

    assert ended.code == 0
    assert "BROKEN: RuntimeError: no such file" in ended.out
    assert rows["broken"]["error"] == "RuntimeError: no such file"
    assert "traceback" not in rows["broken"]


PLUGINS = (
    PluginInfo("one", "turnout-one 1.0", brings=(("backend", "x"),)),
    PluginInfo("two", "turnout-two 2.0", "two plugins bring the backend 'x'", traceback=""),
    PluginInfo("bad", "turnout-bad 3.0", "RuntimeError: no", traceback="Traceback ...\nRuntimeError: no\n"),
)


@pytest.fixture
def plugins_command(cli: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return ``turnout plugins`` in an environment with a plugin, one in conflict with it, and a broken one."""
    found = SimpleNamespace(infos=PLUGINS, commands=dict)
    monkeypatch.setattr("turnout.plugins.discovery.find_plugins", lambda own_commands=(): found)
    return lambda *arguments: cli("plugins", *arguments)


def test_a_conflict_is_listed_and_the_traceback_is_offered(plugins_command: Any) -> None:
    ended = plugins_command()

    assert (ended.code, ended.err) == (0, "next: turnout plugins --traceback\n")
    assert [line.split(maxsplit=3)[0::3] for line in ended.out.splitlines()[1:]] == [
        ["one", "backend x"],
        ["two", "BROKEN: two plugins bring the backend 'x'"],
        ["bad", "BROKEN: RuntimeError: no"],
    ]


def test_the_traceback_of_a_broken_plugin_is_printed(plugins_command: Any) -> None:
    ended = plugins_command("--traceback")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("\nplugin 'bad' (turnout-bad 3.0):\nTraceback ...\nRuntimeError: no\n")
    assert ended.out.count("\nplugin ") == 1


def test_json_has_the_tracebacks_with_the_option_only(plugins_command: Any) -> None:
    rows = json.loads(plugins_command("--json", "--traceback").out)

    assert [row["traceback"] for row in rows] == ["", "", "Traceback ...\nRuntimeError: no\n"]
    assert all("traceback" not in row for row in json.loads(plugins_command("--json").out))
