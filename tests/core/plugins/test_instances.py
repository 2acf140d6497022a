"""Instance groups: what may be written, and which devices they mean."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from turnout import InstanceGroup
from turnout.errors import ModelLoadError
from turnout.plugins import instances as module


@pytest.fixture
def _two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "count_visible_gpus", lambda: 2)


def refusal(**written: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        InstanceGroup.model_validate(written)
    [error] = caught.value.errors()
    return str(error["msg"])


@pytest.mark.parametrize(
    ("written", "devices"),
    [
        ({"kind": "KIND_CPU"}, (None,)),
        ({"kind": "KIND_CPU", "count": 3}, (None, None, None)),
        ({"kind": "KIND_GPU", "gpus": [1]}, (1,)),
        ({"kind": "KIND_GPU", "gpus": [0, 2], "count": 2}, (0, 2, 0, 2)),
        ({"kind": "KIND_GPU", "count": "2", "gpus": ["1"]}, (1, 1)),
    ],
)
def test_a_count_is_per_listed_gpu(written: dict[str, Any], devices: tuple[int | None, ...]) -> None:
    assert InstanceGroup.model_validate(written).devices() == devices


@pytest.mark.usefixtures("_two_gpus")
def test_a_group_of_gpus_without_a_list_has_every_visible_one() -> None:
    assert InstanceGroup(kind="KIND_GPU", count=2).devices() == (0, 1, 0, 1)


def test_every_visible_gpu_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "count_visible_gpus", lambda: 0)

    with pytest.raises(
        ModelLoadError, match=r"this process sees none .* write the numbers as 'gpus: \[0\]', or 'kind: KIND_CPU'"
    ):
        InstanceGroup(kind="KIND_GPU").devices()


@pytest.mark.parametrize("kind", ["KIND_AUTO", "KIND_MODEL"])
def test_a_kind_of_a_server_is_refused_with_those_that_may_be_written(kind: str) -> None:
    assert refusal(kind=kind).endswith(f"{kind!r} leaves the choice to a server; write KIND_CPU or KIND_GPU here")


def test_another_kind_is_refused_with_those_that_may_be_written() -> None:
    assert refusal(kind="cpu") == "Input should be 'KIND_CPU' or 'KIND_GPU'"


def test_a_group_without_a_kind_is_refused_with_those_that_may_be_written() -> None:
    assert refusal(count=2).endswith("write 'kind: KIND_CPU' or 'kind: KIND_GPU'")


@pytest.mark.parametrize("key", ["name", "profile", "passive", "host_policy", "rate_limiter", "secondary_devices"])
def test_a_key_of_a_server_is_refused_with_those_that_a_group_has(key: str) -> None:
    assert f"key {key!r} is for a model server" in refusal(kind="KIND_CPU", **{key: 1})


def test_a_cpu_group_refuses_gpus() -> None:
    assert "remove 'gpus', or write 'kind: KIND_GPU'" in refusal(kind="KIND_CPU", gpus=[0])


def test_a_gpu_that_is_listed_twice_is_refused() -> None:
    assert "'gpus' has 1 2 times; write each GPU once" in refusal(kind="KIND_GPU", gpus=[1, 0, 1])


@pytest.mark.parametrize("count", [0, -1, 257, 1.5, True, "two"])
def test_a_count_is_between_1_and_256(count: object) -> None:
    assert refusal(kind="KIND_CPU", count=count)


def test_a_group_has_256_instances_at_most_on_all_its_gpus() -> None:
    assert "a group has 256 instances at most, on 3 GPUs 'count: 85'" in refusal(kind="KIND_GPU", gpus=[0, 1, 2], count=86)
    assert len(InstanceGroup(kind="KIND_GPU", gpus=(0, 1, 2), count=85).devices()) == 255


@pytest.mark.parametrize("gpus", [[-1], [1024], ["GPU-1"], 0, [True], list(range(300))])
def test_a_gpu_is_a_number(gpus: object) -> None:
    assert refusal(kind="KIND_GPU", gpus=gpus)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"kind": "KIND_CPU", "count": 2}, "2 KIND_CPU"),
        ({"kind": "KIND_GPU", "gpus": [3]}, "1 KIND_GPU on GPU 3"),
        ({"kind": "KIND_GPU", "gpus": [0, 1], "count": 2}, "2 KIND_GPU on each of GPU 0, 1"),
        ({"kind": "KIND_GPU"}, "1 KIND_GPU on each visible GPU"),
    ],
)
def test_a_group_says_in_words_what_it_is(written: dict[str, Any], text: str) -> None:
    assert str(InstanceGroup.model_validate(written)) == text
