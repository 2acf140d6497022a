"""Options of backend ``direct`` in turnout.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field, JsonValue, ValidationInfo, field_validator, model_validator

from turnout import InstanceGroup, Options
from turnout.errors import suggestion
from turnout_direct.generating_classes import GENERATING
from turnout_direct.generation_options import GenerationOptions

Loader = Literal["transformers", "factory", "torchscript", "torch_export"]

COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*\Z")

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "transformers": ("class", "checkpoint"),
    "factory": ("factory",),
    "torchscript": ("path",),
    "torch_export": ("path",),
}
# Keys that only some loaders accept. A saved graph keeps the datatype it was saved with, and TorchScript compiles itself.
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "transformers": ("revision", "trust_remote_code", "local_files_only", "method", "generate", "dtype", "compile"),
    "factory": ("arguments", "method", "generate", "dtype", "compile"),
    "torchscript": ("trust", "sha256"),
    "torch_export": ("trust", "sha256", "compile"),
}
_DEVICES = {"KIND_CPU": "cpu", "KIND_GPU": "cuda"}


class DirectOptions(Options):
    """Options of ``direct``: the source of the module, the method that is called, the device.

    Paths are relative to the folder of turnout.yaml.

    Attributes:
        loader: ``transformers`` with ``class`` and ``checkpoint``, ``factory`` with ``factory``, ``torchscript`` or
            ``torch_export`` with ``path``.
        class_: ``class``: the name of a model class in transformers, ``AutoModel...`` included.
        checkpoint: a folder, or a name on the hub.
        revision: branch, tag or commit of a hub checkpoint.
        trust_remote_code: run the checkpoint's own Python; for a hub checkpoint ``revision`` must be a full commit hash.
        local_files_only: use only the hub's local cache, no network.
        factory: ``package.module:function``, which returns a ``torch.nn.Module``.
        arguments: keyword arguments of the factory.
        path: the ``.pt`` or ``.pt2`` file, or a model's folder in a model repository, of which the version is used that a
            server would serve.
        trust: open the file at ``path``, which is code, whatever its content.
        sha256: open it if this is its SHA-256. Neither is needed for a file that ``turnout export`` wrote on this machine.
        method: the method that is called: ``forward`` or ``generate``.
        generate: arguments of ``generate``.
        returns: output name to index, key or attribute of the module's return value; ``{logits: -1}`` is the last element.
        device: ``auto`` (cuda, else mps, else cpu), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        dtype: the datatype of the weights. Unset means float32 for ``transformers``, unchanged for ``factory``. With float16 or
            bfloat16, FP32 inputs are converted to it, and outputs in it are converted to FP32.
        compile: ``torch.compile`` the module: true, or one of its modes. The first request of each rank compiles.
        threads: threads for one operator on the CPU; unset keeps torch's default, one for each core.
        instance_group: modules of their own that run one request at a time each, as a list of ``kind``, ``count`` and ``gpus``;
            by default one module runs all requests, many at once.
    """

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    loader: Loader
    class_: str | None = Field(None, alias="class")
    checkpoint: str | None = Field(None, validate_default=True)
    revision: str | None = Field(None, min_length=1)
    trust_remote_code: bool = False
    local_files_only: bool = False
    factory: str | None = Field(None, validate_default=True)
    arguments: Mapping[str, JsonValue] = {}
    path: str | None = Field(None, validate_default=True)
    trust: bool = False
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    method: Literal["forward", "generate"] = "forward"
    generate: GenerationOptions = GenerationOptions()
    returns: Mapping[str, int | str] = {}
    device: str = "auto"
    dtype: Literal["float32", "float16", "bfloat16"] | None = None
    compile: bool | Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"] = False
    threads: int | None = Field(None, ge=1, le=1024)
    instance_group: tuple[InstanceGroup, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _require_class(cls, given: Any) -> Any:
        # For a default value pydantic would report a missing ``class`` as ``class_``.
        if isinstance(given, Mapping) and given.get("loader") == "transformers" and not {"class", "class_"} & set(given):
            return {**given, "class": None}
        return given

    @field_validator("*", mode="before")
    @classmethod
    def _check_loader(cls, value: Any, info: ValidationInfo) -> Any:
        key = "class" if info.field_name == "class_" else str(info.field_name)
        loader = info.data.get("loader")
        if loader is None:
            return value
        if key in REQUIRED[loader]:
            if not value:
                raise ValueError(f"loader {loader!r} needs key {key!r}; write it, or choose another loader")
            return value
        owners = [name for name in REQUIRED if key in (*REQUIRED[name], *ALLOWED[name])]
        if owners and loader not in owners and value is not None:
            known = ", ".join((*REQUIRED[loader], *ALLOWED[loader]))
            theirs = " or ".join(map(repr, owners))
            raise ValueError(f"key {key!r} is for loader {theirs}, not for {loader!r}, which takes: {known}; remove it")
        return value

    @field_validator("class_")
    @classmethod
    def _check_class_name(cls, name: str | None) -> str | None:
        if name is not None and not name.isidentifier():
            raise ValueError(f"'class' must be the name of a class in transformers, such as 'AutoModel', got {name!r}")
        return name

    @field_validator("method")
    @classmethod
    def _check_method(cls, method: str, info: ValidationInfo) -> str:
        kind = info.data.get("class_")
        if method == "generate" and kind is not None and not kind.startswith("Auto") and kind not in GENERATING:
            raise ValueError(
                f"'method: generate' supports the classes {', '.join(GENERATING)}, not {kind!r}.{suggestion(kind, GENERATING)} "
                "Write 'method: forward' if one forward call answers, or a factory whose module generates in its forward"
            )
        return method

    @field_validator("trust_remote_code")
    @classmethod
    def _check_commit(cls, trusted: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  # pydantic calls it
        revision = info.data.get("revision")
        if trusted and revision is not None and not COMMIT.match(revision):
            raise ValueError(
                f"'trust_remote_code: true' runs the checkpoint's Python, and revision {revision!r} can change; "
                "write the commit's 40 hexadecimal digits as 'revision'"
            )
        return trusted

    @field_validator("factory")
    @classmethod
    def _check_factory_name(cls, name: str | None) -> str | None:
        if name is not None and not _FACTORY.match(name):
            raise ValueError(f"'factory' must be 'package.module:function', got {name!r}")
        return name

    @field_validator("generate")
    @classmethod
    def _check_generate(cls, generate: GenerationOptions, info: ValidationInfo) -> GenerationOptions:
        if generate.model_fields_set and info.data.get("method") != "generate":
            raise ValueError("'generate' needs 'method: generate'; set that, or remove it")
        return generate

    @field_validator("returns")
    @classmethod
    def _check_returns(cls, returns: Mapping[str, int | str], info: ValidationInfo) -> Mapping[str, int | str]:
        if returns and info.data.get("method") == "generate":
            raise ValueError("'returns' needs 'method: forward'; generate returns 'generated_ids'; remove it")
        return returns

    @field_validator("device")
    @classmethod
    def _check_device(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
            raise ValueError(f"unknown device {device!r}; known: auto, cpu, cuda, cuda:N, mps")
        return device

    @field_validator("instance_group")
    @classmethod
    def _check_group_devices(cls, groups: tuple[InstanceGroup, ...], info: ValidationInfo) -> tuple[InstanceGroup, ...]:
        device = info.data.get("device", "auto")
        other = next((group.kind for group in groups if device not in ("auto", _DEVICES[group.kind])), None)
        if other is not None:
            raise ValueError(f"{other} contradicts device {device!r}; remove 'device', since instance_group says where")
        return groups

    @field_validator("compile")
    @classmethod
    def _check_compile(cls, mode: Any, info: ValidationInfo) -> Any:
        if mode and info.data.get("method") == "generate":
            raise ValueError("'compile' needs 'method: forward'; remove it")
        return mode
