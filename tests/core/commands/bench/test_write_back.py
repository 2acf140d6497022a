"""Writing of what a run recommends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout import Configuration, ConfigurationRequest, ModelDeclaration, Options, Repository
from turnout.commands.bench.recommendation import Recommendation
from turnout.commands.bench.write_back import Written, check_writable, write_recommendation
from turnout.errors import ConfigurationError, ExportError, UnknownNameError
from turnout.plugins.discovery import Plugins
from turnout.settings import load_settings
from turnout.testing import PlusOne

SETTINGS = """\
# the models
models:
  m:
    backend: b        # <- the one line
    max_batch_size: 8   # rows
    backends:
      b: {}  # here
"""

Write = Callable[..., Written]


@pytest.fixture
def write(tmp_path: Path, plugins_with: Any, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return a function that writes a recommendation into turnout.yaml."""
    monkeypatch.chdir(tmp_path)

    def run(text: str = SETTINGS, configure: Any = None, **recommended: Any) -> Written:
        file = tmp_path / "turnout.yaml"
        file.write_text(text, "utf-8")
        (tmp_path / "model_repository" / "m" / "1").mkdir(parents=True, exist_ok=True)
        kinds = [] if configure is None else [repository(configure)]
        plugins = plugins_with({"b": PlusOne}, repositories=kinds)
        monkeypatch.setattr("turnout.commands.bench.write_back.find_plugins", lambda: plugins)
        return write_recommendation(Path("turnout.yaml"), "m", Recommendation("x", **recommended))

    return run


def repository(configure: Callable[[ConfigurationRequest], Configuration]) -> Repository:
    def locate(model: ModelDeclaration, options: object) -> Path:
        return model.folder / "model_repository" / model.name

    return Repository("kept", "b", locate, configure, lambda _: (), lambda *_: ())


def as_text(request: ConfigurationRequest) -> Configuration:
    return Configuration({"config.txt": repr(request.model.dynamic_batching).encode()}, notes=("as asked",))


def text() -> str:
    return Path("turnout.yaml").read_text("utf-8")


def test_batching_is_written_below_the_batch_size_and_comments_stay(write: Write) -> None:
    written = write(batching=True)

    assert text() == SETTINGS.replace("# rows\n", "# rows\n    dynamic_batching: {}\n")
    assert "+    dynamic_batching: {}" in written.diff


def test_a_delay_is_written_into_what_is_there(write: Write) -> None:
    given = SETTINGS.replace("# rows\n", "# rows\n    dynamic_batching: {max_queue_delay_microseconds: 5000}  # merge\n")

    write(given, delay=0)

    assert text() == given.replace("5000", "0")


@pytest.mark.parametrize(
    ("there", "after"),
    [
        ("{}", "{max_queue_delay_microseconds: 7}"),
        ("{ }", "{max_queue_delay_microseconds: 7 }"),
        ("{preserve_ordering: true}", "{max_queue_delay_microseconds: 7, preserve_ordering: true}"),
    ],
)
def test_a_delay_is_written_into_a_mapping_in_brackets(write: Write, there: str, after: str) -> None:
    given = SETTINGS.replace("# rows\n", f"# rows\n    dynamic_batching: {there}  # merge\n")

    write(given, delay=7)

    assert text() == given.replace(f"{there}  # merge", f"{after}  # merge")


def test_a_delay_is_written_with_batching_if_there_is_none(write: Write) -> None:
    write(batching=True, delay=250)

    assert "    dynamic_batching: {max_queue_delay_microseconds: 250}\n" in text()


@pytest.mark.parametrize(
    "lines", ["    dynamic_batching: {}\n", "    dynamic_batching:\n      max_queue_delay_microseconds: 5\n"]
)
def test_batching_is_removed(write: Write, lines: str) -> None:
    write(SETTINGS.replace("# rows\n", f"# rows\n{lines}"), batching=False)

    assert text() == SETTINGS


def test_the_configuration_of_the_repository_is_written_too(write: Write) -> None:
    written = write(configure=as_text, batching=True)

    assert written.configuration == ("model_repository/m/config.txt",)
    assert "DynamicBatching(" in Path("model_repository/m/config.txt").read_text("utf-8")
    assert written.notes == ("as asked",)
    assert [word for word, _ in written.lines("m")][-3:] == ["wrote", "note", "note"]


def test_a_configuration_that_cannot_be_written_is_a_note(write: Write) -> None:
    def refuse(request: ConfigurationRequest) -> Configuration:
        raise ExportError("it is written by hand")

    written = write(configure=refuse, batching=True)

    assert "dynamic_batching" in text()
    assert written.notes == ("the configuration in model_repository/m was not written: it is written by hand",)


def test_without_a_plugin_for_the_repository_a_note_says_what_to_install(write: Write) -> None:
    [note] = write(batching=True).notes

    assert "no installed plugin writes it" in note


def test_what_is_there_already_is_not_written_again(write: Write) -> None:
    given = SETTINGS.replace("# rows\n", "# rows\n    dynamic_batching: {}\n")

    written = write(given, as_text, batching=True)

    assert (written.diff, written.configuration) == ("", ())
    assert [*written.lines("m")] == [("note", "turnout.yaml has the settings that are recommended for m already")]


def test_a_file_that_would_be_wrong_is_unchanged(write: Write) -> None:
    given = SETTINGS.replace("    max_batch_size: 8   # rows\n", "")

    with pytest.raises(ConfigurationError, match=r"would make 'turnout.yaml' wrong, so it is unchanged: .*max_batch_size"):
        write(given, batching=True)
    assert text() == given


def test_a_value_over_several_lines_is_not_edited(write: Write) -> None:
    lines = "    dynamic_batching:\n      max_queue_delay_microseconds: >-\n        5\n"
    given = SETTINGS.replace("# rows\n", f"# rows\n{lines}")

    with pytest.raises(ConfigurationError, match=r"cannot tune model 'm' in turnout.yaml:3: .* several lines; put it on one"):
        write(given, delay=0)
    assert text() == given


def test_what_cannot_be_edited_is_known_before_the_run(tmp_path: Path) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_text(SETTINGS)

    check_writable(file, "m")
    with pytest.raises(UnknownNameError, match="unknown model 'n'"):
        check_writable(file, "n")


@pytest.mark.parametrize(
    ("options", "after"),
    [
        ("{path: a, threads: 1}", "{instance_group: [{kind: KIND_CPU, count: 2}], path: a, threads: 1}"),
        (
            "{path: a, instance_group: [{kind: KIND_CPU, count: 1}], threads: 1}  # here",
            "{path: a, instance_group: [{kind: KIND_CPU, count: 2}], threads: 1}  # here",
        ),
    ],
)
def test_instances_are_written_into_the_options_of_the_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, after: str
) -> None:
    from tests.core.commands.bench.test_batching import plugins_of

    from turnout import Backend
    from turnout.plugins.instances import InstanceGroup

    class SessionOptions(Options):
        path: str
        threads: int
        instance_group: tuple[InstanceGroup, ...] = ()

    plugins: Plugins = plugins_of([Backend("b", lambda *_: PlusOne(), SessionOptions)], monkeypatch)
    monkeypatch.setattr("turnout.commands.bench.write_back.find_plugins", lambda: plugins)
    file = tmp_path / "turnout.yaml"
    file.write_text(SETTINGS.replace("{}  # here", options))

    write_recommendation(file, "m", Recommendation("x", instances=2))

    assert file.read_text() == SETTINGS.replace("{}  # here", after)
    assert load_settings(file, registry=plugins).model("m").options["b"].model_dump()["instance_group"][0]["count"] == 2
