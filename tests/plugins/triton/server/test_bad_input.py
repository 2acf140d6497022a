"""Bad input: each is one clear error, and no process remains."""

from __future__ import annotations

import shlex
import shutil
import socket
import sys
from pathlib import Path

import pytest

from turnout.errors import BackendUnavailableError, ConfigurationError, MissingDependencyError, ModelLoadError
from turnout_triton.server import LocalServer, Ports, ServerOptions
from turnout_triton.server.installation import find_installation
from turnout_triton.server.plain_links import PlainLinks
from turnout_triton.server.private_environment import PrivateEnvironment, default_folder
from turnout_triton.server.servable_models import read_repository


def start(repository: Path, **options) -> None:
    with LocalServer(repository, ServerOptions(grace_seconds=0, **options)):
        raise AssertionError("it started")


def test_a_missing_repository_is_named(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=r"'.*nowhere' does not exist; write one with: turnout export"):
        start(tmp_path / "nowhere")


def test_a_file_is_not_a_repository(tmp_path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match="is a file"):
        start(tmp_path / "file")


def test_an_empty_repository_is_refused(tmp_path) -> None:
    (tmp_path / "no_model").mkdir()

    with pytest.raises(ConfigurationError, match="has no model"):
        start(tmp_path)


def test_an_unknown_model_is_named_with_the_nearest(small_repository) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown model 'identty'.*Did you mean 'identity'\? Correct --model"):
        start(small_repository, models=("identty",))


def test_a_config_that_cannot_be_read_is_named_with_its_line(tmp_path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.pbtxt").write_text('name: "m"\nmax_batch_size: many\n')

    with pytest.raises(ConfigurationError, match=r"config.pbtxt' cannot be read as a model config: 2:17"):
        start(tmp_path)


@pytest.mark.parametrize(("make", "text"), [(False, "does not exist"), (True, "cannot be executed")])
def test_a_binary_that_cannot_be_executed_is_named(small_repository, tmp_path, make, text) -> None:
    if make:
        (tmp_path / "triton").touch()

    with pytest.raises(ConfigurationError, match=f"--binary '.*triton' {text}"):
        start(small_repository, binary=tmp_path / "triton")


def test_a_port_in_use_is_named(small_repository) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"the grpc port {port} of '127.0.0.1' cannot be used"):
            start(small_repository, ports=Ports(grpc=port))


def test_the_old_core_stays_on_loopback(small_repository) -> None:
    with pytest.raises(ConfigurationError, match="predates the security fixes of August 2025 and stays on loopback"):
        start(small_repository, host="0.0.0.0")


def test_a_backend_that_the_wheel_lacks_is_named(tmp_path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.pbtxt").write_text('platform: "tensorrt_plan"\n')

    with pytest.raises(MissingDependencyError, match="model 'm' needs Triton's backend 'tensorrt'"):
        start(tmp_path, trust=True)


def test_each_model_that_cannot_be_loaded_is_named_with_its_reason(tmp_path, small_repository, own_server) -> None:
    good = small_repository / "identity"
    config, model = (good / "config.pbtxt").read_text(), (good / "1" / "model.onnx").read_bytes()
    cut, named, threads, misspelt = (tmp_path / name for name in ("cut", "named", "threads", "misspelt"))
    for folder, text, content in (
        (cut, config, model[: len(model) // 2]),
        (named, config.replace('name: "y"', 'name: "z"'), model),
        (threads, config.replace('string_value: "1"', 'string_value: "many"'), model),
        (misspelt, config.replace("max_batch_size", "max_batch_sise"), model),
    ):
        (folder / "1").mkdir(parents=True)
        (folder / "config.pbtxt").write_text(text)
        (folder / "1" / "model.onnx").write_bytes(content)

    with pytest.raises(ModelLoadError) as refused:
        start(tmp_path)

    message = str(refused.value)
    assert len(message.splitlines()) == 5
    assert max(map(len, message.splitlines())) <= 500
    assert "cannot load 4 of 4 models" in message.splitlines()[0]
    assert "model 'cut': " in message
    assert "At: /" not in message
    assert "model 'misspelt': its config.pbtxt has a field" in message
    assert '"max_batch_sise"' in message
    assert refused.value.next_step == "fix the model or its config.pbtxt, or serve the others with --model"
    assert "declares output 'z'; " in message
    assert "parameter 'intra_op_thread_count' cannot be 'many'" in message
    assert own_server().running


@pytest.fixture
def script(tmp_path, small_repository):
    """Return a function that writes a program: it runs shell commands of the test, then a real tritonserver."""
    environment = PrivateEnvironment(default_folder(), print)
    real = find_installation(read_repository(small_repository), None, environment, PlainLinks(), print)

    def write(before: str) -> Path:
        exports = [f"export {name}={shlex.quote(value)}" for name, value in real.variables.items()]
        program = shlex.join(["exec", str(real.binary), *real.arguments]) + ' "$@"'
        file = tmp_path / "tritonserver"
        file.write_text("\n".join(["#!/bin/sh", f"cd {shlex.quote(str(tmp_path))}", before, *exports, program, ""]))
        file.chmod(0o755)
        return file

    return write


def test_a_binary_of_ones_own_is_started(script, small_repository) -> None:
    with LocalServer(small_repository, ServerOptions(binary=script(""), grace_seconds=0)) as server:
        assert Path(f"/proc/{server.pid}/exe").readlink().name == "tritonserver"


def test_a_server_that_ends_at_once_is_reported_with_code_and_last_lines(script, small_repository) -> None:
    with pytest.raises(
        BackendUnavailableError, match=r"ended with exit code 7 before it was ready.*last lines: no licence today"
    ):
        start(small_repository, binary=script("echo no licence today >&2; exit 7"))


def test_a_binary_that_is_not_a_program_is_reported(small_repository, tmp_path) -> None:
    binary = tmp_path / "tritonserver"
    binary.write_bytes(b"\0\0")
    binary.chmod(0o755)

    with pytest.raises(BackendUnavailableError, match=r"exit code 126 before it was ready.*cannot be run: Exec format error"):
        start(small_repository, binary=binary)


def test_other_systems_than_linux_are_sent_to_docker(small_repository, monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(MissingDependencyError, match="turnout triton docker"):
        start(small_repository)


def test_a_server_that_is_never_ready_is_stopped_at_the_timeout(script, small_repository) -> None:
    with pytest.raises(BackendUnavailableError, match="was not ready within 1 s"):
        start(small_repository, binary=script("sleep 60"), ready_timeout_seconds=1)


@pytest.mark.parametrize("name", ["plain", "needs a link"])
def test_a_port_lost_in_a_race_is_replaced(script, small_repository, tmp_path, name) -> None:
    repository = shutil.copytree(small_repository, tmp_path / name)
    lost = (
        "[ -e again ] || { touch again; echo \"failed to start HTTP service: Socket '127.0.0.1:1' already in use\"; exit 1; }"
    )

    with LocalServer(repository, ServerOptions(binary=script(lost), grace_seconds=0)) as server:
        assert server.running


def test_a_requested_port_is_never_replaced(script, small_repository) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    failing = script("echo Socket already in use >&2; exit 1")

    with pytest.raises(BackendUnavailableError, match="already in use"):
        start(small_repository, binary=failing, ports=Ports(http=port))
