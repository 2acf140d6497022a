"""The commands that only read or edit: models, plugins, schema, switch, init, export."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from turnout.plugins.discovery import PluginInfo


def test_models_are_listed_with_backend_others_and_inputs(cli: Any, settings_file: Path) -> None:
    ended = cli("models")

    assert (ended.code, ended.err) == (0, "")
    rows = [line.split() for line in ended.out.splitlines()]
    assert rows == [
        ["model", "backend", "others", "inputs"],
        ["first", "plus", "away", "x", "FP32", "[-1]"],
        ["second", "plus", "-", "-"],
    ]


def test_models_as_json(cli: Any, settings_file: Path) -> None:
    first, second = json.loads(cli("models", "--json").out)

    assert first == {
        "model": "first",
        "backend": "plus",
        "others": ["away"],
        "max_batch_size": 0,
        "inputs": {"x": "FP32 [-1]"},
        "outputs": {},
    }
    assert second["model"] == "second"


def test_models_of_a_wrong_file_is_a_configuration_error(cli: Any, settings_file: Path) -> None:
    settings_file.write_text("models: [1]\n")

    ended = cli("models", "--json")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[-1] == "next: turnout check"


def test_plugins_are_listed_with_their_declarations(cli: Any) -> None:
    ended = cli("plugins")

    [line] = [line for line in ended.out.splitlines() if line.startswith("cli_test")]
    assert (ended.code, ended.err) == (0, "")
    assert line.split(maxsplit=3) == [
        "cli_test",
        "turnout-cli-test",
        "2.5",
        (
            "backend plus, backend lost, backend away, backend kept, step look, step tell, export format text, "
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
    found = type("Found", (), {"infos": PLUGINS, "commands": dict})
    monkeypatch.setattr("turnout.plugins.discovery.find_plugins", found)
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


def test_the_schema_is_json_that_knows_the_plugins_options(cli: Any) -> None:
    ended = cli("schema")

    schema = json.loads(ended.out)
    assert (ended.code, ended.err) == (0, "")
    assert {"models", "pipelines", "backend"} <= set(schema["$defs"]["Settings"]["properties"])
    assert '"plus"' in ended.out
    assert '"look"' in ended.out


def test_switch_edits_the_one_line_and_keeps_every_comment(cli: Any, settings_file: Path) -> None:
    before = settings_file.read_text()

    ended = cli("switch", "first", "away")

    assert ended.code == 0
    assert "'first'" in ended.out
    assert ended.err == "next: turnout check --deep\n"
    assert settings_file.read_text() == before.replace(
        "    backend: plus    # the one line", "    backend: away    # the one line"
    )


def test_switching_an_unknown_model_or_to_an_unknown_backend_changes_nothing(cli: Any, settings_file: Path) -> None:
    before = settings_file.read_text()

    wrong_backend, wrong_model = cli("switch", "first", "awey"), cli("switch", "frst", "away")

    assert (wrong_backend.code, wrong_model.code, wrong_backend.out + wrong_model.out) == (2, 2, "")
    assert "Did you mean 'away'?" in wrong_backend.err
    assert "Did you mean 'first'?" in wrong_model.err
    assert wrong_model.err.splitlines()[-1].startswith("next: turnout ")
    assert settings_file.read_text() == before


def test_init_writes_a_file_and_refuses_to_overwrite_it(cli: Any) -> None:
    first = cli("init")
    written = Path("turnout.yaml").read_text()
    Path("turnout.yaml").write_text("mine")
    again, forced = cli("init"), cli("init", "--force")

    assert (first.code, first.out, first.err) == (0, "wrote turnout.yaml\n", "next: turnout check --config turnout.yaml\n")
    assert (again.code, again.out) == (2, "")
    assert "'turnout.yaml' exists; --force overwrites it" in again.err
    assert (forced.code, Path("turnout.yaml").read_text()) == (0, written)


def test_export_writes_a_version_and_prints_its_tensors(cli: Any, settings_file: Path) -> None:
    ended = cli("export", "first", "--format", "text")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "model_repository/first/1/model.txt: version 1, 5 bytes\nx FP32 [-1] -> y FP32 [-1]\n"
    assert Path("model_repository/first/1/model.txt").read_text() == "first"


def test_export_as_json(cli: Any, settings_file: Path) -> None:
    ended = cli("export", "first", "--format", "text", "--repository", "other", "--version", "4", "--json")

    assert json.loads(ended.out) == {
        "file": "other/first/4/model.txt",
        "version": 4,
        "bytes": 5,
        "proved": {},
        "configuration": [],
        "notes": [],
    }


def test_exporting_a_version_that_exists_fails(cli: Any, settings_file: Path) -> None:
    cli("export", "first", "--format", "text", "--version", "1")

    ended = cli("export", "first", "--format", "text", "--version", "1")

    assert (ended.code, ended.out) == (1, "")
    assert "error: version 1 of model 'first' exists" in ended.err
    assert ended.err.splitlines()[-1].startswith("next: turnout ")


def test_exporting_from_a_backend_that_cannot_be_reached_ends_with_3(cli: Any, settings_file: Path) -> None:
    ended = cli("export", "first", "--format", "remote")

    assert (ended.code, ended.out) == (3, "")
    assert ended.err == "error: connection refused at port 1\nnext: turnout check --deep\n"


def test_exporting_in_an_unknown_format_lists_the_known_ones(cli: Any, settings_file: Path) -> None:
    ended = cli("export", "first", "--format", "txet")

    assert (ended.code, ended.out) == (2, "")
    assert "unknown export format 'txet'" in ended.err
    assert "Did you mean 'text'?" in ended.err


def test_a_repository_that_cannot_be_written_is_one_clear_error(cli: Any, settings_file: Path) -> None:
    folder = Path("locked")
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    repository = folder if os.geteuid() else Path("/proc/nowhere")

    ended = cli("export", "first", "--format", "text", "--repository", str(repository))

    assert (ended.code, ended.out) == (1, "")
    assert "cannot be published in model repository" in ended.err


@pytest.fixture
def kept_file(settings_file: Path) -> Path:
    """Return a turnout.yaml with a model in a repository whose configuration a plugin keeps."""
    settings_file.write_text("models:\n  first:\n    backend: plus\n    backends: {plus: , kept: }\n")
    return settings_file


def test_export_writes_the_configuration_too_and_prints_its_notes(cli: Any, kept_file: Path) -> None:
    ended = cli("export", "first", "--format", "text")

    assert (ended.code, ended.err) == (0, "note: unchanged\n")
    assert ended.out.splitlines() == [
        "served/first/1/model.txt: version 1, 5 bytes",
        "x FP32 [-1] -> y FP32 [-1]",
        "served/first/config.txt",
    ]


def test_export_of_the_configuration_alone_writes_no_version(cli: Any, kept_file: Path) -> None:
    ended, as_json = cli("export", "first", "--config-only"), cli("export", "first", "--config-only", "--json")

    assert (ended.code, ended.out) == (0, "served/first/config.txt\n")
    assert [file.name for file in Path("served/first").iterdir()] == ["config.txt"]
    expected = {"folder": "served/first", "configuration": ["config.txt"], "notes": ["unchanged"]}
    assert json.loads(as_json.out) == expected


def test_a_configuration_alone_has_no_version(cli: Any, kept_file: Path) -> None:
    ended = cli("export", "first", "--config-only", "--version", "3")

    assert (ended.code, ended.out) == (2, "")
    assert "--config-only writes no version" in ended.err


def test_init_writes_the_models_of_a_repository_and_the_file_works(cli: Any) -> None:
    Path("repository").mkdir()

    ended = cli("init", "--from-repository", "repository")

    assert (ended.code, ended.out) == (0, "wrote turnout.yaml\n")
    text = Path("turnout.yaml").read_text()
    assert "  # tagged: has no labels\n  tagged:\n    max_batch_size: 2\n    backends:\n      kept: {}\n" in text
    assert '  "1":\n' in text
    assert '  "null":\n' in text
    assert "  # stateful: is a sequence model\n" in text
    assert cli("check").code == 0


def test_init_of_a_repository_that_is_not_there_writes_nothing(cli: Any) -> None:
    ended, both = cli("init", "--from-repository", "nowhere"), cli("init", "--from-repository", ".", __file__)

    assert (ended.code, both.code) == (2, 2)
    assert "there is no repository 'nowhere'" in ended.err
    assert "not both" in both.err
    assert not Path("turnout.yaml").exists()
