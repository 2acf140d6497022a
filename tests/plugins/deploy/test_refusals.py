"""A wrong turnout.yaml or option is one clear line, writes nothing, and the next good command works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.plugins.deploy.conftest import Run

OPTIONS = ("kubernetes", "--out", "k8s", "--repository", "models")


def refused(deploy: Run, project: Path, *arguments: object) -> str:
    done = deploy(*arguments)

    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "k8s").exists()
    return done.stderr


def edit(project: Path, old: str, new: str) -> None:
    file = project / "turnout.yaml"
    assert old in file.read_text("utf-8")
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")


@pytest.mark.parametrize("name", ["Shop", "shop_1", "-shop", "s" * 41, "", "shop\n"])
def test_a_name_that_kubernetes_does_not_take(deploy: Run, project: Path, name: str) -> None:
    assert "is no name that Kubernetes takes" in refused(deploy, project, *OPTIONS, "--name", name)
    assert deploy(*OPTIONS, "--name", "shop").returncode == 0


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("BACKEND", "must be NAME=VALUE"),
        ("1=2", "must be NAME=VALUE"),
        ("OTHER=1", "has no variable 'OTHER'; it has: BACKEND, KEY, SERVERS"),
        ("KEY=sk-7f2c9d1e", "--set KEY: the variable is in a place for credentials"),
        ("BACKEND=tritn", "known: onnxruntime, triton"),
        ("BACKEND=a\tb", "cannot be printed"),
    ],
)
def test_a_value_that_cannot_be_used(deploy: Run, project: Path, given: str, found: str) -> None:
    message = refused(deploy, project, *OPTIONS, "--set", given)

    assert found in message
    assert "sk-7f2c9d1e" not in message
    assert deploy(*OPTIONS, "--set", "BACKEND=triton").returncode == 0


@pytest.mark.parametrize("image", ["shop", "shop:latest", "Shop:1", "shop:1 --privileged", "registry:5000/shop"])
def test_an_image_without_a_tag(deploy: Run, project: Path, image: str) -> None:
    assert "--image" in refused(deploy, project, *OPTIONS, "--image", image)


def test_an_address_that_no_container_reaches(deploy: Run, project: Path) -> None:
    edit(project, "${SERVERS:-localhost:8001}", "localhost:8001")

    message = refused(deploy, project, *OPTIONS)

    assert "model 'segmenter': 'url' of backend 'triton' is 'localhost:8001' in 'turnout.yaml'" in message
    assert 'url: "${TRITON_URL:-localhost:8001}"' in message


@pytest.mark.parametrize("line", ['headers: {authorization: "Bearer sk-7f2c9d1e"}', 'headers: {x-anything: "sk-7f2c9d1e"}'])
def test_a_credential_in_the_file(deploy: Run, project: Path, line: str) -> None:
    edit(project, 'headers: {authorization: "Bearer ${KEY:-none}"}', line)

    message = refused(deploy, project, *OPTIONS)

    assert "a credential is written at turnout.yaml:10" in message
    assert "sk-7f2c9d1e" not in message


def test_a_password_in_an_address(deploy: Run, project: Path) -> None:
    edit(project, "${SERVERS:-localhost:8001}", '"http://admin:sk7f2c9d1e@triton:8000"')

    message = refused(deploy, project, *OPTIONS)

    assert "a credential is written at turnout.yaml:9" in message
    assert "sk7f2c9d1e" not in message


def test_a_model_outside_the_folder(deploy: Run, project: Path) -> None:
    outside = project.parent / "outside"
    (project / "models").rename(outside)
    edit(project, "path: models/segmenter", f"path: {outside}/segmenter")

    assert f"names '{outside}/segmenter', which is outside its folder" in refused(
        deploy, project, "compose", "--out", "k8s", "--set", "SERVERS=triton.example.com:8001"
    )


def test_a_repository_that_is_not_there(deploy: Run, project: Path) -> None:
    assert "the model repository 'model_repository' is no folder" in refused(deploy, project, *OPTIONS[:-2])


@pytest.mark.parametrize("repository", ["..", "../models", "/etc", "models/../..", "mod els", "models\nRUN id", "", "*"])
def test_a_repository_that_is_no_folder_of_the_project(deploy: Run, project: Path, repository: str) -> None:
    assert "is no folder in the folder of 'turnout.yaml'" in refused(deploy, project, *OPTIONS[:-1], repository)


@pytest.mark.parametrize("name", ["seg[1]", "seg*", "!seg", "seg\\nRUN id", "#seg"])
def test_a_path_that_a_dockerfile_reads_as_something_else(deploy: Run, project: Path, name: str) -> None:
    folder = json.loads(f'"{name}"')
    (project / "models/segmenter").rename(project / "models" / folder)
    (project / folder).symlink_to(project / "models" / folder)
    edit(project, "path: models/segmenter", f'path: "{name}"')

    assert "cannot be copied into an image" in refused(deploy, project, *OPTIONS)


def test_a_file_that_is_not_there_and_a_wrong_one(deploy: Run, project: Path) -> None:
    assert "other.yaml" in refused(deploy, project, *OPTIONS, "--config", "other.yaml")

    edit(project, "max_batch_size: 8", "max_batch_sise: 8")
    assert "turnout.yaml:4:5" in refused(deploy, project, *OPTIONS)

    (project / "turnout.yaml").write_text("models: {}\n", "utf-8")
    assert "'turnout.yaml' has no model" in refused(deploy, project, *OPTIONS)


def test_a_file_of_yours_is_kept(deploy: Run, project: Path) -> None:
    (project / "k8s/base").mkdir(parents=True)
    own = project / "k8s/base/service.yaml"
    own.write_text("mine\n", "utf-8")

    done = deploy(*OPTIONS)

    assert done.returncode == 2
    assert "'k8s/base/service.yaml' exists, and 'turnout deploy' did not write it; nothing was written" in done.stderr
    assert [one.name for one in (project / "k8s").rglob("*") if one.is_file()] == ["service.yaml"]
    assert deploy(*OPTIONS, "--force").returncode == 0
    assert own.read_text("utf-8").startswith("# Written by 'turnout deploy kubernetes'")


def test_a_second_run_writes_what_changed_alone(deploy: Run, project: Path) -> None:
    assert deploy(*OPTIONS).returncode == 0
    assert deploy(*OPTIONS).stdout == ""

    done = deploy(*OPTIONS, "--replicas", 3)

    assert [line.removeprefix("wrote k8s/") for line in done.stdout.splitlines()] == [
        "base/deployment.yaml",
        "components/autoscaling/autoscaler.yaml",
    ]


def test_a_folder_that_cannot_be_written(deploy: Run, project: Path) -> None:
    (project / "k8s").write_text("", "utf-8")

    done = deploy(*OPTIONS)

    assert done.returncode != 0
    assert "Traceback" not in done.stderr
