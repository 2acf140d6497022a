"""The kinds of values that an expression may have."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from turnout_scan.program.module import Module
from turnout_scan.program.scopes import Function

Family = Literal[
    "transformers", "torch", "torchscript", "own", "torchvision", "timm", "hub", "open_clip",
    "onnxruntime", "pipeline", "sentence_transformers", "ultralytics", "diffusers", "other", "http_client",
]  # fmt: skip
TORCH: frozenset[str] = frozenset({"transformers", "torch", "torchscript", "own", "torchvision", "timm", "hub", "open_clip"})
"""The families whose models are ``torch.nn.Module`` objects that the app calls with tensors."""


@dataclass(frozen=True, slots=True)
class Load:
    """The call that loads a model, or opens a client.

    Attributes:
        call, module: where.
        family: the library, as far as it decides what to change.
        title: the class or function, as the code names it, but for an alias.
        within: the load in the function that ``call`` calls, if it chooses by its arguments what that loads.
    """

    call: ast.Call
    module: Module
    family: Family
    title: str
    within: Load | None = None


@dataclass(frozen=True, slots=True)
class External:
    """An object of another package, by its dotted name."""

    name: str


@dataclass(frozen=True, slots=True)
class TreeModule:
    """A module of the tree."""

    module: Module


@dataclass(frozen=True, slots=True)
class TreeFunction:
    """A function of the tree; bound to an instance if it is a method."""

    module: Module
    node: Function
    instance: Instance | None = None


@dataclass(frozen=True, slots=True)
class TreeClass:
    """A class of the tree."""

    module: Module
    node: ast.ClassDef


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a class of the tree."""

    of: TreeClass


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model, a session, a pipeline: something that is called with inputs."""

    load: Load


@dataclass(frozen=True, slots=True)
class Client:
    """A client of ``tritonclient.http``."""

    load: Load


@dataclass(frozen=True, slots=True)
class Bound:
    """An attribute of a model or client: ``model.generate``."""

    of: LoadedModel | Client
    name: str


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor, tokenizer or transform.

    Attributes:
        always: it returns tensors; else only where the call asks for them with ``return_tensors="pt"``.
    """

    always: bool = False


@dataclass(frozen=True, slots=True)
class Tensor:
    """A torch tensor, or a mapping of them.

    Attributes:
        origin, module: the call that made it.
        source: what made it: a model, its preprocessing, or torch.
    """

    origin: ast.AST
    module: Module
    source: Literal["model", "processor", "torch"]


@dataclass(frozen=True, slots=True)
class Made:
    """An object that a class or function of another package returned, by its dotted name: ``flask.Flask``."""

    by: str


@dataclass(frozen=True, slots=True)
class Device:
    """A device other than the CPU."""

    name: str


@dataclass(frozen=True, slots=True)
class Several:
    """A tuple with a value at each place."""

    values: tuple[Value | None, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list or mapping, by the value of its items."""

    value: Value


@dataclass(frozen=True, slots=True)
class ItemsMethod:
    """A method of a list or mapping: ``models.values``."""

    of: Items
    name: str


Value = (
    External | TreeModule | TreeFunction | TreeClass | Instance | LoadedModel | Client | Bound | Processor | Tensor | Made
    | Device | Several | Items | ItemsMethod
)  # fmt: skip
