"""Ensembles in the shapes of public model repositories: their steps, names, batching and datatypes, in words of our own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

Side = dict[str, str]
"""Tensors by name: Triton's datatype and dims, such as ``UINT8 [-1]``, and more fields behind a semicolon."""

ZEROS = """
import json
import numpy as np
import triton_python_backend_utils as utils


class TritonPythonModel:
    def initialize(self, args):
        self.config = json.loads(args["model_config"])

    def execute(self, requests):
        return [utils.InferenceResponse([self.zeros(request, one) for one in self.config["output"]]) for request in requests]

    def zeros(self, request, output):
        batch = [request.inputs()[0].as_numpy().shape[0]] if self.config["max_batch_size"] else []
        shape = batch + [size if size > 0 else 1 for size in map(int, output["dims"])]
        dtype = utils.triton_string_to_numpy(output["data_type"])
        return utils.Tensor(output["name"], np.full(shape, b"" if dtype == np.object_ else 0, dtype))
"""


@dataclass(frozen=True, slots=True)
class Model:
    """A model of a repository: ``head`` begins its config.pbtxt; an ensemble has ``steps``, a text for each."""

    head: str
    inputs: Side
    outputs: Side
    steps: tuple[str, ...] = ()


def step(model: str, inputs: dict[str, str], outputs: dict[str, str], version: str = "model_version: -1") -> str:
    """Return a scheduling step; tensors of the model by name, with the ensemble's tensor."""
    maps = [f'input_map {{ key: "{key}" value: "{value}" }}' for key, value in inputs.items()]
    maps += [f'output_map {{ key: "{key}" value: "{value}" }}' for key, value in outputs.items()]
    return f'{{ model_name: "{model}" {version} {" ".join(maps)} }}'


def write(repository: Path, models: dict[str, Model]) -> None:
    """Write the models; python models answer with zeros."""
    for name, model in models.items():
        (repository / name / "1").mkdir(parents=True)
        sides = [f"{kind} [{', '.join(_tensors(side))}]" for kind, side in (("input", model.inputs), ("output", model.outputs))]
        steps = [f"ensemble_scheduling {{ step [ {', '.join(model.steps)} ] }}"] if model.steps else []
        (repository / name / "config.pbtxt").write_text("\n".join([f'name: "{name}"', model.head, *sides, *steps, ""]))
        if any("label_filename" in text for text in model.outputs.values()):
            (repository / name / "labels.txt").write_text("cat\ndog\n")
        if "python" in model.head:
            (repository / name / "1" / "model.py").write_text(ZEROS)


def _tensors(side: Side) -> list[str]:
    texts = []
    for name, text in side.items():
        declared, _, more = text.partition(";")
        datatype, _, dims = declared.partition(" ")
        texts.append(f'{{ name: "{name}" data_type: TYPE_{datatype} dims: {dims} {more} }}')
    return texts


PYTHON = 'backend: "python"\ninstance_group [{ kind: KIND_CPU }]\n'
ENSEMBLE = 'platform: "ensemble"\n'

