from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from turnout import ModelDeclaration
from turnout.errors import ModelLoadError
from turnout_direct.model_files import find_model_files
from turnout_direct.options import DirectOptions


def find(folder: Path, **options: Any) -> list[Path]:
    return find_model_files(ModelDeclaration("m", folder), DirectOptions(**options))


def test_a_checkpoint_a_graph_and_the_served_version_of_a_folder_are_found(tmp_path: Path) -> None:
    for name in ("captioner/config.json", "x.pt", "repo/m/1/model.pt", "repo/m/2/model.pt", "repo/m/3/model.onnx"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    greatest = find(tmp_path, loader="torchscript", path="repo/m")
    (tmp_path / "repo/m/config.pbtxt").write_text("version_policy { specific { versions: [1] } }")

    assert find(tmp_path, loader="transformers", **{"class": "AutoModel"}, checkpoint="captioner") == [tmp_path / "captioner"]
    assert find(tmp_path, loader="torchscript", path="x.pt") == [tmp_path / "x.pt"]
    assert greatest == [tmp_path / "repo/m/2/model.pt"]
    assert find(tmp_path, loader="torchscript", path="repo/m") == [tmp_path / "repo/m/1/model.pt"]


def test_a_name_on_the_hub_and_a_factory_are_no_files(tmp_path: Path) -> None:
    assert find(tmp_path, loader="transformers", **{"class": "AutoModel"}, checkpoint="Salesforce/blip") == []
    assert find(tmp_path, loader="factory", factory="torch.nn:Identity") == []


@pytest.mark.parametrize(
    "options",
    [
        {"loader": "transformers", "class": "AutoModel", "checkpoint": "./captioner"},
        {"loader": "torchscript", "path": "none.pt"},
        {"loader": "torch_export", "path": "."},
    ],
)
def test_what_is_not_there_is_an_error(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ModelLoadError, match=r"model 'm'.*(does not exist|has no version)"):
        find(tmp_path, **options)
