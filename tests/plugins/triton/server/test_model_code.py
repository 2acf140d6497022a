from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from turnout.errors import ConfigurationError
from turnout.files.fingerprint import fingerprint
from turnout.files.made_here import MADE_HERE
from turnout_triton.server import LocalServer, ServerOptions
from turnout_triton.server.model_code import check_code, code_of

ONNX = 'platform: "onnxruntime_onnx"\n'
PYTHON = 'backend: "python"\n'


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a model: its config.pbtxt, and files below its folder."""

    def write(config: str, *files: str, name: str = "m") -> Path:
        folder = tmp_path / name
        (folder / "1").mkdir(parents=True)
        if config:
            (folder / "config.pbtxt").write_text(config)
        for file in files:
            (folder / file).write_text("content")
        return folder

    return write


@pytest.mark.parametrize(
    ("config", "files"),
    [
        (ONNX, ["1/model.onnx"]),
        ("", ["1/model.onnx"]),
        (ONNX, ["1/model.onnx", "1/weights.bin", "labels.txt"]),
        ('platform: "ensemble"\nensemble_scheduling { step { model_name: "m" } }\n', []),
        (ONNX + 'parameters { key: "intra_op_thread_count" value { string_value: "1" } }\n', ["1/model.onnx"]),
    ],
)
def test_a_model_of_data_needs_no_word(model: Callable[..., Path], config: str, files: list[str]) -> None:
    assert code_of(model(config, *files)) == ""


@pytest.mark.parametrize(
    ("config", "files", "reason"),
    [
        (PYTHON, ["1/model.py"], "1/model.py is code"),
        ("", ["1/model.py"], "1/model.py is code"),
        ('platform: "pytorch_libtorch"\n', ["1/model.pt"], "1/model.pt is code"),
        ("", ["1/model.pt"], "1/model.pt is code"),
        ('platform: "tensorrt_plan"\n', ["1/model.plan"], "backend 'tensorrt' may run code"),
        ('backend: "mine"\n', ["1/model.onnx"], "backend 'mine' may run code"),
        ('backend: "../../tmp/mine"\n', ["1/model.onnx"], "may run code"),
        (ONNX, ["1/model.onnx", "1/libtriton_onnxruntime.so"], "'1/libtriton_onnxruntime.so' is a library"),
        (ONNX, ["1/model.onnx", "libtriton_onnxruntime.so.1"], "'libtriton_onnxruntime.so.1' is a library"),
        (ONNX + 'model_operations { op_library_filename: ["ops.so"] }\n', ["1/model.onnx"], "loads the library 'ops.so'"),
        (ONNX + 'model_repository_agents { agents [ { name: "a" } ] }\n', ["1/model.onnx"], "starts the agent 'a'"),
        (ONNX + 'runtime: "model.py"\n', ["1/model.onnx"], "has the runtime 'model.py'"),
        (ONNX + 'default_model_filename: "../../other/model.onnx"\n', ["1/model.onnx"], "outside of the model's folder"),
        (ONNX + 'default_model_filename: "/other/model.onnx"\n', ["1/model.onnx"], "outside of the model's folder"),
        (
            PYTHON + 'parameters { key: "EXECUTION_ENV_PATH" value { string_value: "/tmp/env" } }\n',
            ["1/model.py"],
            "parameter 'EXECUTION_ENV_PATH' of config.pbtxt names code",
        ),
    ],
)
def test_code_is_found_wherever_it_is(model: Callable[..., Path], config: str, files: list[str], reason: str) -> None:
    assert reason in code_of(model(config, *files))


def test_a_version_that_was_made_here_needs_no_word(
    model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = model(PYTHON, "1/model.py", "1/generate.json")
    MADE_HERE.add(fingerprint(folder / "1"))

    assert code_of(folder) == ""
    (folder / "1" / "generate.json").write_text('{"trust_remote_code": true}')
    assert code_of(folder) == "1/model.py is code"


def test_a_second_version_of_a_stranger_needs_a_word(
    model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = model(PYTHON, "1/model.py")
    MADE_HERE.add(fingerprint(folder / "1"))
    (folder / "2").mkdir()
    (folder / "2" / "model.py").write_text("content of a stranger")

    assert code_of(folder) == "2/model.py is code"


def test_the_refusal_has_the_option_to_write(model: Callable[..., Path], tmp_path: Path) -> None:
    model(PYTHON, "1/model.py")
    model(ONNX, "1/model.onnx", name="good")

    with pytest.raises(
        ConfigurationError, match=r"model 'm': 1/model\.py is code; if you made it or trust who did, add: --trust=m;"
    ):
        check_code(tmp_path, None, ())
    check_code(tmp_path, None, ("m",))
    check_code(tmp_path, None, True)
    check_code(tmp_path, ["good"], ())


def test_hidden_folders_and_the_models_of_an_ensemble_are_looked_at(model: Callable[..., Path], tmp_path: Path) -> None:
    model(PYTHON, "1/model.py", name=".hidden")
    with pytest.raises(ConfigurationError, match=r"model '\.hidden': 1/model\.py is code"):
        check_code(tmp_path, None, ())

    model(
        'platform: "ensemble"\nensemble_scheduling { step { model_name: ".hidden" } step { model_name: "all" } }\n', name="all"
    )
    with pytest.raises(ConfigurationError, match=r"model '\.hidden'"):
        check_code(tmp_path, ["all"], ())


def test_a_trusted_model_that_does_not_exist_gets_a_suggestion(model: Callable[..., Path], tmp_path: Path) -> None:
    model(PYTHON, "1/model.py", name="caption")

    with pytest.raises(ConfigurationError, match=r"--trust names 'captoin', which is no model .* Did you mean 'caption'\?"):
        check_code(tmp_path, None, ("captoin",))


def test_a_server_does_not_start_with_code_of_a_stranger(model: Callable[..., Path], tmp_path: Path) -> None:
    model(PYTHON, "1/model.py")

    with pytest.raises(ConfigurationError, match="--trust=m"):
        LocalServer(tmp_path, ServerOptions(grace_seconds=0)).start()
