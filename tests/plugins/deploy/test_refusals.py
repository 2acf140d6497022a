"""A wrong turnout.yaml or option is one clear line, writes nothing, and the next good command works."""

from __future__ import annotations

import hashlib
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


STORAGE = ("kserve", "--out", "k8s", "--storage-uri")


@pytest.mark.parametrize(
    "uri",
    ["foo", "", "s3:/models", "s3://", "s3:///models", "S3://models", "ftp://host/models", "/models", "model_repository", "file:///models",
     "s3://mod els", "s3://models/\nkind: Secret", " s3://models", "pvc:models", "https://", "gs://-", "x" * 4000],
)  # fmt: skip
def test_a_place_that_kserve_does_not_read(deploy: Run, project: Path, uri: str) -> None:
    message = refused(deploy, project, *STORAGE, uri)

    assert "is no place that KServe reads; known: pvc://, s3://, gs://" in message
    assert max(map(len, message.splitlines())) < 500


@pytest.mark.parametrize(
    "uri",
    [
        "https://admin:sk-7f2c9d1e@host/models",
        "s3://sk-7f2c9d1e@models",
        "https://host/models?sig=sk-7f2c9d1e",
        "foo?sk-7f2c9d1e",
    ],
)
def test_a_place_with_a_credential(deploy: Run, project: Path, uri: str) -> None:
    message = refused(deploy, project, *STORAGE, uri)

    assert "a manifest is no place for a credential" in message
    assert "sk-7f2c9d1e" not in message


@pytest.mark.parametrize(
    "uri",
    ["s3://models", "gs://models/a/b", "pvc://turnout-models/model_repository", "https://host:8443/models.tar.gz", "http://10.0.0.1/m",
     "hdfs://namenode:8020/models", "webhdfs://host/models", "oci://registry/models:1", "hf://org/model@main"],
)  # fmt: skip
def test_a_place_that_kserve_reads(deploy: Run, project: Path, uri: str) -> None:
    assert deploy(*STORAGE, uri).returncode == 0
    assert f"storageUri: {uri}\n" in (project / "k8s/inference-service.yaml").read_text("utf-8").replace('"', "")


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


EDITED = {
    "kubernetes": ("Dockerfile", "Dockerfile.dockerignore", "base/service.yaml", "overlays/try/kustomization.yaml"),
    "compose": ("Dockerfile", "compose.yaml", "prometheus/operation.rules.yml", "grafana/dashboards/overview.json"),
    "kserve": ("serving-runtime.yaml",),
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in EDITED.items() for name in names])
def test_a_file_that_you_edited_is_kept(deploy: Run, project: Path, kind: str, name: str) -> None:
    options = (kind, "--out", "out", *(() if kind == "kserve" else ("--repository", "models")))
    assert deploy(*options).returncode == 0
    edited = project / "out" / name
    whole = edited.read_bytes()
    edited.write_bytes(whole + b"\n# mine\n")
    before = {file: file.read_bytes() for file in (project / "out").rglob("*") if file.is_file()}

    done = deploy(*options)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"'out/{name}' was edited after 'turnout deploy' wrote it; nothing was written" in done.stderr
    assert {file: file.read_bytes() for file in (project / "out").rglob("*") if file.is_file()} == before
    assert deploy(*options, "--force").stdout == f"wrote out/{name}\n"
    assert edited.read_bytes() == whole
    assert deploy(*options).stdout == ""


def test_what_an_earlier_release_wrote_is_no_edit(deploy: Run, project: Path) -> None:
    assert deploy(*OPTIONS).returncode == 0
    record, file = project / "k8s/.turnout-deploy.sha256", project / "k8s/base/service.yaml"
    old = file.read_bytes()
    file.write_bytes(b"# as an earlier release wrote it\n")
    digests = [hashlib.sha256(content).hexdigest() for content in (old, file.read_bytes())]
    assert digests[0] in record.read_text("utf-8")
    record.write_text(record.read_text("utf-8").replace(*digests), "utf-8")

    assert deploy(*OPTIONS).stdout == "wrote k8s/base/service.yaml\n"
    assert file.read_bytes() == old


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"0" * 64 + b"  base/service.yaml\n"])
def test_without_a_good_record_an_edited_file_is_kept(deploy: Run, project: Path, content: bytes) -> None:
    assert deploy(*OPTIONS).returncode == 0
    (project / "k8s/.turnout-deploy.sha256").write_bytes(content)
    assert deploy(*OPTIONS).stdout == ""
    (project / "k8s/.turnout-deploy.sha256").write_bytes(content)
    edited = project / "k8s/base/service.yaml"
    edited.write_text(edited.read_text("utf-8") + "# mine\n", "utf-8")

    assert "'k8s/base/service.yaml' was edited" in deploy(*OPTIONS).stderr
    assert deploy(*OPTIONS, "--force").returncode == 0


def test_a_file_that_was_deleted_is_written_again(deploy: Run, project: Path) -> None:
    assert deploy(*OPTIONS).returncode == 0
    (project / "k8s/Dockerfile").unlink()

    assert deploy(*OPTIONS).stdout == "wrote k8s/Dockerfile\n"


def test_two_forms_in_one_folder_know_their_files(deploy: Run, project: Path) -> None:
    assert deploy(*OPTIONS).returncode == 0
    assert deploy("kserve", "--out", "k8s").returncode == 0

    assert deploy(*OPTIONS, "--replicas", 3).returncode == 0
    assert deploy("kserve", "--out", "k8s", "--triton-replicas", 3).returncode == 0


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