ENSEMBLES: dict[str, dict[str, Model]] = {
    # A guide's chain of text detection and recognition, with two python models between ONNX and others.
    "scene_text": {
        "crop": Model(f"{PYTHON}max_batch_size: 256", {"raw": "UINT8 [-1]"}, {"cropped": "FP32 [1, 32, 100]"}),
        "read": Model(
            f"{PYTHON}max_batch_size: 64\ndynamic_batching {{ }}", {"img.1": "FP32 [1, 32, 100]"}, {"308": "FP32 [26, 37]"}
        ),
        "spell": Model(f"{PYTHON}max_batch_size: 0", {"logits": "FP32 [-1, 26, 37]"}, {"text": "STRING [-1]"}),
        "scene_text": Model(
            f"{ENSEMBLE}max_batch_size: 0",
            {"photo_bytes": "UINT8 [-1, -1]"},
            {"words": "STRING [-1]"},
            (
                step("crop", {"raw": "photo_bytes"}, {"cropped": "crops"}),
                step("read", {"img.1": "crops"}, {"308": "scores"}),
                step("spell", {"logits": "scores"}, {"text": "words"}),
            ),
        ),
    },
    # Preprocessing in Python before a network, with names in capitals.
    "classifier": {
        "prepare": Model(f"{PYTHON}max_batch_size: 8", {"INPUT_0": "UINT8 [-1]"}, {"OUTPUT_0": "FP32 [3, 4, 4]"}),
        "network": Model(
            f"{PYTHON}max_batch_size: 16", {"input": "FP32 [3, 4, 4]"}, {"output": 'FP32 [10]; label_filename: "labels.txt"'}
        ),
        "classifier": Model(
            f"{ENSEMBLE}max_batch_size: 8",
            {"INPUT": "UINT8 [-1]"},
            {"OUTPUT": "FP32 [10]"},
            (
                step("prepare", {"INPUT_0": "INPUT"}, {"OUTPUT_0": "prepared"}, "model_version: 1"),
                step("network", {"input": "prepared"}, {"output": "OUTPUT"}),
            ),
        ),
    },
    # A label and a caption of one picture: the second step takes the caller's tensor and the first one's.
    "captioner": {
        "label": Model(f"{PYTHON}max_batch_size: 4", {"INPUT_IMAGE": "STRING [1]"}, {"LABEL": "STRING [1]"}),
        "caption": Model(
            f"{PYTHON}max_batch_size: 4", {"INPUT": "STRING [1]", "LABEL": "STRING [1]"}, {"OUTPUT": "STRING [1]"}
        ),
        "captioner": Model(
            f"{ENSEMBLE}max_batch_size: 4",
            {"IMAGE": "STRING [1]"},
            {"CAPTION": "STRING [1]"},
            (
                step("label", {"INPUT_IMAGE": "IMAGE"}, {"LABEL": "l"}),
                step("caption", {"INPUT": "IMAGE", "LABEL": "l"}, {"OUTPUT": "CAPTION"}),
            ),
        ),
    },
    # A language model behind a tokenizer: optional inputs of the ensemble and of its models.
    "chat": {
        "tokenize": Model(
            f"{PYTHON}max_batch_size: 4", {"QUERY": "STRING [1]", "STOP": "STRING [-1]; optional: true"}, {"IDS": "INT32 [-1]"}
        ),
        "generate": Model(
            f"{PYTHON}max_batch_size: 4",
            {"input_ids": "INT32 [-1]", "temperature": "FP32 [1]; reshape { shape: [] } optional: true"},
            {"output_ids": "INT32 [-1, -1]"},
        ),
        "chat": Model(
            f"{ENSEMBLE}max_batch_size: 4",
            {"text_input": "STRING [1]", "stop": "STRING [-1]; optional: true", "temperature": "FP32 [1]; optional: true"},
            {"output_ids": "INT32 [-1, -1]"},
            (
                step("tokenize", {"QUERY": "text_input", "STOP": "stop"}, {"IDS": "ids"}),
                step("generate", {"input_ids": "ids", "temperature": "temperature"}, {"output_ids": "output_ids"}),
            ),
        ),
    },
    # Decoding of JPEG on a GPU by another backend, whose files Turnout does not know.
    "inception": {
        "decode": Model(
            'backend: "dali"\nmax_batch_size: 256', {"DALI_INPUT_0": "UINT8 [-1]"}, {"DALI_OUTPUT_0": "FP32 [299, 299, 3]"}
        ),
        "inception_graph": Model(
            'platform: "tensorrt_plan"\nmax_batch_size: 128\ninstance_group [{ kind: KIND_GPU count: 2 gpus: [0] }]',
            {"input": "FP32 [299, 299, 3]"},
            {"InceptionV3/Softmax": "FP32 [1001]"},
        ),
        "inception": Model(
            f"{ENSEMBLE}max_batch_size: 128",
            {"JPEG": "UINT8 [-1]"},
            {"SOFTMAX": "FP32 [1001]"},
            (
                step("decode", {"DALI_INPUT_0": "JPEG"}, {"DALI_OUTPUT_0": "decoded"}),
                step("inception_graph", {"input": "decoded"}, {"InceptionV3/Softmax": "SOFTMAX"}),
            ),
        ),
    },
    # Sentence embeddings: two tensors go from a tokenizer to an encoder, one of them also to a pooling step.
    "embeddings": {
        "tokens": Model(
            f"{PYTHON}max_batch_size: 0", {"TEXT": "STRING [-1]"}, {"ids": "INT64 [-1, -1]", "mask": "INT64 [-1, -1]"}
        ),
        "encoder": Model(
            f"{PYTHON}max_batch_size: 0", {"ids": "INT64 [-1, -1]", "mask": "INT64 [-1, -1]"}, {"hidden": "FP32 [-1, -1, 8]"}
        ),
        "pool": Model(
            f"{PYTHON}max_batch_size: 0", {"hidden": "FP32 [-1, -1, 8]", "mask": "INT64 [-1, -1]"}, {"mean": "FP32 [-1, 8]"}
        ),
        "embeddings": Model(
            f"{ENSEMBLE}max_batch_size: 0",
            {"TEXT": "STRING [-1]"},
            {"EMBEDDING": "FP32 [-1, 8]"},
            (
                step("tokens", {"TEXT": "TEXT"}, {"ids": "input_ids", "mask": "attention_mask"}),
                step("encoder", {"ids": "input_ids", "mask": "attention_mask"}, {"hidden": "states"}),
                step("pool", {"hidden": "states", "mask": "attention_mask"}, {"mean": "EMBEDDING"}),
            ),
        ),
    },
    # Detection with several outputs, of which the ensemble gives some.
    "detector": {
        "letterbox": Model(
            f"{PYTHON}max_batch_size: 1", {"img": "UINT8 [-1, -1, 3]"}, {"x": "FP32 [3, 8, 8]", "ratio": "FP32 [2]"}
        ),
        "yolo": Model(
            f'{PYTHON}max_batch_size: 1\nparameters {{ key: "execution_mode" value: {{ string_value: "1" }} }}',
            {"images": "FP32 [3, 8, 8]"},
            {"num_dets": "INT32 [1]", "det_boxes": "FP32 [-1, 4]", "det_scores": "FP32 [-1]"},
        ),
        "detector": Model(
            f"{ENSEMBLE}max_batch_size: 1",
            {"frame": "UINT8 [-1, -1, 3]"},
            {"boxes": "FP32 [-1, 4]", "scale": "FP32 [2]"},
            (
                step("letterbox", {"img": "frame"}, {"x": "net_input", "ratio": "scale"}),
                step("yolo", {"images": "net_input"}, {"det_boxes": "boxes"}),
            ),
        ),
    },
    # One model twice, for two pictures whose embeddings are compared.
    "same_person": {
        "embed": Model(
            f"{PYTHON}max_batch_size: 8\ndynamic_batching {{ preferred_batch_size: [4, 8] }}",
            {"face": "FP32 [3, 8, 8]"},
            {"vector": "FP32 [16]"},
        ),
        "compare": Model(f"{PYTHON}max_batch_size: 8", {"a": "FP32 [16]", "b": "FP32 [16]"}, {"score": "FP32 [1]"}),
        "same_person": Model(
            f"{ENSEMBLE}max_batch_size: 8",
            {"first": "FP32 [3, 8, 8]", "second": "FP32 [3, 8, 8]"},
            {"similarity": "FP32 [1]"},
            (
                step("embed", {"face": "first"}, {"vector": "v1"}),
                step("embed", {"face": "second"}, {"vector": "v2"}),
                step("compare", {"a": "v1", "b": "v2"}, {"score": "similarity"}),
            ),
        ),
    },
    # An ensemble inside an ensemble.
    "outer": {
        "one": Model(f"{PYTHON}max_batch_size: 4", {"a": "FP32 [4]"}, {"b": "FP32 [4]"}),
        "inner": Model(
            f"{ENSEMBLE}max_batch_size: 4", {"p": "FP32 [4]"}, {"q": "FP32 [4]"}, (step("one", {"a": "p"}, {"b": "q"}),)
        ),
        "outer": Model(
            f"{ENSEMBLE}max_batch_size: 4",
            {"given": "FP32 [4]"},
            {"result": "FP32 [4]"},
            (step("inner", {"p": "given"}, {"q": "between"}), step("one", {"a": "between"}, {"b": "result"})),
        ),
    },
    # Speech: a cache of responses, tags, a limit of requests in flight, and a warm-up of its own.
    "speech": {
        "features": Model(
            f'{PYTHON}max_batch_size: 64\nmetric_tags {{ key: "stage" value: "front" }}\ndynamic_batching {{ }}',
            {"wav": "FP32 [-1]", "wav_lens": "INT32 [1]"},
            {"speech": "FP16 [-1, 8]", "speech_lengths": "INT32 [1]"},
        ),
        "transcribe": Model(
            f"{PYTHON}max_batch_size: 64\nresponse_cache {{ enable: false }}",
            {"speech": "FP16 [-1, 8]", "speech_lengths": "INT32 [1]; reshape { shape: [] }"},
            {"transcripts": "STRING [1]"},
        ),
        "speech": Model(
            f'{ENSEMBLE}max_batch_size: 64\nmetric_tags {{ key: "stage" value: "all" }}',
            {"WAV": "FP32 [-1]", "WAV_LENS": "INT32 [1]"},
            {"TRANSCRIPTS": "STRING [1]"},
            (
                step("features", {"wav": "WAV", "wav_lens": "WAV_LENS"}, {"speech": "SPEECH", "speech_lengths": "LENGTHS"}),
                step("transcribe", {"speech": "SPEECH", "speech_lengths": "LENGTHS"}, {"transcripts": "TRANSCRIPTS"}),
            ),
        ),
    },
    # A chain by name only, as turnout export generates it.
    "plain": {
        "normalize": Model(f"{PYTHON}max_batch_size: 8", {"pixels": "UINT8 [3, 4, 4]"}, {"pixel_values": "FP32 [3, 4, 4]"}),
        "segment": Model(f"{PYTHON}max_batch_size: 8", {"pixel_values": "FP32 [3, 4, 4]"}, {"logits": "FP32 [1, 4, 4]"}),
        "plain": Model(
            f"{ENSEMBLE}max_batch_size: 8",
            {"pixels": "UINT8 [3, 4, 4]"},
            {"logits": "FP32 [1, 4, 4]"},
            (
                step("normalize", {"pixels": "pixels"}, {"pixel_values": "pixel_values"}),
                step("segment", {"pixel_values": "pixel_values"}, {"logits": "logits"}),
            ),
        ),
    },
}
