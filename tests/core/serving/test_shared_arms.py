"""Leases of shared arms."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from turnout import ModelInference
from turnout.serving.shared_arms import SharedArms
from turnout.testing import PlusOne


class Builder:
    """Builds arms and keeps them."""

    def __init__(self) -> None:
        self.arms: list[PlusOne] = []

    def __call__(self, resources: ExitStack) -> ModelInference:
        arm = PlusOne()
        resources.callback(arm.close)
        self.arms.append(arm)
        return arm


class Holder:
    """Holds one lease."""

    def __init__(self, shared: SharedArms, build: Builder, identity: object = 1, name: tuple[str, str] = ("m", "b")) -> None:
        self.resources = ExitStack()
        self.arm = shared.lease(*name, identity, build, self.resources)

    def close(self) -> None:
        self.resources.close()


def test_one_arm_serves_all_leases_and_is_closed_with_the_last() -> None:
    shared, build = SharedArms(), Builder()
    first, second = (Holder(shared, build) for _ in range(2))

    first.close()
    first.close()
    after_one = second.arm.ready()
    second.close()

    assert first.arm is second.arm
    assert after_one
    assert [arm.ready() for arm in build.arms] == [False]


def test_another_identity_is_another_arm_and_the_old_one_lives_as_long_as_its_leases() -> None:
    shared, build = SharedArms(), Builder()
    old, new = Holder(shared, build, identity=1), Holder(shared, build, identity=2)

    assert [arm.ready() for arm in build.arms] == [True, True]
    old.close()
    assert [arm.ready() for arm in build.arms] == [False, True]
    again = Holder(shared, build, identity=2)
    new.close()
    assert again.arm is new.arm
    assert again.arm.ready()


def test_models_and_backends_share_nothing() -> None:
    shared, build = SharedArms(), Builder()

    for name in (("m", "a"), ("m", "b"), ("n", "a")):
        Holder(shared, build, name=name)

    assert len(build.arms) == 3


def test_a_released_arm_is_built_again() -> None:
    shared, build = SharedArms(), Builder()
    first = Holder(shared, build)
    first.close()

    second = Holder(shared, build)

    assert second.arm is not first.arm
    assert [arm.ready() for arm in build.arms] == [False, True]


def test_an_arm_that_cannot_be_built_leaves_nothing_open() -> None:
    shared, opened = SharedArms(), PlusOne()

    def build(resources: ExitStack) -> ModelInference:
        resources.callback(opened.close)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        shared.lease("m", "b", 1, build, ExitStack())

    assert not opened.ready()
    assert Holder(shared, Builder()).arm.ready()


def test_an_arm_that_was_tried_and_released_leaves_the_one_in_use() -> None:
    shared, build = SharedArms(), Builder()
    serving = Holder(shared, build, identity=1)
    tried = Holder(shared, build, identity=2)

    tried.close()
    again = Holder(shared, build, identity=1)

    assert again.arm is serving.arm
    assert [arm.ready() for arm in build.arms] == [True, False]
