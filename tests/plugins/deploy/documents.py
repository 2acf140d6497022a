"""The YAML documents of a deployment, and what is wrong with one by its schema."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
from ruamel.yaml import YAML

CRDS = Path(__file__).parent / "crds"
OLDEST, NEWEST = "1.30", "1.37"
Document = dict[str, Any]

# What compose reads in a text: a variable in braces, or two dollars for one.
_COMPOSE_DOLLAR = re.compile(r"\$(?:\$|\{[A-Z_]+(?::[-?][^}]*)?\})")


def load(text: str) -> list[Document]:
    """Return the documents of a text."""
    return [one for one in YAML(typ="safe", pure=True).load_all(text) if one is not None]


def documents_in(folder: Path) -> Iterator[tuple[str, Document]]:
    """Yield the documents of the YAML files in ``folder``, with their files, but for the app's own turnout.yaml."""
    for file in sorted(folder.rglob("*.y*ml")):
        if file.name not in {"turnout.yaml", "adapter-values.yaml"}:
            yield from ((str(file.relative_to(folder)), one) for one in load(file.read_text("utf-8")))


def kubernetes_problems(document: Document, version: str = NEWEST) -> list[str]:
    """Return what the schema of a resource of Kubernetes, or of a custom one, refuses in ``document``."""
    crd = CRDS / f"{document['kind']}.json"
    if crd.is_file():
        return _crd_problems(crd, document)
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.path))}: {error.message}"]
    return []


def compose_problems(document: Document) -> list[str]:
    """Return what the schema of the compose specification refuses, and each dollar that compose cannot read."""
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text("utf-8"))
    found = [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document)]
    return found + [text for text in texts(document) if "$" in _COMPOSE_DOLLAR.sub("", text)]


def texts(value: Any) -> Iterator[str]:
    """Yield every text in ``value``, keys included."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (*texts(key), *texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def kustomize(folder: Path) -> list[Document]:
    """Return what kustomize builds of ``folder``, to be changed at will; a machine without kubectl skips the test."""
    return copy.deepcopy(_build(folder))


@cache
def _build(folder: Path) -> list[Document]:
    program = shutil.which("kubectl") or pytest.skip("kubectl is not installed, whose kustomize builds the overlays")
    built = subprocess.run([program, "kustomize", folder], capture_output=True, text=True, check=False, timeout=60)
    assert built.returncode == 0, built.stderr
    return load(built.stdout)


def _crd_problems(file: Path, document: Document) -> list[str]:
    definition = _definition(file)
    if document["apiVersion"] != definition["apiVersion"]:
        return [f"apiVersion must be {definition['apiVersion']}"]
    errors = jsonschema.Draft202012Validator(definition["schema"]).iter_errors(document)
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in errors]


@cache
def _definition(file: Path) -> Document:
    definition: Document = json.loads(file.read_text("utf-8"))
    definition["schema"] = _strict(definition["schema"])
    # The metadata are Kubernetes' own.
    definition["schema"]["properties"]["metadata"] = {"type": "object", "required": ["name"]}
    return definition


def _strict(schema: Any) -> Any:
    """Return ``schema`` so that it refuses unknown keys, as 'kubectl apply --validate=strict' does, and knows int-or-string."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _strict(value) for key, value in schema.items() if key != "format"}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not open_ended:
        inner["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        inner |= {"type": ["integer", "string"]}
    return inner
