from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout.errors import ConfigurationError
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.checkpoints.weights import read_number

BEFORE = b"\x11" * 12
# 2.65625 in each datatype.
VALUES = {
    "F64": np.float64(2.65625).tobytes(),
    "F32": np.float32(2.65625).tobytes(),
    "F16": np.float16(2.65625).tobytes(),
    "BF16": np.float32(2.65625).tobytes()[2:],
}


def safetensors(entry: dict[str, Any], content: bytes, name: str = "logit_scale") -> bytes:
    header = {"__metadata__": {"format": "pt"}, "first": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}, name: entry}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + BEFORE + content


def entry(datatype: str = "F32", shape: Any = (), start: int = 12, end: int | None = None) -> dict[str, Any]:
    end = start + len(VALUES[datatype]) if end is None else end
    return {"dtype": datatype, "shape": list(shape), "data_offsets": [start, end]}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return Checkpoint("clip", folder=tmp_path)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., None]:
    return lambda content, name="model.safetensors": (tmp_path / name).write_bytes(content)


@pytest.mark.parametrize("datatype", VALUES)
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_number_of_each_datatype_is_read(checkpoint: Checkpoint, save: Any, datatype: str, shape: tuple[int, ...]) -> None:
    save(safetensors(entry(datatype, shape), VALUES[datatype]))

    assert read_number(checkpoint, "logit_scale") == 2.65625
    assert read_number(checkpoint, "logit_bias") is None


def test_a_number_in_one_of_several_files_is_found_by_the_index(checkpoint: Checkpoint, save: Any) -> None:
    save(safetensors(entry(), VALUES["F32"]), "model-2-of-2.safetensors")
    save(json.dumps({"weight_map": {"logit_scale": "model-2-of-2.safetensors"}}).encode(), "model.safetensors.index.json")

    assert read_number(checkpoint, "logit_scale") == 2.65625
    assert read_number(checkpoint, "logit_bias") is None


def test_a_checkpoint_without_safetensors_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(ConfigurationError, match=r"checkpoint 'clip' has no model\.safetensors, where 'logit_scale' would be"):
        read_number(checkpoint, "logit_scale")


@pytest.mark.parametrize("part", ["../other.safetensors", "/etc/hostname", "gone.safetensors", 7, ["a"]])
def test_an_index_that_leads_elsewhere_is_refused(checkpoint: Checkpoint, save: Any, part: Any) -> None:
    save(safetensors(entry(), VALUES["F32"]), "other.safetensors")
    save(json.dumps({"weight_map": {"logit_scale": part}}).encode(), "model.safetensors.index.json")

    with pytest.raises(ConfigurationError, match="there is no such file; save the model again"):
        read_number(checkpoint, "logit_scale")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "its header would have 0 bytes"),
        (b"\xff" * 8, "its header would have 18446744073709551615 bytes"),
        ((100).to_bytes(8, "little") + b"{}", "it ends within its header"),
        ((9).to_bytes(8, "little") + b"[[[[[[[[[", "is not usable as safetensors"),
        (safetensors(entry(), b"\0\0"), "it ends before the weight 'logit_scale'"),
        (safetensors(entry(shape=(2,)), VALUES["F32"]), r"is 'F32' \[2\], not one floating-point number"),
        (safetensors({**entry(), "dtype": "I64"}, VALUES["F32"]), r"is 'I64' \[\], not one"),
        (safetensors({**entry(), "dtype": ["F32"]}, VALUES["F32"]), r"is \['F32'\] \[\], not one"),
        (safetensors({}, VALUES["F32"]), "is None None, not one"),
        (safetensors(entry(start=12, end=99), VALUES["F32"]), r"has the offsets \[12, 99\]"),
        (safetensors(entry(start=-4), VALUES["F32"]), r"has the offsets \[-4, 0\]"),
        (safetensors({**entry(), "data_offsets": "12"}, VALUES["F32"]), "has the offsets '12'"),
        (safetensors(entry(start=1 << 50), VALUES["F32"]), "has the offsets"),
    ],
)
def test_a_broken_file_is_one_line_and_a_whole_one_after_it_is_read(
    checkpoint: Checkpoint, save: Any, content: bytes, message: str
) -> None:
    save(content)

    with pytest.raises(ConfigurationError, match=message) as caught:
        read_number(checkpoint, "logit_scale")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 500

    save(safetensors(entry(), VALUES["F32"]))
    assert read_number(checkpoint, "logit_scale") == 2.65625
