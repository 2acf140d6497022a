"""TorchScript and ``generate()``, hosted by a real server."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from turnout import ConfigurationRequest, ExportRequest, ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import datatype_of, to_binary
from turnout_triton.repository.configure import configure
from turnout_triton.server import LocalServer, ServerOptions
from turnout_triton.server.generate_export import FILENAME, export_generate
from turnout_triton.server.private_environment import PrivateEnvironment, default_folder

CHECKPOINT = Path(__file__).parents[4] / "examples" / "checkpoints" / "captioner"
WIDTH = 14

CONFIGS = {
    "named": """
        platform: "pytorch_libtorch"
        max_batch_size: 4
        dynamic_batching { preferred_batch_size: [4] max_queue_delay_microseconds: 300000 }
        input [ { name: "b" data_type: TYPE_FP32 dims: [2] }, { name: "a" data_type: TYPE_FP32 dims: [2] } ]
        output [ { name: "difference__1" data_type: TYPE_FP32 dims: [2] }, { name: "sum__0" data_type: TYPE_FP32 dims: [2] } ]
    """,
    "indexed": """
        backend: "pytorch"
        parameters { key: "INTRA_OP_THREAD_COUNT" value { string_value: "1" } }
        input [ { name: "y__1" data_type: TYPE_BF16 dims: [-1] }, { name: "x__0" data_type: TYPE_FP32 dims: [-1] } ]
        output [ { name: "sum" data_type: TYPE_FP32 dims: [1] }, { name: "twice" data_type: TYPE_BF16 dims: [-1] } ]
    """,
    "text": """
        platform: "pytorch_libtorch"
        input [ { name: "words" data_type: TYPE_STRING dims: [-1] } ]
        output [ { name: "doubled__0" data_type: TYPE_STRING dims: [-1] } ]
    """,
    "mapped": """
        platform: "pytorch_libtorch"
        input [ { name: "a" data_type: TYPE_INT64 dims: [-1] }, { name: "b" data_type: TYPE_INT64 dims: [-1] } ]
        output [ { name: "difference__0" data_type: TYPE_INT64 dims: [-1] } ]
    """,
}


def prompts() -> dict[str, np.ndarray]:
    """Return four pictures with prompts of one, two and three words after the first token."""
    random = np.random.default_rng(7)
    ids = np.array([[4, 5, 6, 0], [4, 5, 6, 7], [4, 8, 0, 0], [4, 5, 6, 0]], dtype=np.int64)
    pixels = random.standard_normal((4, 3, 96, 96), dtype=np.float32)
    return {"pixel_values": pixels, "input_ids": ids, "attention_mask": (ids != 0).astype(np.int64)}


def options(**changed: object) -> SimpleNamespace:
    known = {
        "loader": "transformers",
        "method": "generate",
        "class_": "BlipForConditionalGeneration",
        "checkpoint": str(CHECKPOINT),
        "revision": None,
        "trust_remote_code": False,
        "dtype": None,
        "threads": 1,
        "generate": SimpleNamespace(arguments=lambda: {"max_length": WIDTH, "do_sample": False}),
    }
    return SimpleNamespace(**(known | changed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder with a model repository, and the ids that transformers generates for ``prompts``."""
    folder = tmp_path_factory.mktemp("torch")
    environment = PrivateEnvironment(default_folder(), print)
    environment.ensure({"torch", "transformers", "onnxruntime"})
    np.savez(folder / "prompts.npz", **prompts())
    program = [environment.folder / "bin" / "python", "-W", "ignore", Path(__file__).with_name("torch_models.py")]
    given = [folder / "repository", CHECKPOINT, folder / "prompts.npz", folder / "answers.json"]
    subprocess.run([*program, *given], check=True, timeout=240)
    write_captions(folder / "repository" / "captions")
    for name, config in CONFIGS.items():
        (folder / "repository" / name / "config.pbtxt").write_text(config)
    return folder


def write_captions(folder: Path) -> None:
    """Write the model folder of ``turnout export captions --format generate``."""
    (folder / "1").mkdir(parents=True)
    model = ModelDeclaration("captions", max_batch_size=4)
    signature = export_generate(ExportRequest(model, options(), folder / "1" / FILENAME))
    written = configure(ConfigurationRequest(model, None, folder, 1, FILENAME, signature))
    (folder / "config.pbtxt").write_bytes(written.files["config.pbtxt"])


@pytest.fixture(scope="module")
def torch_server(folder) -> Iterator[LocalServer]:
    with LocalServer(folder / "repository", ServerOptions(trust=True, grace_seconds=0)) as server:
        yield server


