"""Checkpoint folders of strangers: no pickle, no Python, no kernel and no other checkpoint comes with them unasked."""

from __future__ import annotations

import functools
import json
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tests.hostile.case import Case, Prepare
from tests.hostile.sandbox import Sandbox

SETTINGS = """\
backend: direct
models:
  net:
    inputs: {pixel_values: "FP32[-1,3,8,8]"}
    outputs: {pooler_output: "FP32[-1,16]"}
    backends:
      direct: {loader: transformers, class: %s, checkpoint: net}
"""
CODE = "import pathlib\npathlib.Path(%r).touch()\nfrom transformers import PreTrainedConfig as Net\n"


@functools.cache
def _files() -> dict[str, bytes]:
    """Return the files of a good checkpoint by name."""
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4
    )
    with TemporaryDirectory() as folder:
        ViTModel(config).save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _write(sandbox: Sandbox, kind: str = "ViTModel", **config: Any) -> list[str]:
    (sandbox.work / "turnout.yaml").write_text(SETTINGS % kind)
    (sandbox.work / "net").mkdir()
    for name, content in _files().items():
        (sandbox.work / "net" / name).write_bytes(content)
    own = json.loads(_files()["config.json"])
    (sandbox.work / "net" / "config.json").write_text(json.dumps(own | config))
    return sandbox.turnout("check", "--deep")


def _good(sandbox: Sandbox) -> list[str]:
    return _write(sandbox)


def _config(kind: str, **config: Any) -> Prepare:
    """Return a folder with Python of its own that ``config`` names."""

    def prepare(sandbox: Sandbox) -> list[str]:
        command = _write(sandbox, kind, **config)
        for module in ("net", "generate", "__init__", "configuration_net"):
            (sandbox.work / "net" / f"{module}.py").write_text(CODE % str(sandbox.executed))
        return command

    return prepare


class _Payload:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def _weights(change: Callable[[Sandbox, Path], None]) -> Prepare:
    """Return the good folder with other weights, which ``change`` writes."""

    def prepare(sandbox: Sandbox) -> list[str]:
        command = _write(sandbox)
        (sandbox.work / "net" / "model.safetensors").unlink()
        change(sandbox, sandbox.work / "net")
        return command

    return prepare


def _pickle(sandbox: Sandbox, folder: Path) -> None:
    torch.save({"layernorm.weight": _Payload(sandbox.executed)}, folder / "pytorch_model.bin")


def _old_pickle(sandbox: Sandbox, folder: Path) -> None:
    torch.save({"w": _Payload(sandbox.executed)}, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)


def _pickle_named_safetensors(sandbox: Sandbox, folder: Path) -> None:
    torch.save({"layernorm.weight": _Payload(sandbox.executed)}, folder / "model.safetensors")


def _pickled_shard(sandbox: Sandbox, folder: Path) -> None:
    _pickle(sandbox, folder)
    (folder / "pytorch_model.bin").rename(folder / "part.bin")
    index = {"metadata": {}, "weight_map": {"layernorm.weight": "part.bin"}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def _shard_outside(sandbox: Sandbox, folder: Path) -> None:
    index = {"metadata": {}, "weight_map": {"layernorm.weight": "../../outside/victim.txt"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _script(sandbox: Sandbox, folder: Path) -> None:
    class Writes(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    torch.jit.save(torch.jit.script(Writes()), str(folder / "pytorch_model.bin"))


def _header(size: int, content: bytes) -> Callable[[Sandbox, Path], None]:
    def change(_: Sandbox, folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", size) + content)

    return change


def _pipe(_: Sandbox, folder: Path) -> None:
    os.mkfifo(folder / "model.safetensors")


def _endless(_: Sandbox, folder: Path) -> None:
    (folder / "model.safetensors").symlink_to("/dev/zero")


weights_of_a_pickle = _weights(_pickle)


def cases() -> Iterator[Case]:
    """Yield checkpoints of strangers for ``turnout check --deep``."""
    local = {"AutoConfig": "net.Net", "AutoModel": "net.Net", "AutoModelForImageClassification": "net.Net"}
    remote = {name: f"someone/else--{code}" for name, code in local.items()}
    configs = {
        "own_python": _config("AutoModel", model_type="unheard", auto_map=local),
        "own_python_of_a_known_type": _config("AutoModelForImageClassification", auto_map=local),
        "python_of_the_hub": _config("AutoModel", model_type="unheard", auto_map=remote),
        "kernel_of_the_hub": _config("ViTModel", attn_implementation="someone/kernel"),
        "no_mapping": _config("AutoModel", auto_map=["net.Net"]),
        "another_folder": _config("AutoModel", model_type="unheard", auto_map={"AutoModel": "../net/net.Net"}),
        "quantizer": _config("ViTModel", quantization_config={"quant_method": "../net"}),
        "type_is_a_path": _config("AutoModel", model_type="../../net"),
        "class_of_another": _config("ViTModel", architectures=["os.system"], model_type="bert"),
    }
    for name, prepare in configs.items():
        exits = frozenset({0, 1, 2, 3})
        yield Case(f"checkpoint_code/config/{name}", prepare, _good, exits=exits)
    weights = {
        "old_pickle": _old_pickle,
        "pickle_named_safetensors": _pickle_named_safetensors,
        "pickled_shard": _pickled_shard,
        "shard_outside": _shard_outside,
        "torchscript": _script,
        "header_of_8_exabytes": _header(1 << 63, b"{}"),
        "header_of_100_megabytes": _header(99_000_000, b"{}"),
        "deep_header": _header(200_000, b"[" * 200_000),
        "tensor_beyond_the_file": _header(
            70, b'{"layernorm.weight":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}}'.ljust(70)
        ),
        "pipe": _pipe,
        "endless": _endless,
    }
    yield Case("checkpoint_code/weights/pickle", weights_of_a_pickle, _good)
    for name, change in weights.items():
        yield Case(f"checkpoint_code/weights/{name}", _weights(change), _good)
    sizes = {
        "wide": {"hidden_size": 40_000, "intermediate_size": 40_000},
        "deep": {"num_hidden_layers": 100_000},
        "large_picture": {"image_size": 1_000_000},
        "negative": {"hidden_size": -16},
        "text": {"hidden_size": "16"},
        "fraction": {"hidden_size": 16.5},
        "no_heads": {"num_attention_heads": 0},
        "huge": {"hidden_size": 10**30},
    }
    for name, config in sizes.items():
        yield Case(f"checkpoint_code/sizes/{name}", _config("ViTModel", **config), _good)
