"""Instances: modules of their own; on GPUs only their options, because there is no GPU here."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import turnout
from turnout import Turnout
from turnout.errors import ModelLoadError
from turnout.metrics import Metrics
from turnout_direct.instances import instance_options
from turnout_direct.options import DirectOptions

FACTORY = {"loader": "factory", "factory": "turnout_test_modules:Perceptron", "arguments": {"width": 32}}
TWO = [{"kind": "KIND_CPU", "count": 2}]

pytestmark = pytest.mark.usefixtures("_modules")


def options(**more: Any) -> DirectOptions:
    return DirectOptions.model_validate({**FACTORY, **more})


def open_app(**more: Any) -> Turnout:
    torch.manual_seed(1)
    given = {**FACTORY, "threads": 1, **more}
    model = {"backend": "direct", "inputs": {"x": "FP32[-1,32]"}, "backends": {"direct": given}}
    return turnout.open({"models": {"m": model}}, metrics=Metrics())


def modules() -> list[torch.nn.Module]:
    gc.collect()
    return [each for each in gc.get_objects() if type(each).__name__ == "Perceptron"]


def test_without_a_group_there_is_one_module() -> None:
    with open_app() as app:
        app.model("m").open()

        assert len(modules()) == 1
    assert not instance_options(options())


def test_each_instance_is_a_module_of_its_own_with_its_own_weights_and_all_are_released() -> None:
    with open_app(instance_group=[{"kind": "KIND_CPU", "count": 3}]) as app:
        app.model("m").open()
        weights = {next(module.parameters()).data_ptr() for module in modules()}

    assert len(weights) == 3
    assert not modules()


def test_as_many_modules_run_at_once_as_there_are_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    from turnout_test_modules import Scale

    lock, running, most = threading.Lock(), [0], [0]
    full = threading.Barrier(2, timeout=20)

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        full.wait()
        with lock:
            running[0] -= 1
        return x * 2

    monkeypatch.setattr(Scale, "forward", forward)
    scale = {"factory": "turnout_test_modules:Scale", "arguments": {}, "instance_group": TWO}
    with open_app(**scale) as app, ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: app.model("m").infer({"x": np.ones((1, 32), np.float32)})["output"][0, 0], range(12)))

    assert answers == [2.0] * 12
    assert most == [2]


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_saved_module_gives_every_instance_the_same_weights(tmp_path: Any) -> None:
    from turnout_test_modules import Perceptron

    file = tmp_path / "model.pt"
    torch.jit.trace(Perceptron(32).eval(), torch.zeros(1, 32)).save(str(file))
    rows = np.random.default_rng(3).standard_normal((40, 1, 32)).astype(np.float32)
    saved = {"loader": "torchscript", "path": str(file), "trust": True, "threads": 1}
    model = {"backend": "direct", "inputs": {"x": "FP32[-1,32]"}, "outputs": {"y": "FP32[-1,32]"}}

    def answers(**more: Any) -> list[Any]:
        settings = {"models": {"m": model | {"backends": {"direct": {**saved, **more}}}}}
        with turnout.open(settings, metrics=Metrics()) as app, ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda row: app.model("m").infer({"x": row})["y"].tobytes(), rows))

    assert answers(instance_group=TWO) == answers()


@pytest.mark.parametrize(
    ("group", "devices"),
    [
        (TWO, ["cpu", "cpu"]),
        ([{"kind": "KIND_GPU", "gpus": [0, 1], "count": 2}], ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]),
        ([{"kind": "KIND_GPU", "gpus": [2]}, {"kind": "KIND_CPU"}], ["cuda:2", "cpu"]),
    ],
)
def test_the_kind_decides_the_device(group: Any, devices: list[str]) -> None:
    found = instance_options(options(instance_group=group))

    assert [one.device for one in found] == devices
    assert {one.instance_group for one in found} == {()}


@pytest.mark.parametrize(
    ("group", "device", "text"),
    [
        (TWO, "cuda", "KIND_CPU contradicts device 'cuda'; remove 'device', since instance_group says where"),
        (TWO, "mps", "KIND_CPU contradicts device 'mps'"),
        ([{"kind": "KIND_GPU"}], "cpu", "KIND_GPU contradicts device 'cpu'"),
        ([{"kind": "KIND_GPU"}], "cuda:1", "KIND_GPU contradicts device 'cuda:1'"),
    ],
)
def test_a_device_that_contradicts_the_kind_is_refused(group: Any, device: str, text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        options(instance_group=group, device=device)


@pytest.mark.parametrize(("group", "device"), [(TWO, "cpu"), (TWO, "auto"), ([{"kind": "KIND_GPU"}], "cuda")])
def test_a_device_that_agrees_with_the_kind_is_accepted(group: Any, device: str) -> None:
    assert options(instance_group=group, device=device).device == device


def test_a_gpu_that_is_missing_is_an_error_with_what_there_is() -> None:
    with (
        open_app(instance_group=[{"kind": "KIND_GPU", "gpus": [7]}]) as app,
        pytest.raises(ModelLoadError, match=r"needs device 'cuda:7'; torch .* finds: .*cpu"),
    ):
        app.model("m").open()
