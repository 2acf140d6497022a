"""``turnout triton docker``: its output, word by word."""

from __future__ import annotations

import itertools
import shlex
import shutil

import pytest
from ruamel.yaml import YAML


def command_of(ran) -> list[str]:
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    return shlex.split(line)


def values(words: list[str], option: str) -> list[str]:
    return [value for word, value in itertools.pairwise(words) if word == option]


def test_the_command_mounts_the_repository_read_only_and_publishes_on_loopback(turnout, small_repository) -> None:
    words = command_of(turnout("docker", "--repository", small_repository))

    image = next(index for index, word in enumerate(words) if word.startswith("nvcr.io/nvidia/tritonserver:"))
    assert words[:3] == ["docker", "run", "--rm"]
    assert values(words[:image], "--volume") == [f"{small_repository}:/models:ro"]
    assert values(words[:image], "--publish") == [f"127.0.0.1:{port}:{port}" for port in (8000, 8001, 8002)]
    assert values(words[:image], "--shm-size") == ["1g"]
    assert "http://localhost:8000/v2/health/ready" in values(words[:image], "--health-cmd")[0]
    assert "--gpus" not in words
    assert words[image + 1 :] == ["tritonserver", "--model-repository=/models"]


def test_ports_gpus_models_and_tag_are_in_the_command(turnout, small_repository) -> None:
    given = ["--gpus", "device=0,1", "--grpc-port", 9001, "--model", "identity", "--tag", "25.12-py3", "--shared-memory"]
    words = command_of(turnout("docker", "--repository", small_repository, *given))

    assert values(words, "--gpus") == ['"device=0,1"']
    assert values(words, "--ipc") == ["host"]
    assert "127.0.0.1:9001:8001" in values(words, "--publish")
    assert "nvcr.io/nvidia/tritonserver:25.12-py3" in words
    assert words[-2:] == ["--model-control-mode=explicit", "--load-model=identity"]


def test_the_compose_file_is_equivalent(turnout, small_repository) -> None:
    ran = turnout("docker", "--compose", "--repository", small_repository, "--gpus", "2", "--http-port", 9000)

    service = YAML(typ="safe").load(ran.stdout)["services"]["triton"]
    assert service["command"] == ["tritonserver", "--model-repository=/models"]
    assert service["ports"] == ["127.0.0.1:9000:8000", "127.0.0.1:8001:8001", "127.0.0.1:8002:8002"]
    assert service["volumes"] == [{"type": "bind", "source": str(small_repository), "target": "/models", "read_only": True}]
    assert service["healthcheck"]["test"][:2] == ["CMD", "curl"]
    assert service["shm_size"] == "1gb"
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "capabilities": ["gpu"], "count": 2}


@pytest.mark.parametrize(("gpus", "devices"), [("all", {"count": "all"}), ("device=0,1", {"device_ids": ["0", "1"]})])
def test_gpus_in_the_compose_file(turnout, small_repository, gpus, devices) -> None:
    ran = turnout("docker", "--compose", "--repository", small_repository, "--gpus", gpus)

    service = YAML(typ="safe").load(ran.stdout)["services"]["triton"]
    assert service["deploy"]["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "capabilities": ["gpu"], **devices}
    ]


@pytest.mark.parametrize("gpus", ["some", "0", "device=", "device=0;rm"])
def test_invalid_gpus_are_refused(turnout, small_repository, gpus) -> None:
    ran = turnout("docker", "--repository", small_repository, "--gpus", gpus)

    assert ran.returncode == 2
    assert f"--gpus '{gpus}' is neither" in ran.stderr


def test_a_model_that_hosts_generate_needs_another_image(turnout, tmp_path) -> None:
    version = tmp_path / "repository" / "captions" / "1"
    version.mkdir(parents=True)
    (version / "model.py").touch()
    (version / "generate.json").write_text("{}")

    ran = turnout("docker", "--repository", tmp_path / "repository", "--tag", "25.12-py3")

    assert "model 'captions' hosts generate() in Python: build an image on 25.12-py3 with" in ran.stderr


def test_a_missing_repository_is_refused(turnout) -> None:
    ran = turnout("docker", "--repository", "nowhere")

    assert ran.returncode == 2
    assert "does not exist" in ran.stderr


def test_a_dollar_sign_in_a_path_is_no_variable_of_docker_compose(turnout, small_repository, tmp_path) -> None:
    folder = tmp_path / "${HOME} $x 'größe' #\U0001f600"
    shutil.copytree(small_repository, folder)

    ran = turnout("docker", "--compose", "--repository", folder)
    words = command_of(turnout("docker", "--repository", folder))

    (volume,) = YAML(typ="safe").load(ran.stdout)["services"]["triton"]["volumes"]
    assert volume["source"] == str(folder).replace("$", "$$")
    assert values(words, "--volume") == [f"{folder}:/models:ro"]


@pytest.mark.parametrize("name", ["a:b", "a\nservices: {}", "a\x1b[2J", "a\x9b", "a\u2028b", "a\udcff"])
def test_a_path_that_docker_or_a_terminal_reads_otherwise_is_refused(turnout, small_repository, tmp_path, name) -> None:
    folder = tmp_path / name
    shutil.copytree(small_repository, folder)

    for options in ([], ["--compose"]):
        ran = turnout("docker", *options, "--repository", folder)

        assert (ran.returncode, ran.stdout) == (2, "")
        assert "because its name has a colon or a character that cannot be printed" in ran.stderr
