from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout.errors import ConfigurationError, SettingsError
from turnout.plugins.discovery import Plugins
from turnout.settings import LoadedSettings, Registry, load_settings
from turnout.settings.document.source import MAX_LINE_LENGTH, MAX_LINES

Load = Callable[..., LoadedSettings]
Refuse = Callable[..., SettingsError]


def test_a_good_file_becomes_settings_and_validated_options(load: Load, good: str) -> None:
    loaded = load(good)

    assert loaded.settings.backend_of("blip") == "onnxruntime"
    assert loaded.settings.backend_of("birefnet") == "triton"
    assert loaded.settings.executor_threads == 4
    assert loaded.settings.metrics.latency_buckets_seconds == (0.01, 0.1, 1.0)
    assert loaded.backend_options["blip", "onnxruntime"].model_dump()["threads"] == 1
    assert set(loaded.backend_options) == {
        ("blip", "onnxruntime"),
        ("blip", "triton"),
        ("birefnet", "triton"),
        ("birefnet", "direct"),
    }
    assert [options.model_dump() for options in loaded.step_options.values()] == [
        {},
        {"model": "blip", "prompt": ""},
        {"model": "blip", "prompt": "a photo of"},
    ]
    assert list(loaded.step_options) == [("describe", "load_image"), ("describe", "caption"), ("describe", "caption_2")]


def test_written_options_have_variables_substituted_also_for_absent_plugins(load: Load, good: str) -> None:
    loaded = load(good, TRITON_URL="gpu:8001")

    assert loaded.written_options["blip"]["triton"] == {"url": "gpu:8001"}
    assert loaded.written_options["blip"]["elsewhere"] == {"anything": ["goes"]}
    assert loaded.written_options["birefnet"]["direct"] == {}


def test_the_environment_chooses_the_backend_of_models_that_name_none(load: Load, good: str) -> None:
    loaded = load(good, INFERENCE_BACKEND="triton")

    assert loaded.settings.backend_of("blip") == "triton"


def test_a_variable_may_stand_for_a_number(load: Load) -> None:
    assert load("executor_threads: ${THREADS:-3}\n").settings.executor_threads == 3
    assert load("executor_threads: ${THREADS:-3}\n", THREADS="7").settings.executor_threads == 7


def test_the_environment_of_this_process_is_the_default(monkeypatch: pytest.MonkeyPatch, registry: Registry) -> None:
    monkeypatch.setenv("SOME_THREADS", "9")

    assert load_settings({"executor_threads": "${SOME_THREADS}"}, registry=registry).settings.executor_threads == 9


def test_a_mapping_of_the_same_shape_gives_the_same_settings(load: Load, registry: Registry, tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "models": {"m": {"backend": "onnxruntime", "backends": {"onnxruntime": {"path": "m.onnx"}}}},
        "pipelines": {"p": ("load_image", {"caption": {"model": "m"}})},
    }

    loaded = load_settings(values, registry=registry)

    assert loaded.settings.backend_of("m") == "onnxruntime"
    assert loaded.folder == tmp_path or loaded.folder == Path.cwd()
    assert loaded.where("models", "m") == ""
    assert list(loaded.settings.steps_of("p")) == ["load_image", "caption"]


def test_a_mapping_is_copied(registry: Registry) -> None:
    values: dict[str, Any] = {"models": {"m": {"backend": "direct", "backends": {"direct": {}}}}}

    loaded = load_settings(values, registry=registry)
    values["models"]["m"]["backends"]["direct"]["class"] = "Other"

    assert loaded.written_options["m"]["direct"] == {}


def test_a_mapping_that_holds_itself_is_refused(refuse_mapping: Refuse) -> None:
    values: dict[str, Any] = {}
    values["models"] = values

    assert "nested more than 24 levels deep" in str(refuse_mapping(values))


def test_a_mapping_with_keys_that_are_not_text_is_refused(refuse_mapping: Refuse) -> None:
    assert "the key 5 is not text" in str(refuse_mapping({5: 1}))


def test_where_returns_file_and_line_of_the_nearest_key(load: Load, good: str) -> None:
    loaded = load(good)

    assert loaded.where("models", "birefnet", "backend") == "turnout.yaml:13"
    assert loaded.where("models", "birefnet", "backends", "onnxruntime") == "turnout.yaml:15"
    assert loaded.where() == "turnout.yaml:2"


