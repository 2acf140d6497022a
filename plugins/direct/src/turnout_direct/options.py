"""What turnout.yaml may say of a model on the backend ``direct``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationInfo, field_validator, model_validator

from turnout_direct.generate_options import GenerateOptions

Loader = Literal["transformers", "factory", "torchscript", "torch_export"]

COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*\Z")

NEEDED: Mapping[str, tuple[str, ...]] = {
    "transformers": ("class", "checkpoint"),
    "factory": ("factory",),
    "torchscript": ("path",),
    "torch_export": ("path",),
}
# Keys that not every loader knows. A saved graph keeps the datatype it was saved with, and TorchScript compiles itself.
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "transformers": ("revision", "trust_remote_code", "local_files_only", "method", "generate", "dtype", "compile"),
    "factory": ("arguments", "method", "generate", "dtype", "compile"),
    "torchscript": (),
    "torch_export": ("compile",),
}


class DirectOptions(BaseModel):
    """Options of ``direct``: where the module comes from, how it is called, what runs it.

    Relative paths start at the folder of turnout.yaml.

    Attributes:
        loader: ``transformers`` with ``class`` and ``checkpoint``, ``factory`` with ``factory``, ``torchscript`` or
            ``torch_export`` with ``path``.
        class_: ``class``: the name of a class of transformers, ``AutoModel...`` included.
        checkpoint: a folder, or a name on the hub.
        revision: branch, tag or commit of a hub checkpoint.
        trust_remote_code: run the Python that the checkpoint brings; for a hub checkpoint ``revision`` must be a whole commit.
        local_files_only: never ask the hub; use what its cache holds.
        factory: ``package.module:function``, which returns a ``torch.nn.Module``.
        arguments: keyword arguments of the factory.
        path: the ``.pt`` or ``.pt2`` file.
        method: what is called: ``forward`` or ``generate``.
        generate: how to generate.
        returns: output name to the index, key or attribute of what the module returns; ``{logits: -1}`` is the last element.
        device: ``auto`` (cuda, else mps, else cpu), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        dtype: the datatype of the weights. Unset means float32 for ``transformers`` and as it is built for ``factory``.
            With float16 or bfloat16, FP32 inputs are converted on the way in and such outputs are FP32 on the way out.
        compile: ``torch.compile`` the module: true, or one of its modes. The first request of each rank compiles.
        threads: threads of one operator on the CPU; unset leaves torch's own choice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    loader: Loader
    class_: str | None = Field(None, alias="class")
    checkpoint: str | None = Field(None, validate_default=True)
    revision: str | None = Field(None, min_length=1)
    trust_remote_code: bool = False
    local_files_only: bool = False
    factory: str | None = Field(None, validate_default=True)
    arguments: Mapping[str, JsonValue] = {}
    path: str | None = Field(None, validate_default=True)
    method: Literal["forward", "generate"] = "forward"
    generate: GenerateOptions = GenerateOptions()
    returns: Mapping[str, int | str] = {}
    device: str = "auto"
    dtype: Literal["float32", "float16", "bfloat16"] | None = None
    compile: bool | Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"] = False
    threads: int | None = Field(None, ge=1, le=1024)

    @model_validator(mode="before")
    @classmethod
    def _missing_class(cls, given: Any) -> Any:
        """Let pydantic tell of a missing ``class`` under that name; for a default it would say ``class_``."""
        if isinstance(given, Mapping) and given.get("loader") == "transformers" and not {"class", "class_"} & set(given):
            return {**given, "class": None}
        return given

    @field_validator("*", mode="before")
    @classmethod
    def _belongs_to_loader(cls, value: Any, info: ValidationInfo) -> Any:
        key = "class" if info.field_name == "class_" else str(info.field_name)
        loader = info.data.get("loader")
        if loader is None:
            return value
        if key in NEEDED[loader]:
            if not value:
                raise ValueError(f"loader {loader!r} needs key {key!r}; write it, or choose another loader")
            return value
        owners = [name for name in NEEDED if key in (*NEEDED[name], *ALLOWED[name])]
        if owners and loader not in owners and value is not None:
            known = ", ".join((*NEEDED[loader], *ALLOWED[loader]))
            theirs = " or ".join(map(repr, owners))
            raise ValueError(f"key {key!r} is for loader {theirs}, not for {loader!r}, which takes: {known}; remove it")
        return value

    @field_validator("class_")
    @classmethod
    def _class_name(cls, name: str | None) -> str | None:
        if name is not None and not name.isidentifier():
            raise ValueError(f"'class' must be the name of a class in transformers, such as 'AutoModel', got {name!r}")
        return name

    @field_validator("trust_remote_code")
    @classmethod
    def _pinned(cls, trusted: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  # pydantic calls it
        revision = info.data.get("revision")
        if trusted and revision is not None and not COMMIT.match(revision):
            raise ValueError(
                f"'trust_remote_code: true' runs the checkpoint's Python, and revision {revision!r} can change; "
                "write the commit's 40 hexadecimal digits as 'revision'"
            )
        return trusted

    @field_validator("factory")
    @classmethod
    def _factory_name(cls, name: str | None) -> str | None:
        if name is not None and not _FACTORY.match(name):
            raise ValueError(f"'factory' must be 'package.module:function', got {name!r}")
        return name

    @field_validator("generate")
    @classmethod
    def _generates(cls, generate: GenerateOptions, info: ValidationInfo) -> GenerateOptions:
        if generate.model_fields_set and info.data.get("method") != "generate":
            raise ValueError("'generate' counts with 'method: generate' only; write that, or remove it")
        return generate

    @field_validator("returns")
    @classmethod
    def _forwards(cls, returns: Mapping[str, int | str], info: ValidationInfo) -> Mapping[str, int | str]:
        if returns and info.data.get("method") == "generate":
            raise ValueError("'returns' counts with 'method: forward' only; generate returns 'generated_ids'")
        return returns

    @field_validator("device")
    @classmethod
    def _device_name(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
            raise ValueError(f"unknown device {device!r}; known: auto, cpu, cuda, cuda:N, mps")
        return device

    @field_validator("compile")
    @classmethod
    def _compiles_forward(cls, mode: Any, info: ValidationInfo) -> Any:
        if mode and info.data.get("method") == "generate":
            raise ValueError("'compile' counts with 'method: forward' only; remove it")
        return mode
