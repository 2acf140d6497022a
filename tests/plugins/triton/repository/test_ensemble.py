"""Ensembles: models chained inside the server."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from turnout.errors import ExportError
from turnout_triton.repository.config_file import read_config

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


@pytest.fixture
def chain(project: Any, save_model: Any) -> Any:
    """Return a function that writes one-node models, each of inputs and outputs by name, and makes an ensemble of them."""

    def make(*models: tuple[str, list[Any], list[Any]], max_batch_size: int = 8, sizes: dict[str, int] | None = None) -> Any:
        for name, inputs, outputs in models:
            node = helper.make_node(
                "Sum" if len(outputs) == 1 else "Split", [one[0] for one in inputs], [one[0] for one in outputs]
            )
            save_model(project.repository / name / "1" / "model.onnx", [node], inputs, outputs)
            project.configure(project.model(name, max_batch_size=(sizes or {}).get(name, 8)))
        options = project.options(ensemble=[name for name, _, _ in models])
        project.configure(project.model("chain", max_batch_size=max_batch_size), options)
        return read_config(project.config_file("chain")).config

    return make


def tensor(name: str, datatype: int = FLOAT, *sizes: int | str) -> Any:
    return (name, datatype, ["rows", *(sizes or (3,))])


def test_an_output_feeds_the_next_input_of_its_name_and_other_inputs_come_from_the_caller(chain: Any) -> None:
    config = chain(
        ("one", [tensor("a")], [tensor("b")]),
        ("two", [tensor("b"), tensor("mask")], [tensor("c")]),
        ("three", [tensor("c")], [tensor("d")]),
    )

    steps = config.ensemble_scheduling.step
    assert (config.platform, config.max_batch_size) == ("ensemble", 8)
    assert [one.name for one in config.input] == ["a", "mask"]
    assert [one.name for one in config.output] == ["d"]
    assert [dict(step.input_map) for step in steps] == [{"a": "a"}, {"b": "0/b", "mask": "mask"}, {"c": "1/c"}]
    assert [dict(step.output_map) for step in steps] == [{"b": "0/b"}, {"c": "1/c"}, {"d": "d"}]


def test_one_output_and_one_input_are_connected_whatever_their_names(chain: Any) -> None:
    config = chain(("one", [tensor("a")], [tensor("pixels")]), ("two", [tensor("image", FLOAT, "any")], [tensor("c")]))

    assert dict(config.ensemble_scheduling.step[1].input_map) == {"image": "0/pixels"}


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (
            (("one", [tensor("a")], [tensor("b")]), ("two", [tensor("b", INT64)], [tensor("c", INT64)])),
            "output 'b' is FP32 [3], and input 'b' of 'two' takes INT64 [3]; a pipeline can convert it, an ensemble cannot",
        ),
        (
            (("one", [tensor("a")], [tensor("b")]), ("two", [tensor("b", FLOAT, 4)], [tensor("c", FLOAT, 4)])),
            "output 'b' is FP32 [3], and input 'b' of 'two' takes FP32 [4]",
        ),
        (
            (("one", [tensor("a")], [tensor("b")]), ("two", [tensor("p"), tensor("q")], [tensor("c")])),
            (
                "'two' uses no output of the models before it: its inputs are 'p' FP32 [3], 'q' FP32 [3], the earlier outputs "
                "are 'b' FP32 [3]; rename one, or use a pipeline, whose steps can convert them"
            ),
        ),
        (
            (("one", [tensor("a")], [tensor("b")]), ("two", [tensor("b"), tensor("a", FLOAT, 5)], [tensor("c")])),
            "two of its models take 'a' from the caller, as FP32 [3] and as FP32 [5]; rename one",
        ),
        (
            (("one", [tensor("a")], [tensor("b")]), ("two", [tensor("b")], [tensor("a")])),
            "would have an input and an output called 'a', which Triton cannot distinguish; rename that output of 'two'",
        ),
        ((("one", [tensor("a")], [tensor("b")]),), "has one model; name two or more, in order"),
    ],
)
def test_a_mismatch_is_named(chain: Any, models: Any, message: str) -> None:
    with pytest.raises(ExportError) as caught:
        chain(*models)

    assert message in str(caught.value)
    assert "ensemble 'chain'" in str(caught.value)


@pytest.mark.parametrize(
    ("max_batch_size", "sizes", "message"),
    [
        (8, {"two": 0}, "mixes models with and without a batch axis (max_batch_size: 'one' 8, 'two' 0)"),
        (8, {"two": 4}, "has max_batch_size 8, its models have 'one' 8, 'two' 4; write max_batch_size: 4"),
        (0, {}, "has max_batch_size 0, its models have 'one' 8, 'two' 8; write max_batch_size: 8"),
    ],
)
def test_batch_sizes_must_match(chain: Any, max_batch_size: int, sizes: dict[str, int], message: str) -> None:
    two = (("one", [tensor("a")], [tensor("b")]), ("two", [tensor("b")], [tensor("c")]))

    with pytest.raises(ExportError) as caught:
        chain(*two, max_batch_size=max_batch_size, sizes=sizes)

    assert message in str(caught.value)


def test_a_member_that_is_missing_or_streams_is_named(project: Any, chain: Any) -> None:
    chain(("one", [tensor("a")], [tensor("b")]), ("two", [tensor("b")], [tensor("c")]))

    with pytest.raises(ExportError, match=r"ensemble 'e' needs the model 'three'.*turnout export three"):
        project.configure(project.model("e"), project.options(ensemble=["one", "three"]))
    config = project.config_file("two")
    config.write_text(config.read_text() + "model_transaction_policy { decoupled: true }\n")
    with pytest.raises(ExportError, match=r"'two' streams its responses \(decoupled\)"):
        project.configure(project.model("e"), project.options(ensemble=["one", "two"]))


@pytest.mark.parametrize("key", ["instance_group", "optimization", "model_warmup"])
def test_an_ensemble_has_no_options_of_models_that_run(project: Any, key: str) -> None:
    settings = {"instance_group": [{}], "optimization": {}, "model_warmup": [{"data": "zero"}]}
    options = project.options(ensemble=["one", "two"], model_config={key: settings[key]})

    with pytest.raises(ExportError, match=f"runs no model of its own, so Triton accepts no {key} for it"):
        project.configure(project.model("e"), options)


def test_the_real_server_runs_the_chain(served: Any) -> None:
    from tritonclient.grpc import InferenceServerClient, InferInput

    _, server = served
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    given = InferInput("x", x.shape, "FP32")
    given.set_data_from_numpy(x)

    with InferenceServerClient(server.grpc_url.split("://")[-1]) as client:
        z = client.infer("both", [given]).as_numpy("z")
        counted = client.get_inference_statistics("shift").model_stats[0].inference_count

    np.testing.assert_array_equal(z, 2 * x + 1)
    assert counted >= 2
