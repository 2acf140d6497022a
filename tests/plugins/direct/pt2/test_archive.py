from __future__ import annotations

import io
import logging
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.hostile import graph_files

from turnout_direct.pt2.archive import write_harmless_archive
from turnout_direct.pt2.refusal import Pt2RefusedError

ALL = (*graph_files.RUNS_WHEN_LOADED, *graph_files.RUNS_WHEN_CALLED, *graph_files.OTHERS)
D = torch.export.Dim


def name_of(function: Any) -> str:
    return str(function.__name__)


def rewritten(content: bytes) -> io.BytesIO:
    harmless = io.BytesIO()
    write_harmless_archive(io.BytesIO(content), harmless)
    harmless.seek(0)
    return harmless


@pytest.mark.parametrize("make", ALL, ids=name_of)
def test_a_part_that_is_not_known_to_be_harmless_is_refused(make: Any, tmp_path: Path) -> None:
    mark = tmp_path / "executed"

    with pytest.raises((Pt2RefusedError, ValueError)) as refused:
        rewritten(make(mark))

    assert not mark.exists()
    assert len(str(refused.value)) < 500
    assert str(refused.value).isprintable()


def test_the_comment_of_an_archive_is_not_copied() -> None:
    noted = io.BytesIO(graph_files.good_file())
    with zipfile.ZipFile(noted, "a") as archive:
        archive.comment = b"a note"

    with zipfile.ZipFile(rewritten(noted.getvalue())) as copied:
        assert copied.comment == b""


@pytest.mark.parametrize("make", graph_files.RUNS_WHEN_LOADED, ids=name_of)
@pytest.mark.filterwarnings("ignore")
def test_torch_itself_runs_the_payload_when_it_loads_the_file(make: Any, tmp_path: Path) -> None:
    if make is graph_files.aot_library and shutil.which("cc") is None:
        pytest.skip("no C compiler builds the library")
    mark, file = tmp_path / "executed", tmp_path / "trap.pt2"
    file.write_bytes(make(mark))

    logging.disable()
    try:
        torch.export.load(file).module()
    except Exception:  # noqa: BLE001  # what torch says afterwards is all the same
        pass
    finally:
        logging.disable(logging.NOTSET)

    assert mark.exists()


@pytest.mark.parametrize("make", graph_files.RUNS_WHEN_CALLED, ids=name_of)
@pytest.mark.filterwarnings("ignore")
def test_torch_itself_runs_the_payload_at_a_request(make: Any, tmp_path: Path) -> None:
    mark, file = tmp_path / "executed", tmp_path / "trap.pt2"
    file.write_bytes(make(mark))

    module = torch.export.load(file).module()
    with pytest.raises(Exception) if make is not graph_files.operator_that_maps_a_file else torch.no_grad():  # noqa: PT011
        module(torch.ones(2, 4))

    assert mark.exists()


class Branches(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))


class DataDependent(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = torch.nonzero(x)
        return found, x[found[:, 0]].sum()


class Words(torch.nn.Module):
    """Shared and empty weights, integer buffers, constants, keyword inputs, nested outputs, arguments that are words."""

    def __init__(self) -> None:
        super().__init__()
        self.empty = torch.nn.Parameter(torch.empty(0, 3))
        self.constant = torch.ones(2)
        self.layers = torch.nn.ModuleList([torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)])
        self.layers[1].weight = self.layers[0].weight
        self.register_buffer("count", torch.zeros(3, dtype=torch.int64))

    def forward(self, x: torch.Tensor, *, y: dict[str, torch.Tensor]) -> dict[str, Any]:
        hidden = torch.nn.functional.gelu(self.layers[1](self.layers[0](x)), approximate="tanh")
        low = hidden.masked_fill(hidden > 0, float("-inf"))
        return {
            "a": [torch.einsum("ij,jk->ik", hidden, y["k"]), torch.div(x, 2, rounding_mode="floor")],
            "b": low.max() + self.empty.sum() + self.count,
            "c": torch.nn.functional.interpolate(x[:, None], scale_factor=1.5, mode="linear") + self.constant[0],
        }


class Reshapes(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(x.shape[0] // 2, -1).mean(1)


@pytest.mark.parametrize(
    ("module", "args", "kwargs", "sizes"),
    [
        (Branches(), (torch.ones(4),), {}, None),
        (DataDependent(), (torch.ones(4),), {}, {"x": {0: D.AUTO}}),
        (Words(), (torch.ones(3, 4),), {"y": {"k": torch.ones(4, 5)}}, None),
        (Reshapes(), (torch.ones(4, 6),), {}, {"x": {0: 2 * D("h"), 1: D("w")}}),
        (torch.nn.LSTM(3, 4), (torch.ones(2, 1, 3),), {}, None),
        (
            torch.nn.TransformerEncoderLayer(8, 2, batch_first=True).eval(),
            (torch.ones(2, 3, 8),),
            {},
            ({0: D("batch"), 1: D("length")},),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, torch.nn.Module) else "",
)
@pytest.mark.filterwarnings("ignore")
def test_a_good_graph_answers_as_its_module(module: Any, args: Any, kwargs: Any, sizes: Any, tmp_path: Path) -> None:
    program = torch.export.export(module, args, kwargs, dynamic_shapes=sizes)
    torch.export.save(program, tmp_path / "good.pt2", extra_files={"note.txt": "a note"})

    loaded = torch.export.load(rewritten((tmp_path / "good.pt2").read_bytes())).module()

    leaves = torch.utils._pytree.tree_leaves
    expected, answered = leaves(module(*args, **kwargs)), leaves(loaded(*args, **kwargs))
    assert all(torch.equal(one, other) for one, other in zip(expected, answered, strict=True))


@pytest.mark.filterwarnings("ignore")
def test_the_guards_of_a_good_graph_are_kept(tmp_path: Path) -> None:
    program = torch.export.export(Reshapes(), (torch.ones(4, 6),), dynamic_shapes={"x": {0: 2 * D("h"), 1: D("w")}})
    torch.export.save(program, tmp_path / "good.pt2")

    loaded = torch.export.load(rewritten((tmp_path / "good.pt2").read_bytes())).module()

    with pytest.raises(AssertionError, match="Guard failed"):
        loaded(torch.ones(5, 6))
