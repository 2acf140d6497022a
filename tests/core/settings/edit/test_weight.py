from __future__ import annotations

from pathlib import Path

import pytest

from turnout.errors import ConfigurationError, UnknownNameError
from turnout.settings import Registry
from turnout.settings.document.parse import parse
from turnout.settings.edit.weight import switch_weight

FILE = """\
# before
models:
  other: {backend: direct, backends: {direct: {}}}
  m:   # the one
    # about the size
    max_batch_size: 8
    backend:   direct   # <- this line
    canary:
      # carefully
      backend: 'triton'  # the new one
      weight:   0.05     # slowly
      key: user
    backends:
      direct: {}
      triton: {url: 'x'}
      onnxruntime:
"""
WITHOUT = FILE[: FILE.index("    canary:")] + FILE[FILE.index("    backends:") :]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "turnout.yaml"
    file.write_bytes(FILE.encode())
    return file


def switched(file: Path, text: str, backend: str = "triton", weight: float = 0.1) -> str:
    """Write ``text``, give ``backend`` a share of model ``m``, and return the new text."""
    file.write_bytes(text.encode())
    switch_weight(file, "m", backend, weight)
    return file.read_bytes().decode()


def test_only_the_weight_changes(file: Path) -> None:
    change = switch_weight(file, "m", "triton", 0.1)

    assert file.read_text() == FILE.replace("weight:   0.05     #", "weight:   0.1     #")
    assert (change.before, change.weight, change.line) == (("triton", 0.05), 0.1, 11)
    assert str(change).startswith(
        f"{file}:11: 'triton' serves 0.1 of the requests of model 'm' now; before, 'triton' served 0.05\n---"
    )


def test_another_backend_replaces_the_canary(file: Path) -> None:
    assert switched(file, FILE, "onnxruntime", 0.5) == FILE.replace("'triton'  #", "'onnxruntime'  #").replace("0.05 ", "0.5 ")


def test_a_model_without_a_canary_gets_one_below_its_backend(file: Path) -> None:
    line = "    backend:   direct   # <- this line\n"

    assert switched(file, WITHOUT) == WITHOUT.replace(line, f"{line}    canary: {{backend: triton, weight: 0.1}}\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "models: {m: {backend: direct, canary: {backend: triton, weight: 0.2}, backends: {triton: }}} # x\n",
            "models: {m: {backend: direct, canary: {backend: triton, weight: 0.1}, backends: {triton: }}} # x\n",
        ),
        (
            "models: {m: {backend: direct, backends: {triton: }}}\n",
            "models: {m: {canary: {backend: triton, weight: 0.1}, backend: direct, backends: {triton: }}}\n",
        ),
        (
            "models:\r\n m:\r\n   backend: direct\r\n   backends: {triton: }",
            "models:\r\n m:\r\n   backend: direct\r\n   canary: {backend: triton, weight: 0.1}\r\n   backends: {triton: }",
        ),
        (
            "backend: direct\nmodels:\n  m:\n    backends: {triton: }\n    canary:\n",
            "backend: direct\nmodels:\n  m:\n    backends: {triton: }\n    canary: {backend: triton, weight: 0.1}\n",
        ),
        (
            "models:\n  m:\n    backends: {triton: }\n    backend: direct",
            "models:\n  m:\n    canary: {backend: triton, weight: 0.1}\n    backends: {triton: }\n    backend: direct",
        ),
        (
            "models:\n  m:\n    backends: {triton: }\n    canary:\n      backend: triton\n      key: u\n",
            "models:\n  m:\n    backends: {triton: }\n    canary:\n      backend: triton\n      weight: 0.1\n      key: u\n",
        ),
        (
            "\ufeffmodels:\n  m:\n    backends: {triton: }\n    canary: {weight: '${W}', backend: triton}\n",
            "\ufeffmodels:\n  m:\n    backends: {triton: }\n    canary: {weight: 0.1, backend: triton}\n",
        ),
    ],
)
def test_the_rest_of_any_file_stays(file: Path, before: str, after: str) -> None:
    assert switched(file, before) == after


@pytest.mark.parametrize("weight", [0, 1, 0.123456789, 1e-7])
def test_every_share_is_written_exactly(file: Path, weight: float) -> None:
    text = switched(file, FILE, weight=weight)

    assert parse(text, "x").values["models"]["m"]["canary"]["weight"] == weight


def test_a_file_that_needs_no_change_is_not_written(file: Path) -> None:
    before = file.stat()

    change = switch_weight(file, "m", "triton", 0.05)

    assert str(change).endswith("'triton' already serves 0.05 of the requests of model 'm'; the file is unchanged")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("text", "model", "backend", "weight", "message"),
    [
        (FILE, "mm", "triton", 0.1, r"unknown model 'mm'; known: m, other\. Did you mean 'm'"),
        (FILE, "m", "tritn", 0.1, r"no options for 'tritn'; .* Did you mean 'triton'\? Add 'tritn: "),
        (FILE, "m", "direct", 0.1, "'direct' already serves it; --weight gives a share to another backend"),
        (FILE, "m", "triton", 1.5, "a weight is a share from 0 to 1, got 1.5"),
        (FILE, "m", "triton", float("nan"), "a weight is a share from 0 to 1, got nan"),
        (FILE.replace("0.05 ", "&a 0.05 "), "m", "triton", 0.1, "turnout.yaml:11"),
        (
            FILE.replace("0.05     #", ">-\n        0.05\n     #"),
            "m",
            "triton",
            0.1,
            "its weight is written over several lines",
        ),
        (WITHOUT.replace("    backends:", "    canary: {}\n    backends:"), "m", "triton", 0.1, "edit it by hand"),
    ],
)
def test_a_file_that_cannot_be_edited_stays_unchanged(
    file: Path, text: str, model: str, backend: str, weight: float, message: str
) -> None:
    file.write_text(text)

    with pytest.raises((ConfigurationError, UnknownNameError), match=message):
        switch_weight(file, model, backend, weight)

    assert file.read_text() == text
    assert list(file.parent.iterdir()) == [file]


def test_a_backend_that_no_plugin_provides_is_refused_with_a_registry(file: Path, registry: Registry) -> None:
    file.write_text(FILE.replace("onnxruntime:", "elsewhere:"))

    with pytest.raises(UnknownNameError, match="unknown backend 'elsewhere'"):
        switch_weight(file, "m", "elsewhere", 0.1, registry=registry)

    assert switch_weight(file, "m", "triton", 0.1, registry=registry).weight == 0.1
