"""The public names; a change of this list needs a page in docs/decisions."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import turnout

PUBLIC = [
    "Backend",
    "CheckRequest",
    "Configuration",
    "ConfigurationRequest",
    "DynamicBatching",
    "ExportRequest",
    "Exporter",
    "InferenceRequest",
    "InferenceResponse",
    "InstanceGroup",
    "Model",
    "ModelDeclaration",
    "ModelInference",
    "ModelObserver",
    "ModelSignature",
    "Options",
    "Parameter",
    "Pipeline",
    "PipelineContext",
    "PipelineResult",
    "PipelineStep",
    "QueuePolicy",
    "Repository",
    "RepositoryFinding",
    "RepositoryModel",
    "ServerStatistics",
    "SourceModel",
    "SourceRequest",
    "Step",
    "StepDeclaration",
    "StepFailure",
    "StepInput",
    "StepPart",
    "TensorSpec",
    "Turnout",
    "__version__",
    "errors",
    "health",
    "hookimpl",
    "logs",
    "metrics",
    "open",
    "tensors",
    "testing",
]
ROOMS = ["errors", "health", "logs", "metrics", "tensors", "testing"]


def _names_for_type_checkers() -> dict[str, str]:
    tree = ast.parse(Path(turnout.__file__).read_text("utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom) and node.module != "turnout"]
    return {alias.asname or alias.name: node.module or "" for node in imports for alias in node.names}


def test_only_these_names_are_public() -> None:
    assert turnout.__all__ == PUBLIC
    assert sorted(turnout.__all__) == turnout.__all__
    assert dir(turnout) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring(name: str) -> None:
    value = getattr(turnout, name)

    assert value == getattr(turnout, name)
    assert value.__doc__


def test_type_checkers_see_the_same_names_as_python() -> None:
    assert _names_for_type_checkers() == turnout._ROOMS
    assert sorted((*turnout._ROOMS, *turnout._PUBLIC_ROOMS, "__version__")) == turnout.__all__


@pytest.mark.parametrize("room", ROOMS)
def test_a_public_room_resolves_without_anything_else_imported(room: str) -> None:
    program = f"import turnout; print(turnout.{room}.__name__)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == f"turnout.{room}"


def test_the_version_is_that_of_the_distribution() -> None:
    assert turnout.__version__ == version("turnout")


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'turnout' has no attribute 'Modell'"):
        turnout.Modell  # noqa: B018
