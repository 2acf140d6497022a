from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.errors import ConfigurationError, SettingsError, UnknownNameError
from turnout.settings import Registry, switch_backend
from turnout.settings.document.parse import parse
from turnout.settings.edit.backend import BackendSwitch

FILE = """\
# before
models:
  other: {backend: direct, backends: {direct: {}}}
  m:   # the one
    # about the size
    max_batch_size: 8
    backend:   direct   # <- this line
    backends:
      direct: {}
      triton: {url: 'x'}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "turnout.yaml"
    file.write_bytes(FILE.encode())
    return file


def switched(file: Path, text: str, backend: str = "triton") -> str:
    """Write ``text``, switch its model ``m`` and return the new text."""
    file.write_bytes(text.encode())
    switch_backend(file, "m", backend)
    return file.read_bytes().decode()


def test_one_word_changes_and_nothing_else(file: Path) -> None:
    change = switch_backend(file, "m", "triton")

    assert file.read_text() == FILE.replace("backend:   direct   #", "backend:   triton   #")
    assert (change.before, change.after, change.line) == ("direct", "triton", 7)
    assert "-    backend:   direct   # <- this line\n+    backend:   triton   # <- this line" in change.diff
    assert str(change).startswith(f"{file}:7: model 'm' was on 'direct', is on 'triton' now\n---")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("backend: 'direct'", "backend: 'triton'"),
        ('"backend" : "direct"', '"backend" : "triton"'),
        ("backend: ${INFERENCE_BACKEND:-direct} # c", "backend: triton # c"),
        ("backend:\n      direct", "backend:\n      triton"),
        ("backend:", "backend: triton"),
        ("? backend\n    :", "? backend\n    : triton"),
        ("backend: # none yet", "backend: triton # none yet"),
    ],
)
def test_quotes_spaces_and_comments_stay(file: Path, before: str, after: str) -> None:
    assert switched(file, FILE.replace("backend:   direct   # <- this line", before)) == FILE.replace(
        "backend:   direct   # <- this line", after
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "models:\n  m:  # c\n\n    # d\n    backends: {triton: }\n",
            "models:\n  m:  # c\n    backend: triton\n\n    # d\n    backends: {triton: }\n",
        ),
        ("models:\r\n m:\r\n   backends: {triton: }", "models:\r\n m:\r\n   backend: triton\r\n   backends: {triton: }"),
        ("models: {m: { backends: {triton: }}} # x\n", "models: {m: {backend: triton,  backends: {triton: }}} # x\n"),
        ("models:\n  m: {\n    backends: {triton: }}\n", "models:\n  m: {backend: triton, \n    backends: {triton: }}\n"),
        (
            "\ufeffmodels:\n  m:\n    backends: {triton: }\n",
            "\ufeffmodels:\n  m:\n    backend: triton\n    backends: {triton: }\n",
        ),
    ],
)
def test_a_model_without_the_line_gets_one(file: Path, before: str, after: str) -> None:
    assert switched(file, before) == after


def test_a_model_without_a_backend_is_reported(file: Path) -> None:
    file.write_text("models:\n  m:\n    backends: {triton: }\n")

    change = switch_backend(file, "m", "triton")

    assert change.before is None
    assert "model 'm' named no backend, is on 'triton' now" in str(change)


def test_a_replaced_variable_is_reported(file: Path) -> None:
    file.write_text(FILE.replace("direct   #", "${INFERENCE_BACKEND:-direct}   #"))

    change = switch_backend(file, "m", "triton")

    assert change.before == "${INFERENCE_BACKEND:-direct}"
    assert "was on '${INFERENCE_BACKEND:-direct}', is on 'triton' now" in str(change)


def test_a_name_that_yaml_would_not_read_as_text_gets_quotes(file: Path) -> None:
    text = "models:\n  m:\n    backends: {'1.5': {}}\n"

    assert switched(file, text, "1.5") == "models:\n  m:\n    backend: \"1.5\"\n    backends: {'1.5': {}}\n"


def test_a_file_that_needs_no_change_is_not_written(file: Path) -> None:
    before = file.stat()

    change = switch_backend(file, "m", "direct")

    assert change == BackendSwitch(str(file), "m", "direct", "direct", 7, "")
    assert str(change).endswith("model 'm' is already on 'direct'; the file is unchanged")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("text", "model", "backend", "message"),
    [
        (FILE, "mm", "triton", r"unknown model 'mm'; known: m, other\. Did you mean 'm'\? In .*turnout\.yaml"),
        ("metrics: {}\n", "m", "triton", "unknown model 'm'; known: none"),
        (FILE, "m", "tritn", r"no options for 'tritn'; it has: direct, triton\. Did you mean 'triton'\? Add 'tritn: "),
        ("models:\n  m: {backends: }\n", "m", "triton", "no options for 'triton'; it has: none"),
        (FILE.replace("direct   #", ">-\n      direct\n   #"), "m", "triton", "written over several lines; put it on one"),
        (FILE.replace("direct   #", "'direct\n\n     x'   #"), "m", "triton", "written over several lines; put it on one"),
        ("models:\n  ? m\n  : backends: {triton: }\n", "m", "triton", "its keys start on the line of its name"),
        (FILE + "models: {}\n", "m", "triton", "the key 'models' is already at"),
        ("models:\n  m:\n    ? backend # a:b\n    :\n    backends: {triton: }\n", "m", "triton", "cannot be edited in place"),
        ("models:\n  m: {backends: {triton: }, ? backend # a:b\n  }\n", "m", "triton", "cannot be edited in place"),
    ],
)
def test_a_file_that_cannot_be_edited_stays_unchanged(file: Path, text: str, model: str, backend: str, message: str) -> None:
    file.write_text(text)

    with pytest.raises((ConfigurationError, UnknownNameError), match=message):
        switch_backend(file, model, backend)

    assert file.read_text() == text
    assert list(file.parent.iterdir()) == [file]


def test_a_backend_that_no_plugin_provides_is_refused_with_a_registry(file: Path, registry: Registry) -> None:
    file.write_text(FILE.replace("triton:", "elsewhere:"))

    with pytest.raises(UnknownNameError, match="unknown backend 'elsewhere'"):
        switch_backend(file, "m", "elsewhere", registry=registry)

    assert switch_backend(file, "m", "elsewhere").after == "elsewhere"
    assert switch_backend(file, "m", "direct", registry=registry).after == "direct"


def test_a_broken_file_is_not_touched(file: Path) -> None:
    file.write_text("models: {m: 1\n")

    with pytest.raises(SettingsError):
        switch_backend(file, "m", "triton")

    assert file.read_text() == "models: {m: 1\n"


def test_a_file_that_cannot_be_written_is_one_clear_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("turnout.files.atomic.os.fsync", full)

    with pytest.raises(
        ConfigurationError, match=r"cannot write the settings file .*: No space left on device; the file is unchanged"
    ):
        switch_backend(file, "m", "triton")

    assert file.read_text() == FILE
    assert list(file.parent.iterdir()) == [file]


COMMENT = st.sampled_from(["", "  # note", "   # backend: onnxruntime", " # 東京 ☃", " #"])
LINE = st.sampled_from(["", "# a whole line", "   # indented: {", "#backend: x"])


@st.composite
def files(draw: st.DrawFn) -> tuple[list[str], str]:
    """Draw the lines of a file whose line ``backend`` is marked with ``@``, and its line ending."""
    outer, inner = " " * draw(st.integers(1, 5)), " " * draw(st.integers(1, 5))
    quote = draw(st.sampled_from(["", "'", '"']))
    keys = [f"{outer}{inner}max_batch_size: 4", f"{outer}{inner}backends: {{direct: {{}}, triton: }}"]
    keys.insert(draw(st.integers(0, 2)), f"{outer}{inner}backend: {quote}@{quote}")
    neighbour = [f"{outer}z: {{backend: direct, backends: {{direct: }}}}"]
    body = [f"{outer}m:", *keys]
    lines = ["models:", *(neighbour + body if draw(st.booleans()) else body + neighbour), "pipelines: {}"]
    decorated = [part for line in lines for part in (draw(LINE), line + draw(COMMENT))]
    return decorated, draw(st.sampled_from(["\n", "\r\n"]))


@settings(max_examples=60)
@given(files())
def test_only_that_line_differs_in_any_file(tmp_path_factory: pytest.TempPathFactory, drawn: tuple[list[str], str]) -> None:
    lines, ending = drawn
    before = ending.join(lines).replace("@", "direct").encode()
    file = tmp_path_factory.mktemp("edit") / "turnout.yaml"
    file.write_bytes(before)

    switch_backend(file, "m", "triton")

    assert file.read_bytes() == ending.join(lines).replace("@", "triton").encode()


@settings(max_examples=60)
@given(files())
def test_only_one_line_is_new_in_any_file_without_it(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[list[str], str]
) -> None:
    lines, ending = [line for line in drawn[0] if "@" not in line], drawn[1]
    file = tmp_path_factory.mktemp("edit") / "turnout.yaml"
    file.write_bytes(ending.join(lines).encode())

    change = switch_backend(file, "m", "triton")

    after = file.read_bytes().decode().split(ending)
    assert after[change.line - 1].strip() == "backend: triton"
    assert after[: change.line - 1] + after[change.line :] == lines
    assert parse(file.read_text(), "x").values["models"]["m"]["backend"] == "triton"
