"""Instance groups: how many instances of a model this process opens, and where, in Triton's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from turnout.errors import ModelLoadError
from turnout.plugins.options import Options
from turnout.plugins.visible_gpus import count_visible_gpus

MOST_INSTANCES = 256
_KINDS = ("KIND_CPU", "KIND_GPU")
_SERVER_KINDS = ("KIND_AUTO", "KIND_MODEL")
_SERVER_KEYS = ("name", "profile", "passive", "host_policy", "rate_limiter", "secondary_devices")


class InstanceGroup(Options):
    """Instances of a model that run at the same time, each one opened on its own.

    Attributes:
        kind: KIND_CPU or KIND_GPU.
        count: the number of instances; with KIND_GPU, on each GPU.
        gpus: the GPUs by number, with KIND_GPU; by default every GPU that this process sees.
    """

    kind: Literal["KIND_CPU", "KIND_GPU"]
    count: int = Field(1, ge=1, le=MOST_INSTANCES)
    gpus: tuple[Annotated[int, Field(ge=0, le=1023)], ...] = Field((), max_length=MOST_INSTANCES)

    @model_validator(mode="before")
    @classmethod
    def _refuse_keys_of_a_server(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            if foreign := [key for key in _SERVER_KEYS if key in given]:
                raise ValueError(
                    f"key {foreign[0]!r} is for a model server and has no effect in this process, where a group has: kind, "
                    "count, gpus; remove it"
                )
            if "kind" not in given:
                raise ValueError(f"an instance group needs a kind here; write 'kind: {_KINDS[0]}' or 'kind: {_KINDS[1]}'")
        return given

    @field_validator("kind", mode="before")
    @classmethod
    def _refuse_kinds_of_a_server(cls, kind: Any) -> Any:
        if kind in _SERVER_KINDS:
            raise ValueError(f"{kind!r} leaves the choice to a server; write {_KINDS[0]} or {_KINDS[1]} here")
        return kind

    @model_validator(mode="after")
    def _check_gpus(self) -> InstanceGroup:
        if self.count * len(self.gpus) > MOST_INSTANCES:
            most = MOST_INSTANCES // len(self.gpus)
            raise ValueError(f"a group has {MOST_INSTANCES} instances at most, on {len(self.gpus)} GPUs 'count: {most}'")
        if self.gpus and self.kind == "KIND_CPU":
            raise ValueError("'gpus' is for KIND_GPU, and this group is KIND_CPU; remove 'gpus', or write 'kind: KIND_GPU'")
        if twice := [gpu for gpu in self.gpus if self.gpus.count(gpu) > 1]:
            raise ValueError(
                f"'gpus' has {twice[0]} {self.gpus.count(twice[0])} times; write each GPU once, and a 'count' for more on each"
            )
        return self

    def __str__(self) -> str:
        """Return the group in words, such as ``2 KIND_GPU on each of GPU 0, 1``."""
        if self.kind == "KIND_CPU":
            return f"{self.count} {self.kind}"
        return f"{self.count} {self.kind} on {_places(self.gpus)}"

    def devices(self) -> tuple[int | None, ...]:
        """Return the number of the GPU of each instance; None for each on the CPU.

        Raises:
            ModelLoadError: the group has no ``gpus``, and this process sees none.
        """
        if self.kind == "KIND_CPU":
            return (None,) * self.count
        gpus = self.gpus or tuple(range(_count_gpus()))
        # GPU by GPU in turn, so that the first requests do not share one while others are idle.
        return gpus * self.count


def _places(gpus: Sequence[int]) -> str:
    if not gpus:
        return "each visible GPU"
    return f"GPU {gpus[0]}" if len(gpus) == 1 else f"each of GPU {', '.join(map(str, gpus))}"


def _count_gpus() -> int:
    found = count_visible_gpus()
    if found:
        return found
    raise ModelLoadError(
        "an instance group of KIND_GPU without 'gpus' means every visible GPU, and this process sees none (NVIDIA's driver, "
        "CUDA_VISIBLE_DEVICES); write the numbers as 'gpus: [0]', or 'kind: KIND_CPU'"
    )
