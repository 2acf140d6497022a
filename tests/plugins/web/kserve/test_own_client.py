"""Turnout asks Turnout: the backend ``triton`` with the URL of this server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.plugins.web.kserve.running import Running
from tests.plugins.web.kserve.test_tritonclient import values

import turnout
from turnout.errors import DeadlineExceededError, InvalidTensorError, TurnoutError
from turnout.tensors import DTYPES


@pytest.fixture
def asking(ours: Running) -> Iterator[turnout.Turnout]:
    """Yield an app whose models are those of the server."""
    options = {"triton": {"url": f"http://{ours.address}"}}
    batched = {"identity": 8, "bfloat16": 8}
    models: dict[str, Any] = {
        name: {"backend": "triton", "max_batch_size": batched.get(name, 0), "backends": options}
        for name in ("identity", "datatypes", "bfloat16", "rank0")
    }
    models["nothing"] = {"backend": "triton", "backends": options}
    with turnout.open({"models": models}) as app:
        yield app


def test_the_signature_is_the_models_own(asking) -> None:
    signature = asking.model("identity").signature()

    assert [(spec.name, spec.datatype, spec.shape) for spec in signature.inputs] == [("x", "FP32", (-1, -1))]
    assert asking.model("rank0").signature().inputs[0].shape in ((), None)


def test_every_datatype_comes_back(asking) -> None:
    answer = asking.model("datatypes").infer({f"x_{one}": values(one) for one in DTYPES if one != "BF16"})
    half = asking.model("bfloat16").infer({"x_BF16": values("BF16")})

    for name, array in {**answer.outputs, **half.outputs}.items():
        assert np.array_equal(array, values(name.removeprefix("y_"))), name
    assert answer.model_version == "1"


@pytest.mark.parametrize("shape", [(1, 1), (8, 200_000)])
def test_small_and_large_tensors_come_back(asking, shape) -> None:
    array = np.random.default_rng(1).standard_normal(shape).astype(np.float32)

    assert np.array_equal(asking.model("identity").infer({"x": array})["y"], array)


def test_many_callers_get_their_own_answers(asking) -> None:
    async def ask() -> list[float]:
        asked = [asking.model("identity").ainfer({"x": np.full((1, 2), number, np.float32)}) for number in range(40)]
        return [float(one["y"][0, 0]) for one in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == list(range(40))


def test_the_server_refuses_as_the_model_does(asking) -> None:
    with pytest.raises(InvalidTensorError, match="over max_batch_size 8"):
        asking.model("identity").infer({"x": np.ones((9, 1), np.float32)})
    with pytest.raises(TurnoutError, match="nothing"):
        asking.model("nothing").infer({"x": np.ones((1, 1), np.float32)})
    with pytest.raises(DeadlineExceededError):
        asking.model("identity").infer({"x": np.ones((1, 1), np.float32)}, timeout_seconds=0.0)

    assert asking.model("identity").infer({"x": np.ones((1, 1), np.float32)})["y"].tolist() == [[1.0]]
