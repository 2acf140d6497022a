from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout.errors import InvalidTensorError
from turnout.tensors import DTYPES
from turnout.tensors.archive import read_archive, write_archive
from turnout.testing.samples import sample


def write(groups: Any, notes: Any = None) -> io.BytesIO:
    stream = io.BytesIO()
    write_archive(stream, groups, notes)
    stream.seek(0)
    return stream


@pytest.mark.parametrize("datatype", DTYPES)
def test_every_datatype_comes_back_bit_for_bit(datatype: str) -> None:
    array = sample(datatype)

    groups, notes = read_archive(write({"": {"x": array}}))

    read = groups[""]["x"]
    assert (read.dtype, read.shape, notes) == (array.dtype, array.shape, {})
    assert read.tolist() == array.tolist() if datatype == "BYTES" else read.tobytes() == array.tobytes()
    read[...] = read


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 1)])
@pytest.mark.parametrize("datatype", ["FP32", "BF16", "BYTES"])
def test_every_rank_comes_back(datatype: str, shape: tuple[int, ...]) -> None:
    array = np.full(shape, b"a" if datatype == "BYTES" else 1, DTYPES[datatype])

    assert read_archive(write({"": {"x": array}}))[0][""]["x"].shape == shape


@pytest.mark.parametrize(
    "name", ["input:0", "a//b", "//", "x:BYTES[2]", "../../etc/passwd", "caf\u00e9", "", "y.npy", "notes.json"]
)
def test_every_name_comes_back_in_its_group(name: str) -> None:
    array = np.arange(3, dtype=np.float32)

    groups, notes = read_archive(write({"": {name: array}, "outputs": {name: array + 1}}, {"note": [1]}))

    assert {group: {key: value.tolist() for key, value in tensors.items()} for group, tensors in groups.items()} == {
        "": {name: [0, 1, 2]},
        "outputs": {name: [1, 2, 3]},
    }
    assert notes == {"note": [1]}


def test_numpy_reads_numbers_and_an_archive_is_what_numpy_wrote(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    (tmp_path / "a.npz").write_bytes(write({"": {"x": array}, "outputs": {"y": array}}, {}).getvalue())
    np.savez(tmp_path / "b.npz", x=array, texts=np.array(["a red circle"]))

    with np.load(tmp_path / "a.npz", allow_pickle=False) as content:
        assert content["x"].tolist() == content["outputs//y"].tolist() == array.tolist()
    assert read_archive(tmp_path / "b.npz")[0][""]["texts"].tolist() == [b"a red circle"]


def test_equal_tensors_are_equal_files() -> None:
    groups = {"": {"x": sample("FP32"), "t": sample("BYTES")}}

    assert write(groups).getvalue() == write(groups).getvalue()


def test_a_file_cut_anywhere_is_refused() -> None:
    whole = write({"": {"x": sample("FP32")}, "outputs": {"t": sample("BYTES")}}, {"model": "m"}).getvalue()

    for length in range(len(whole)):
        with pytest.raises(InvalidTensorError, match="no tensors can be read from it"):
            read_archive(io.BytesIO(whole[:length]))
    assert read_archive(io.BytesIO(whole))[1] == {"model": "m"}


def test_one_changed_bit_of_the_data_is_refused() -> None:
    array = np.arange(1000, dtype=np.float32)
    whole = bytearray(write({"": {"x": array}}).getvalue())
    whole[whole.index(array.tobytes()) + 1234] ^= 1

    with pytest.raises(InvalidTensorError, match="Bad CRC-32"):
        read_archive(io.BytesIO(whole))


def test_pickles_are_refused_and_never_run(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", x=np.array([Explodes()], dtype=object))

    with pytest.raises(InvalidTensorError, match="and no objects"):
        read_archive(tmp_path / "bad.npz")


class Explodes:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was run",))


@pytest.mark.parametrize(
    "entry",
    [
        ("x:BYTES[9999999999].npy", np.zeros(4, np.uint8)),
        ("x:FP32[2].npy", np.zeros(4, np.uint8)),
        ("x:FP99[1].npy", np.zeros(4, np.uint8)),
        ("x.npy", np.zeros(2, np.complex64)),
    ],
)
def test_entries_with_a_wrong_header_are_refused(entry: tuple[str, Any]) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, archive.open(entry[0], "w") as opened:
        np.lib.format.write_array(opened, entry[1])

    with pytest.raises(InvalidTensorError):
        read_archive(stream)


def test_a_tensor_without_a_datatype_is_refused() -> None:
    with pytest.raises(InvalidTensorError, match="tensor 'x' cannot be sent"):
        write({"": {"x": np.zeros(1, np.complex64)}})