def test_paths_in_options_start_at_the_folder_of_the_file(tmp_path: Path, registry: Registry) -> None:
    file = tmp_path / "deep" / "turnout.yaml"
    file.parent.mkdir()
    file.write_text("models: {}\n")

    loaded = load_settings(file, registry=registry)

    assert loaded.folder == file.parent
    assert loaded.source == str(file)


def test_loaded_settings_are_frozen_and_show_no_value(load: Load, good: str) -> None:
    loaded = load(good, TRITON_URL="s3cret-host:8001")

    assert "s3cret" not in repr(loaded) + repr(loaded.settings) + str(loaded.settings) + repr(loaded.settings.models["blip"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.folder = Path()  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        loaded.settings.executor_threads = 1  # type: ignore[misc]


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(
        ConfigurationError, match=r"cannot read the settings file .*: No such file or directory; 'turnout init'"
    ):
        load_settings(tmp_path / "turnout.yaml", registry=registry)


def test_an_empty_file_is_refused(refuse: Refuse) -> None:
    for text in ("", " \n\n", "\ufeff"):
        assert str(refuse(text)) == "turnout.yaml:1:1: the file is empty; 'turnout init' writes one that works"


def test_a_file_of_comments_only_is_refused(refuse: Refuse) -> None:
    for text in ("# to do\n", "---\n# nothing\n...\n", "null\n"):
        error = refuse(text)

        assert str(error).startswith("turnout.yaml:1:1: the file has no settings; write 'models:' there")
        assert error.next_step == "turnout init --force"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\n" + "#\n" * MAX_LINES, f"turnout.yaml:{MAX_LINES + 1}:1: more than {MAX_LINES} lines"),
        ("a: 1\nb: " + "x" * MAX_LINE_LENGTH, f"turnout.yaml:2:1: this line has {MAX_LINE_LENGTH + 3} characters;"),
    ],
)
def test_a_file_that_would_take_seconds_to_read_is_refused_before(text: str, problem: str, refuse: Refuse) -> None:
    assert str(refuse(text)).startswith(problem)


def test_a_mapping_that_contains_itself_many_times_is_refused(refuse_mapping: Refuse) -> None:
    values: dict[str, object] = {}
    for _ in range(20):
        values = {str(number): values for number in range(10)}

    assert "more than 10000 values" in str(refuse_mapping(values))
    assert "more than 1048576 characters" in str(refuse_mapping({"backend": "x" * 2_000_000}))


def test_values_without_a_text_are_described(refuse_mapping: Refuse) -> None:
    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError("no text")

    error = str(refuse_mapping({"executor_threads": 10**5000, "metrics": Silent(), 10**5000: 1}))

    assert "got a number of more than 60 digits" in error
    assert "got a Silent" in error
    assert "the key a number of more than 60 digits is not text" in error


def test_a_file_that_is_not_utf_8_is_refused_at_its_line(refuse: Refuse) -> None:
    assert str(refuse(b"# one\n# caf\xe9\n")) == "turnout.yaml:2:1: not UTF-8 here; save the file as UTF-8"
    assert "not UTF-8" in str(refuse("models: {}\n".encode("utf-16")))


def test_a_file_of_more_than_a_mebibyte_is_refused(refuse: Refuse) -> None:
    assert "larger than 1048576 bytes" in str(refuse("#" * (1 << 20) + "\n"))


def test_an_unused_backend_that_is_not_installed_is_no_problem(load: Load) -> None:
    text = "backend: elsewhere\nmodels: {m: {backend: direct, backends: {direct: {}, elsewhere: {x: 1}}}}\n"

    assert load(text).settings.backend_of("m") == "direct"


def test_options_of_an_unused_backend_are_checked_when_its_plugin_is_here(refuse: Refuse) -> None:
    error = refuse("models: {m: {backend: direct, backends: {direct: {}, onnxruntime: {pth: x}}}}\n")

    assert len(error.problems) == 2


def test_an_unknown_backend_at_the_top_is_one_problem_for_two_models(refuse: Refuse) -> None:
    error = refuse("backend: tritn\nmodels: {a: {backends: {tritn: {}}}, b: {backends: {tritn: {}}}}\n")

    assert len(error.problems) == 1


def test_the_plugins_are_a_registry() -> None:
    registry: Registry = Plugins([])

    with pytest.raises(SettingsError, match="unknown backend 'direct'; known: none"):
        load_settings({"models": {"m": {"backend": "direct", "backends": {"direct": {}}}}}, registry=registry)
