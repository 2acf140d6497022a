from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.hostile.areas.archives import WritesWhenOpened

from turnout.errors import ModelLoadError
from turnout.files.made_here import MADE_HERE
from turnout_direct.options import DirectOptions
from turnout_direct.vouched_file import open_vouched

Open = Callable[..., Any]


class Scale(torch.nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def save(module: torch.nn.Module, file: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module).save(str(file))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def answer(model: Any, infer: Any) -> float:
    return float(infer(model, x=np.ones(1, np.float32))["output"][0])


@pytest.mark.parametrize("loader", ["torchscript", "torch_export"])
def test_a_file_that_nobody_vouches_for_is_refused_with_the_line_to_write(
    open_direct: Open, tmp_path: Path, loader: str
) -> None:
    digest = save(WritesWhenOpened(str(tmp_path / "executed")), tmp_path / "model.pt")
    (tmp_path / "executed").unlink(missing_ok=True)

    with pytest.raises(ModelLoadError) as refused:
        open_direct(loader=loader, path="model.pt")

    assert f"if you made it or trust who did, add to the options of 'direct' in turnout.yaml: sha256: \"{digest}\"" in str(
        refused.value
    )
    assert "trust: true" in str(refused.value)
    assert not (tmp_path / "executed").exists()


def test_torchscript_itself_writes_a_file_when_it_is_opened(open_direct: Open, tmp_path: Path) -> None:
    save(WritesWhenOpened(str(tmp_path / "executed")), tmp_path / "model.pt")
    (tmp_path / "executed").unlink(missing_ok=True)

    open_direct(loader="torchscript", trust=True, path="model.pt")

    assert (tmp_path / "executed").exists()


def test_a_file_opens_with_its_sha256_with_trust_and_if_it_was_made_here(open_direct: Open, infer: Any, tmp_path: Path) -> None:
    digest = save(Scale(3.0), tmp_path / "model.pt")

    assert answer(open_direct(loader="torchscript", path="model.pt", sha256=digest), infer) == 3
    assert answer(open_direct(loader="torchscript", path="model.pt", trust=True), infer) == 3
    MADE_HERE.add(digest)
    assert answer(open_direct(loader="torchscript", path="model.pt"), infer) == 3


def test_a_graph_of_torch_export_opens_with_its_sha256(open_direct: Open, infer: Any, tmp_path: Path) -> None:
    torch.export.save(torch.export.export(Scale(3.0), (torch.ones(1),)), tmp_path / "model.pt2")
    digest = hashlib.sha256((tmp_path / "model.pt2").read_bytes()).hexdigest()

    assert answer(open_direct(loader="torch_export", path="model.pt2", sha256=digest), infer) == 3


@pytest.mark.parametrize("more", [{}, {"trust": True}])
def test_another_file_than_the_one_in_turnout_yaml_is_refused_with_both_hashes(
    open_direct: Open, tmp_path: Path, more: dict[str, bool]
) -> None:
    first = save(Scale(3.0), tmp_path / "model.pt")
    second = save(Scale(4.0), tmp_path / "model.pt")
    MADE_HERE.add(second)

    with pytest.raises(ModelLoadError, match=f'its sha256 is {second}, and turnout.yaml has {first}.*sha256: "{second}"'):
        open_direct(loader="torchscript", path="model.pt", sha256=first, **more)


def test_the_bytes_that_were_checked_are_those_that_are_read(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    digest = save(Scale(3.0), file)
    options = DirectOptions(loader="torchscript", path="model.pt", sha256=digest)

    with open_vouched(file, options, "m") as vouched:
        with file.open("r+b") as written:
            written.write(b"another file")
        save(Scale(4.0), tmp_path / "other.pt")
        (tmp_path / "other.pt").replace(file)

        assert hashlib.sha256(Path(vouched.path).read_bytes()).hexdigest() == digest
        assert hashlib.sha256(vouched.stream.read()).hexdigest() == digest


def test_a_pipe_is_refused(open_direct: Open, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    options = DirectOptions(loader="torchscript", path="pipe.pt", trust=True)

    with pytest.raises(ModelLoadError, match="it is a pipe, no regular file"), open_vouched(tmp_path / "pipe.pt", options, "m"):
        pass


@pytest.mark.parametrize("text", ["abc", "A" * 64, "g" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_text_that_is_no_sha256_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="sha256"):
        DirectOptions(loader="torchscript", path="model.pt", sha256=text)


def test_a_checkpoint_takes_neither() -> None:
    for key in ({"trust": True}, {"sha256": "0" * 64}):
        with pytest.raises(ValueError, match="is for loader 'torchscript' or 'torch_export'"):
            DirectOptions(loader="transformers", class_="AutoModel", checkpoint="folder", **key)
