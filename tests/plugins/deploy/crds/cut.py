"""Cut the schemas of custom resources out of their projects' files: ``python -m tests.plugins.deploy.crds.cut FOLDER``.

FOLDER has the files of ``SOURCES``. Descriptions are left out, and parts of KServe's resources that no manifest of ours has.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

HERE = Path(__file__).parent
OPERATOR = "prometheus-operator/prometheus-operator@6adcebc5076c34f4f55f8f5f7b1e528929373ac7 (v0.93.0)"
KSERVE = "kserve/kserve@aaac4e294dae2c7b1aa1886447793f3aa1c30912 (v0.20.0)"
SOURCES: Mapping[str, tuple[str, str]] = {
    "PrometheusRule": (OPERATOR, "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"),
    "ServiceMonitor": (OPERATOR, "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"),
    "InferenceService": (KSERVE, "config/crd/full/serving.kserve.io_inferenceservices.yaml"),
    "ServingRuntime": (KSERVE, "config/crd/full/serving.kserve.io_servingruntimes.yaml"),
}
_FRAMEWORKS = ("huggingface", "lightgbm", "onnx", "paddle", "pmml", "pytorch", "sklearn", "tensorflow", "triton", "xgboost")
LEFT_OUT: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "InferenceService": (
        *(("spec", part) for part in ("canary", "explainer", "transformer")),
        *(("spec", "predictor", part) for part in (*_FRAMEWORKS, "workerSpec")),
        ("status",),
    ),
    "ServingRuntime": (("spec", "workerSpec"), ("status",)),
}


def cut(kind: str, text: str) -> dict[str, Any]:
    """Return the newest schema of the definition ``text``, with its source."""
    definition = YAML(typ="safe").load(text)
    assert definition["spec"]["names"]["kind"] == kind
    version = next(one for one in definition["spec"]["versions"] if one["storage"])
    schema = _without_descriptions(version["schema"]["openAPIV3Schema"])
    for *parents, name in LEFT_OUT.get(kind, ()):
        inside = schema
        for parent in parents:
            inside = inside["properties"][parent]
        del inside["properties"][name]
    project, path = SOURCES[kind]
    return {
        "kind": kind,
        "apiVersion": f"{definition['spec']['group']}/{version['name']}",
        "source": f"https://github.com/{project.partition('@')[0]}",
        "commit": project.partition("@")[2],
        "file": path,
        "licence": "Apache-2.0",
        "left_out": ["description", *(".".join(path) for path in LEFT_OUT.get(kind, ()))],
        "schema": schema,
    }


def _without_descriptions(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_descriptions(inner)
            for key, inner in value.items()
            if not (key == "description" and isinstance(inner, str))
        }
    return [_without_descriptions(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    for name, (_, file) in SOURCES.items():
        found = cut(name, (Path(sys.argv[1]) / Path(file).name).read_text("utf-8"))
        (HERE / f"{name}.json").write_text(json.dumps(found, indent=None, separators=(",", ":")) + "\n", "utf-8")