def infer(server: LocalServer, model: str, **arrays: np.ndarray) -> dict[str, np.ndarray]:
    inputs = []
    for name, array in arrays.items():
        given = InferInput(name, list(array.shape), datatype_of(array.dtype))
        given._raw_content = to_binary(array)
        inputs.append(given)
    with InferenceServerClient(server.grpc_url) as client:
        response = client.infer(model, inputs, client_timeout=60)
    raw = zip(response.get_response().outputs, response.get_response().raw_output_contents, strict=True)
    return {
        output.name: np.frombuffer(data, dtype=ml_dtypes.bfloat16)
        if output.datatype == "BF16"
        else response.as_numpy(output.name)
        for output, data in raw
    }


def test_inputs_are_found_by_argument_and_outputs_by_number(torch_server) -> None:
    a, b = np.array([[1, 2]], dtype=np.float32), np.array([[10, 20]], dtype=np.float32)

    answer = infer(torch_server, "named", a=a, b=b)

    assert {name: array.tolist() for name, array in answer.items()} == {"difference__1": [[-9, -18]], "sum__0": [[11, 22]]}


def test_of_merged_requests_only_the_bad_one_fails(torch_server) -> None:
    start = threading.Barrier(4)

    def caller(value: float) -> list[float] | str:
        start.wait()
        a = np.full((1, 2), value, dtype=np.float32)
        try:
            return infer(torch_server, "named", a=a, b=a)["sum__0"][0].tolist()
        except InferenceServerException as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        first, bad, *others = pool.map(caller, (1, -1, 2, 3))

    assert "a is negative" in bad
    assert [first, *others] == [[2, 2], [4, 4], [6, 6]]


def test_numbered_inputs_rank_0_and_bf16(torch_server) -> None:
    x = np.array([1.5, 2.5], dtype=np.float32)
    y = np.array([1.5, -3.0, np.inf], dtype=ml_dtypes.bfloat16)

    answer = infer(torch_server, "indexed", x__0=x, y__1=y)

    assert answer["sum"].tolist() == [4.0]
    assert answer["twice"].tolist() == [3.0, -6.0, np.inf]


def test_text_goes_in_and_comes_out(torch_server) -> None:
    words = np.array([b"a", "ü".encode(), b""], dtype=object)

    answer = infer(torch_server, "text", words=words)

    assert answer["doubled__0"].tolist() == [b"aa", "üü".encode(), b""]


def test_a_forward_with_a_mapping_gets_one(torch_server) -> None:
    answer = infer(torch_server, "mapped", a=np.array([5, 7]), b=np.array([1, 2]))

    assert answer["difference__0"].tolist() == [4, 5]


def test_hosted_generate_runs_each_row_as_if_alone(torch_server, folder) -> None:
    expected = json.loads((folder / "answers.json").read_text())

    generated = infer(torch_server, "captions", **prompts())["generated_ids"]

    assert generated.shape == (4, WIDTH)
    assert [row[: len(answer)].tolist() for row, answer in zip(generated, expected, strict=True)] == expected
    assert all(not row[len(answer) :].any() for row, answer in zip(generated, expected, strict=True))


def pad_left(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return given | {"attention_mask": given["attention_mask"][:, ::-1].copy()}


def replace_a_token(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return given | {"input_ids": np.where(given["input_ids"] == 6, 4711, given["input_ids"])}


def keep_one_token(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return given | {name: given[name][:, :1].copy() for name in ("input_ids", "attention_mask")}


def lengthen(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return given | {name: np.ones((4, WIDTH + 1), dtype=np.int64) for name in ("input_ids", "attention_mask")}


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (pad_left, "pad prompts on the right"),
        (replace_a_token, "holds token 4711; the model knows 0 to 48"),
        (keep_one_token, "has 1 token; this model needs 2 or more"),
        (lengthen, "no room for an answer within max_length 14"),
    ],
)
def test_hosted_generate_refuses_a_bad_prompt_and_runs_the_next(torch_server, spoil, text) -> None:
    with pytest.raises(InferenceServerException, match=text):
        infer(torch_server, "captions", **spoil(prompts()))

    assert infer(torch_server, "captions", **prompts())["generated_ids"].shape == (4, WIDTH)


@pytest.mark.parametrize("changed", [{"method": "forward"}, {"loader": "torchscript"}])
def test_a_model_that_does_not_generate_is_refused_at_export(changed, tmp_path) -> None:
    with pytest.raises(ExportError, match="--format onnx or torchscript"):
        export_generate(ExportRequest(ModelDeclaration("m"), options(**changed), tmp_path / FILENAME))
