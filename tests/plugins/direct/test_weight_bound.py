from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from turnout.errors import ModelLoadError
from turnout_direct.weight_bound import bound_weights

WIDE = 5_000  # a square of it is 25 million elements
MANY = 10_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(bytes(1_000))
    return tmp_path


def test_a_config_of_many_weights_is_refused_before_they_are_made(folder: Path) -> None:
    with (
        pytest.raises(ModelLoadError, match=r"model 'm': '.*config\.json' asks for weights of 25,000,000 elements or more"),
        bound_weights(str(folder), "m"),
        torch.device("meta"),
    ):
        nn.Linear(WIDE, WIDE)


def test_a_config_of_many_layers_is_refused(folder: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"parts or more, and .* 1,000 bytes"), bound_weights(str(folder), "m"):
        nn.ModuleList(nn.Identity() for _ in range(MANY))


def test_a_large_checkpoint_may_have_many(folder: Path) -> None:
    with (folder / "pytorch_model-1.bin").open("wb") as stream:
        stream.truncate(100_000_000)  # sparse

    with bound_weights(str(folder), "m"), torch.device("meta"):
        nn.Linear(WIDE, WIDE)
        nn.ModuleList(nn.Identity() for _ in range(MANY))


def test_a_name_on_the_hub_has_no_bound(tmp_path: Path) -> None:
    with bound_weights(str(tmp_path / "none"), "m"), torch.device("meta"):
        nn.Linear(WIDE, WIDE)


def test_weights_that_were_read_are_not_counted_twice(folder: Path) -> None:
    with bound_weights(str(folder), "m"):
        nn.Linear(WIDE, WIDE, dtype=torch.float16)


def test_other_threads_build_what_they_like(folder: Path) -> None:
    built = []

    def build() -> None:
        with torch.device("meta"):
            built.append(nn.Linear(WIDE, WIDE))

    with bound_weights(str(folder), "m"):
        thread = threading.Thread(target=build)
        thread.start()
        thread.join()

    assert built


def test_nothing_is_counted_afterwards(folder: Path) -> None:
    with pytest.raises(ModelLoadError), bound_weights(str(folder), "m"), torch.device("meta"):
        nn.Linear(WIDE, WIDE)

    with torch.device("meta"):
        nn.Linear(WIDE, WIDE)
