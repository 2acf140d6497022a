"""Models of a repository after public ones: vLLM, TensorRT, sequence models, short configs, templates, odd names."""

from __future__ import annotations

from pathlib import Path

from onnx import TensorProto, helper
from tests.plugins.triton.repository.conftest import save

IO = 'input { name: "x" data_type: TYPE_FP32 dims: [2] }\noutput { name: "y" data_type: TYPE_FP32 dims: [2] }\n'
TEXT = (
    'input { name: "text_input" data_type: TYPE_STRING dims: [1] }\n'
    'output { name: "text_output" data_type: TYPE_STRING dims: [-1] }\n'
)
ONNX = 'platform: "onnxruntime_onnx"\nmax_batch_size: 8\n'
PYTHON = 'backend: "python"\nmax_batch_size: 8\n'
TENSORRTLLM = (
    'backend: "tensorrtllm" max_batch_size: 64 model_transaction_policy { decoupled: true }\n'
    "dynamic_batching { preferred_batch_size: [64] max_queue_delay_microseconds: 100 }\n"
    'input [ { name: "input_ids" data_type: TYPE_INT32 dims: [-1] allow_ragged_batch: true },\n'
    '        { name: "input_lengths" data_type: TYPE_INT32 dims: [1] reshape: { shape: [] } } ]\n'
    'output { name: "output_ids" data_type: TYPE_INT32 dims: [-1, -1] }\n'
    'parameters: { key: "gpt_model_path" value: { string_value: "${engine_dir}" } }\n'
)
TENSORRT = (
    'platform: "tensorrt_plan" max_batch_size: 8 optimization { cuda { graphs: true } }\n'
    "instance_group { kind: KIND_GPU count: 2 gpus: [0, 1] }\n"
    'input { name: "x" data_type: TYPE_FP16 format: FORMAT_NCHW dims: [3, 224, 224] }\n'
    'output { name: "y" data_type: TYPE_FP16 dims: [1000] label_filename: "labels.txt" }\n'
)
DENSENET = (
    'name: "densenet_onnx" platform: "onnxruntime_onnx" max_batch_size: 0\n'
    'input { name: "data_0" data_type: TYPE_FP32 dims: [3, 224, 224] reshape { shape: [1, 3, 224, 224] } }\n'
    'output { name: "fc6_1" data_type: TYPE_FP32 dims: [1000] reshape { shape: [1, 1000, 1, 1] } }\n'
)
PRIORITIES = "dynamic_batching { priority_levels: 2 default_priority_level: 1 }\n"
ACCELERATOR = 'optimization { execution_accelerators { gpu_execution_accelerator { name: "tensorrt" } } }\n'
SEQUENCE = "sequence_batching { max_sequence_idle_microseconds: 5000000 }\n"
OPTIONAL = IO.replace("dims: [2] }\nout", "dims: [2] optional: true }\nout")
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 3\n"

USABLE: dict[str, tuple[str | None, str]] = {
    "vllm": ('backend: "vllm"\ninstance_group { count: 1 kind: KIND_MODEL }', "model.json"),
    "vllm_old": ('backend: "vllm"\nmodel_transaction_policy { decoupled: true }\n' + TEXT, "model.py"),
    "tensorrtllm": (TENSORRTLLM, ""),
    "tensorrt": (TENSORRT, "model.plan"),
    "tensorrt_alone": (None, "model.plan"),
    "savedmodel": ('platform: "tensorflow_savedmodel" max_batch_size: 128', "model.savedmodel/saved_model.pb"),
    "graphdef": ('platform: "tensorflow_graphdef"\n' + IO, "model.graphdef"),
    "openvino": ('backend: "openvino"\n' + IO, "model.xml"),
    "dali": ('backend: "dali" max_batch_size: 256\n' + IO, "model.dali"),
    "fil": ('backend: "fil" parameters { key: "model_type" value { string_value: "xgboost" } }\n' + IO, "xgboost.model"),
    "identity": ('backend: "identity"\n' + IO, ""),
    "python": ('backend: "python"', "model.py"),
    "python_tensors": (PYTHON + 'parameters { key: "ENV" value { string_value: "$$DIR/env" } }\n' + IO, "model.py"),
    "python_alone": (None, "model.py"),
    "decoupled": ('backend: "python"\nmodel_transaction_policy { decoupled: true }\n' + TEXT, "model.py"),
    "optional": ('backend: "python"\n' + OPTIONAL, "model.py"),
    "agents": (PYTHON + 'model_repository_agents { agents { name: "checksum" } }\n' + IO, "model.py"),
    "densenet_onnx": (DENSENET, ""),
    "onnx": (ONNX + IO, "model.onnx"),
    "onnx_short": ('backend: "onnxruntime"', "model.onnx"),
    "onnx_empty": ("", "model.onnx"),
    "onnx_alone": (None, "model.onnx"),
    "onnx_names": (ONNX + 'input { name: "x" } output { name: "y" }', "model.onnx"),
    "onnx_folder": (ONNX, "model.onnx/model.onnx"),
    "onnx_renamed": (ONNX + 'default_model_filename: "net.onnx"\n' + IO, "net.onnx"),
    "cache": (ONNX + "response_cache { enable: true }\n" + IO, "model.onnx"),
    "priorities": (ONNX + PRIORITIES + IO, "model.onnx"),
    "accelerated": (ONNX + ACCELERATOR + IO, "model.onnx"),
    "policy": (ONNX + "version_policy { specific { versions: [1] } }\n" + IO, "model.onnx"),
    "_pre": ('backend: "python"\n' + IO, "model.py"),
    "eagle_model copy": ('backend: "python"\n' + IO, "model.py"),
    "détecteur": ('backend: "python"\n' + IO, "model.py"),
}
UNUSABLE: dict[str, tuple[str | None, str]] = {
    "sequence": (PYTHON + SEQUENCE + IO, "model.py"),
    "sequence_onnx": (ONNX + SEQUENCE + IO, "model.onnx"),
    "syntax": ('backend: "python', "model.py"),
    "template": ('backend: "python" max_batch_size: ${max_batch_size}\n' + IO, "model.py"),
    "torchscript_alone": (None, "model.pt"),
    "preferred": (ONNX + "dynamic_batching { preferred_batch_size: [16] }\n" + IO, "model.onnx"),
    "huge": ('backend: "python" max_batch_size: 2000000000\n' + IO, "model.py"),
    "empty": (None, ""),
}


def write(repository: Path, name: str, config: str | None, file: str) -> None:
    """Write a model; an ONNX file is a real one, every other file is a text."""
    version = repository / name / "1"
    version.mkdir(parents=True)
    if config is not None:
        (repository / name / "config.pbtxt").write_text(config, "utf-8")
    if file.endswith(".onnx"):
        sides = [[(tensor, TensorProto.FLOAT, ["rows", 2])] for tensor in "xy"]
        save(version / file, [helper.make_node("Identity", ["x"], ["y"])], *sides)
    elif file:
        (version / file).parent.mkdir(exist_ok=True)
        (version / file).write_text("")


def write_all(repository: Path) -> None:
    """Write every model, a Git LFS pointer in place of one, and what is no model."""
    for name, (config, file) in {**USABLE, **UNUSABLE}.items():
        write(repository, name, config, file)
    write(repository, "lfs", ONNX + IO, "model.onnx")
    (repository / "lfs" / "1" / "model.onnx").write_text(LFS)
    (repository / "README.md").write_text("no model")
    (repository / ".git").mkdir()
