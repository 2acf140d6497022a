"""``turnout serve``: its first run, its lines, and wrong command lines."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tests.plugins.web.commands.conftest import Ended
from tests.plugins.web.demo_server import REPOSITORY

from turnout.errors import ConfigurationError
from turnout_web.commands.serve import serve as command

Serve = Callable[..., Ended]


def test_a_model_file_needs_no_settings_and_its_file_is_used_from_then_on(serve: Serve, folder: Path) -> None:
    first = serve("segmenter.onnx", "--port", "0")
    written = (folder / "turnout.yaml").read_text("utf-8")
    second = serve("segmenter.onnx", "--port", "0")
    third = serve("--port", "0")

    assert [first.code, second.code, third.code] == [0, 0, 0], first.err
    assert first.err.startswith("wrote 'turnout.yaml'; from now on this does the same: turnout serve\n")
    assert 'onnxruntime: {path: "segmenter.onnx"}' in written
    assert "preload: true" in written
    assert second.err.startswith("'turnout.yaml' is there, and is used\n")
    assert (folder / "turnout.yaml").read_text("utf-8") == written
    assert "models     segmenter\n" in third.out


def test_the_first_lines_name_the_page_and_a_command_to_try(serve: Serve) -> None:
    ended = serve("segmenter.onnx", "--port", "0", TURNOUT_SERVE_TOKEN="a-secret-of-the-test")

    page, models, pipelines, example = ended.out.splitlines()
    assert page.startswith("page       http://127.0.0.1:")
    assert (models, pipelines) == ("models     segmenter", "pipelines  none")
    assert example.startswith('example    curl -s -H "Authorization: Bearer $TURNOUT_SERVE_TOKEN" http://127.0.0.1:')
    assert "a-secret-of-the-test" not in ended.out + ended.err


def test_settings_that_serve_another_model_stay_as_they_are(serve: Serve, folder: Path) -> None:
    serve("segmenter.onnx", "--port", "0")
    before = (folder / "turnout.yaml").read_bytes()

    refused = serve("other.onnx", "--port", "0")
    beside = serve("other.onnx", "--port", "0", "--config", "other.yaml")

    assert refused.code == 2
    assert "'turnout.yaml' is there already and has no model of 'other.onnx'" in refused.err
    assert "turnout serve other.onnx --config other.yaml" in refused.err
    assert (folder / "turnout.yaml").read_bytes() == before
    assert beside.code == 0
    assert "wrote 'other.yaml'; from now on this does the same: turnout serve --config other.yaml" in beside.err


def test_a_model_repository_is_served_in_this_process(serve: Serve, folder: Path) -> None:
    shutil.copytree(REPOSITORY / "model_repository", folder / "models")

    ended = serve("models", "--port", "0")

    assert ended.code == 0, ended.err
    assert "models     birefnet, blip_caption, blip_vqa\n" in ended.out
    assert "\nbackend: onnxruntime\n" in (folder / "turnout.yaml").read_text("utf-8")


def test_a_folder_with_settings_is_served_by_them(serve: Serve, folder: Path) -> None:
    serve("segmenter.onnx", "--port", "0")
    (folder / "turnout.yaml").rename(folder / "empty/turnout.yaml")
    (folder / "segmenter.onnx").rename(folder / "empty/segmenter.onnx")

    assert "models     segmenter\n" in serve("empty", "--port", "0").out
    assert "models     segmenter\n" in serve("empty/turnout.yaml", "--port", "0").out
    both = serve("empty", "--config", "other.yaml")
    assert (both.code, "name one" in both.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("--config", "served"),
            "'served' is a folder; name the file in it\nnext: turnout serve --config served/turnout.yaml\n",
        ),
        (("--config", "empty"), "\nnext: turnout init --config empty/turnout.yaml\n"),
        ((), "'turnout.yaml' does not exist; write one with 'turnout init', or name a model: turnout serve model.onnx"),
        (("--config", "empty"), "'empty' is a folder; write one"),
        (("gone.onnx",), "there is no 'gone.onnx'; name a model file, a checkpoint folder or a turnout.yaml"),
        (("gone.yaml",), "'gone.yaml' does not exist"),
        (("empty",), "'empty' is no folder of models: a checkpoint has a config.json, a repository a folder for each model"),
        (("notes.txt",), "'notes.txt' is no model: the installed backends open files with the suffix .onnx"),
        (("void.onnx",), "'void.onnx' is empty; write the model there again"),
        (("checkpoint",), "'checkpoint' has a config.json: a checkpoint, and no installed backend opens one"),
        (("broken.onnx", "--port", "0"), "broken.onnx"),
    ],
    ids=str,
)
def test_a_wrong_source_is_one_line_with_a_next_step(serve: Serve, folder: Path, arguments: tuple[str, ...], line: str) -> None:
    (folder / "notes.txt").write_text("no model")
    (folder / "void.onnx").touch()
    (folder / "broken.onnx").write_bytes(b"\x08\x09no model")
    (folder / "checkpoint").mkdir()
    (folder / "served").mkdir()
    (folder / "served/turnout.yaml").write_text("models: {}")
    (folder / "checkpoint/config.json").write_text(json.dumps({"architectures": ["BertModel"]}))

    ended = serve(*arguments)

    assert ended.code == 2
    assert line in ended.err
    assert "\nnext: " in ended.err


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_model_that_cannot_be_opened_leaves_no_settings_behind(serve: Serve, folder: Path, workers: str) -> None:
    (folder / "text.onnx").write_text("not a model\n")
    (folder / "half.onnx").write_bytes((folder / "segmenter.onnx").read_bytes()[:5000])

    for name in ("text.onnx", "half.onnx"):
        refused = serve(name, "--port", "0", "--workers", workers)
        assert (refused.code, "wrote" in refused.err) == (2, False)
        assert not (folder / "turnout.yaml").exists()

    assert serve("segmenter.onnx", "--port", "0").code == 0


def test_a_port_in_use_leaves_no_settings_behind(serve: Serve, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert serve("segmenter.onnx", "--port", str(other.getsockname()[1])).code == 2

    assert not (folder / "turnout.yaml").exists()


def test_a_model_that_cannot_be_opened_leaves_settings_of_the_user_as_they_are(serve: Serve, folder: Path) -> None:
    serve("segmenter.onnx", "--port", "0")
    written = (folder / "turnout.yaml").read_bytes()
    (folder / "segmenter.onnx").write_text("not a model\n")

    assert serve("segmenter.onnx", "--port", "0").code == 2
    assert (folder / "turnout.yaml").read_bytes() == written


def test_missing_files_are_named_before_a_request_fails(serve: Serve, folder: Path) -> None:
    backends = "{backend: onnxruntime, backends: {onnxruntime: {path: %s}}}"
    models = {"first": "gone.onnx", "second": "lost", "third": "segmenter.onnx"}
    lines = [f"  {name}: {backends % path}\n" for name, path in models.items()]
    (folder / "turnout.yaml").write_text("models:\n" + "".join(lines))

    ended = serve("--port", "0")

    first, second, ready = ended.err.splitlines()
    assert first.startswith("warning: onnxruntime: model 'first': file ")
    assert "gone.onnx' does not exist; correct 'path'" in first
    assert second.startswith("warning: onnxruntime: model 'second': ")
    assert ready.startswith("ready")


def test_a_model_repository_needs_the_plugin_that_reads_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.plugins.discovery.Plugins.repositories", lambda _: [])
    monkeypatch.chdir(folder)
    shutil.copytree(REPOSITORY / "model_repository", folder / "models")

    ended = CliRunner().invoke(command, ["models"])

    assert isinstance(ended.exception, ConfigurationError)
    assert "no installed plugin reads model repositories; install one: " in str(ended.exception)
    assert "plugins/triton" in str(ended.exception)


def test_a_port_in_use_is_one_line_before_a_model_is_opened(serve: Serve, folder: Path) -> None:
    (folder / "turnout.yaml").write_text(
        "models: {m: {backend: onnxruntime, preload: true, backends: {onnxruntime: {path: gone}}}}"
    )
    with socket.create_server(("127.0.0.1", 0)) as other:
        ended = serve("--port", str(other.getsockname()[1]))

    assert ended.code == 2
    assert "another program listens there; stop it, or give another --port" in ended.err
    assert ended.err.count("\n") == 2
    assert ended.err.endswith("\nnext: turnout serve --port 0\n")


@pytest.mark.parametrize("arguments", [("--config", "my own.yaml"), ("-c", "my own.yaml"), ("my own.yaml",)], ids=str)
def test_the_next_step_keeps_the_settings_file(serve: Serve, folder: Path, arguments: tuple[str, ...]) -> None:
    (folder / "my own.yaml").write_text("models: {}")
    with socket.create_server(("127.0.0.1", 0)) as other:
        ended = serve(*arguments, "--port", str(other.getsockname()[1]))

    assert ended.code == 2
    assert ended.err.endswith("\nnext: turnout serve --port 0 --config 'my own.yaml'\n")


@pytest.mark.parametrize(
    ("arguments", "variables", "line"),
    [
        (["--host", "0.0.0.0"], {}, "set TURNOUT_SERVE_TOKEN, or add --without-token"),
        (["--host", "::"], {}, "is reached from other machines"),
        (["--host", "example.org"], {}, "is reached from other machines"),
        (["--token", "a b"], {}, "a token has printable ASCII characters without spaces"),
        ([], {"TURNOUT_SERVE_TOKEN": "caf\u00e9"}, "a token has printable ASCII characters without spaces"),
        (["--token", ""], {}, "one at least"),
        (["--host", "0.0.0.0", "--token", "abcde"], {}, "a token of 5 characters can be guessed; give one of 16 at least"),
        (["--host", "::"], {"TURNOUT_SERVE_TOKEN": "a" * 15}, "a token of 15 characters can be guessed"),
        ([], {"TURNOUT_SERVE_TOKEN": "a b"}, "Invalid value for 'TURNOUT_SERVE_TOKEN': a token has"),
        ([], {"TURNOUT_SERVE_MAX_BODY_BYTES": "abc"}, "Invalid value for 'TURNOUT_SERVE_MAX_BODY_BYTES': 'abc' is not"),
        ([], {"TURNOUT_SERVE_DRAIN": "nan"}, "Invalid value for 'TURNOUT_SERVE_DRAIN': nan is not"),
        ([], {"TURNOUT_SERVE_WORKERS": "0"}, "Invalid value for 'TURNOUT_SERVE_WORKERS': 0 is not"),
        (["--workers", "0"], {"TURNOUT_SERVE_WORKERS": "2"}, "Invalid value for '--workers' / '-w': 0 is not"),
        (["--workers", "0"], {}, "0 is not in the range"),
        ([], {"TURNOUT_SERVE_PORT": "x"}, "'x' is not a valid integer"),
        (["--port", "70000"], {}, "70000 is not in the range"),
        (["--drain", "nan"], {}, "nan is not a finite number of seconds"),
        (["--drain", "0"], {}, "0.0 is not in the range"),
        (["--max-body-bytes", "0"], {}, "0 is not in the range"),
        (["--allow-origin", "example.org"], {}, "'example.org' is no origin; write it as https://example.org"),
        (["--allow-origin", "https://example.org/page"], {}, "without a path"),
    ],
    ids=str,
)
def test_a_wrong_option_is_one_line(arguments: list[str], variables: dict[str, str], line: str) -> None:
    ended = CliRunner().invoke(command, arguments, env=variables)

    assert ended.exit_code == 2
    assert line in ended.output
    assert "caf\u00e9" not in ended.output
    assert "abcde" not in ended.output


def test_a_long_token_may_be_used_on_a_public_address(serve: Serve) -> None:
    ended = serve("segmenter.onnx", "--host", "0.0.0.0", "--port", "0", TURNOUT_SERVE_TOKEN="a" * 16)

    assert ended.code == 0, ended.err


def test_each_limit_has_an_option_and_a_variable() -> None:
    from turnout_web.settings import ServeSettings

    options = {one.name: one for one in command.params if isinstance(one, click.Option)}

    for name in ServeSettings.__slots__:
        assert name in options
        if name not in ("allow_origins", "allow_hosts"):
            assert str(options[name].envvar).startswith("TURNOUT_SERVE_")
