"""The model config that is generated from turnout.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from turnout import DynamicBatching, ModelDeclaration, ModelSignature, QueuePolicy
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_triton.options import TritonOptions
from turnout_triton.repository.generated_config import GeneratedConfig, generate_config

SIGNATURE = ModelSignature((TensorSpec("x", "FP32", (-1, 3)),), (TensorSpec("y", "INT64", (-1,)),))

COMPLETE = """\
name: "m"
platform: "onnxruntime_onnx"
version_policy { specific { versions: [1, 3] } }
max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: [3] }
output { name: "y" data_type: TYPE_INT64 dims: [1] reshape { } }
instance_group { count: 2 kind: KIND_GPU gpus: [0, 1] }
default_model_filename: "model.onnx"
dynamic_batching {
  preferred_batch_size: [4, 8]
  max_queue_delay_microseconds: 100
  preserve_ordering: true
  priority_levels: 2
  default_priority_level: 1
  default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 7 allow_timeout_override: true max_queue_size: 9 }
  priority_queue_policy { key: 2 value { max_queue_size: 1 } }
}
optimization {
  graph { level: 1 }
  execution_accelerators { gpu_execution_accelerator { name: "tensorrt" parameters { key: "precision_mode" value: "FP16" } } }
}
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
parameters { key: "memory.enable_memory_arena_shrinkage" value { string_value: "cpu:0" } }
model_warmup { name: "0-zero" batch_size: 8 inputs { key: "x" value { data_type: TYPE_FP32 dims: [3] zero_data: true } } }
backend: "onnxruntime"
"""


def options(**settings: Any) -> TritonOptions:
    return TritonOptions.model_validate({"url": "localhost:8001", "model_config": settings})


def generate(model: ModelDeclaration, given: TritonOptions | None = None, filename: str = "model.onnx") -> GeneratedConfig:
    return generate_config(model, given, Path("repository/m"), filename, SIGNATURE)


def test_every_option_of_turnout_yaml_is_in_the_config() -> None:
    policy = QueuePolicy("DELAY", 7, True, 9)
    batching = DynamicBatching((4, 8), 100, True, 2, 1, policy, {2: QueuePolicy(max_queue_size=1)})
    given = options(
        instance_group=[{"count": 2, "kind": "KIND_GPU", "gpus": [0, 1]}],
        version_policy={"specific": {"versions": [1, 3]}},
        optimization={
            "graph": {"level": 1},
            "execution_accelerators": {
                "gpu_execution_accelerator": [{"name": "tensorrt", "parameters": {"precision_mode": "FP16"}}]
            },
        },
        parameters={"intra_op_thread_count": 1, "memory.enable_memory_arena_shrinkage": "cpu:0"},
        model_warmup=[{"data": "zero", "batch_size": 8}],
    )

    config = generate(ModelDeclaration("m", max_batch_size=8, dynamic_batching=batching), given).config

    expected = type(config)()
    text_format.Parse(COMPLETE, expected)
    assert config == expected


def test_tritons_defaults_are_written_out() -> None:
    config = generate(ModelDeclaration("m", max_batch_size=8)).config

    assert config.version_policy.latest.num_versions == 1
    assert [group.count for group in config.instance_group] == [1]
    assert not config.HasField("dynamic_batching")


def test_torchscript_is_served_by_pytorch() -> None:
    config = generate(ModelDeclaration("m", max_batch_size=8), filename="model.pt").config

    served = (config.platform, config.backend, config.default_model_filename)
    assert served == ("pytorch_libtorch", "pytorch", "model.pt")


def test_rank_0_must_be_declared_so_that_clients_can_restore_it() -> None:
    scalar = TensorSpec("s", "FP32", ())
    signature = ModelSignature((scalar,), (scalar,))

    with pytest.raises(ExportError, match=r"input 's' has rank 0, which Triton carries as one element; declare it .*FP32\[\]"):
        generate_config(ModelDeclaration("m"), None, Path("m"), "model.onnx", signature)
    declared = ModelDeclaration("m", inputs=(scalar,), outputs=(scalar,))
    config = generate_config(declared, None, Path("m"), "model.onnx", signature).config

    assert list(config.input[0].dims) == [1]
    assert not config.input[0].HasField("reshape")
