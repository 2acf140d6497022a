"""The manifests for KServe fit KServe's own schemas."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import promql_parser
import pytest
from tests.plugins.deploy.conftest import ROOT, Run
from tests.plugins.deploy.documents import Document, documents_in, kubernetes_problems, kustomize

DEMO = ROOT / "deploy/kserve"


def parts(folder: Path) -> dict[str, Document]:
    return {one["kind"]: one for one in kustomize(folder)}


def test_the_files_fit_their_schemas_and_each_other() -> None:
    found = parts(DEMO)
    service, runtime = found["InferenceService"], found["ServingRuntime"]
    model = service["spec"]["predictor"]["model"]

    assert [problem for one in found.values() for problem in kubernetes_problems(one)] == []
    assert model["runtime"] == runtime["metadata"]["name"]
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]
    assert model["modelFormat"]["name"] in {one["name"] for one in runtime["spec"]["supportedModelFormats"]}
    [metric] = service["spec"]["predictor"]["autoScaling"]["metrics"]
    assert promql_parser.parse(metric["external"]["metric"]["query"])


@pytest.mark.parametrize(
    ("kind", "plant"),
    [
        ("InferenceService", lambda one: one["spec"]["predictor"].update(minReplica=1)),
        ("InferenceService", lambda one: one["spec"]["predictor"]["model"].update(modelFormat="triton")),
        ("InferenceService", lambda one: one["spec"]["predictor"]["autoScaling"]["metrics"][0].update(type="Queue")),
        ("InferenceService", lambda one: one["spec"].pop("predictor")),
        ("InferenceService", lambda one: one.update(apiVersion="serving.kserve.io/v1alpha1")),
        ("ServingRuntime", lambda one: one["spec"].pop("containers")),
        ("ServingRuntime", lambda one: one["spec"]["containers"][0].update(arg=[])),
        ("ServingRuntime", lambda one: one["spec"].update(protocolVersions="v2")),
        ("ServingRuntime", lambda one: one["spec"]["containers"][0]["ports"][0].update(containerPort="http")),
    ],
)
def test_a_planted_mistake_is_refused_by_the_schema(kind: str, plant: Callable[[Document], None]) -> None:
    document = copy.deepcopy(next(one for _, one in documents_in(DEMO) if one["kind"] == kind))

    plant(document)

    assert kubernetes_problems(document)


def test_the_repository_is_where_the_option_says(deploy: Run, project: Path) -> None:
    done = deploy("kserve", "--out", "kserve", "--storage-uri", "s3://models/repository", "--triton-replicas", 3)

    assert done.returncode == 0, done.stderr
    predictor = parts(project / "kserve")["InferenceService"]["spec"]["predictor"]
    assert predictor["model"]["storageUri"] == "s3://models/repository"
    assert predictor["minReplicas"] == 3
    assert "SERVERS=http://turnout-predictor:80" in done.stderr


def test_a_file_without_triton_is_one_clear_line(deploy: Run, project: Path) -> None:
    (project / "turnout.yaml").write_text(
        "models: {segmenter: {backend: onnxruntime, backends: {onnxruntime: {path: models/segmenter}}}}\n", "utf-8"
    )

    done = deploy("kserve", "--out", "kserve")

    assert (done.returncode, done.stderr.count("\n")) == (2, 2)
    assert "no model of 'turnout.yaml' has the backend 'triton'" in done.stderr
    assert not (project / "kserve").exists()
