from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from turnout import StepDeclaration
from turnout.errors import ConfigurationError, UnknownNameError
from turnout_vision.checkpoints.checkpoint import Checkpoint, find_checkpoint, require_checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def declare(folder: Path, **backends: dict[str, Any]) -> StepDeclaration:
    return StepDeclaration("look", "describe", folder, {"blip": backends})


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache of the hub, which is offline."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def fill_cache(hub: Path, repository: str, **files: str) -> None:
    """Write files to the cache as huggingface_hub does."""
    folder = hub / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    (folder / "snapshots" / COMMIT).mkdir(parents=True)
    for name, text in files.items():
        (folder / "snapshots" / COMMIT / f"{name}.json").write_text(text)


def test_finds_the_checkpoint_that_a_backend_names(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()

    found = find_checkpoint(declare(tmp_path, onnxruntime={"path": "x"}, direct={"checkpoint": "weights"}), "blip", None)

    assert found == Checkpoint("weights", folder=tmp_path / "weights")


def test_an_absolute_folder_is_accepted(tmp_path: Path) -> None:
    found = find_checkpoint(declare(Path("/nowhere"), direct={"checkpoint": str(tmp_path)}), "blip", None)

    assert found is not None
    assert found.folder == tmp_path


def test_processor_overrides_the_checkpoints_of_backends(tmp_path: Path) -> None:
    (tmp_path / "tokens").mkdir()

    found = find_checkpoint(declare(tmp_path, direct={"checkpoint": "./missing"}), "blip", "tokens")

    assert found == Checkpoint("tokens", folder=tmp_path / "tokens")


def test_a_name_that_is_no_folder_is_on_the_hub(tmp_path: Path) -> None:
    found = find_checkpoint(declare(tmp_path, direct={"checkpoint": "Salesforce/blip", "revision": COMMIT}), "blip", None)

    assert found == Checkpoint("Salesforce/blip", revision=COMMIT)


def test_two_backends_may_name_one_checkpoint(tmp_path: Path) -> None:
    found = find_checkpoint(declare(tmp_path, direct={"checkpoint": "a/b"}, other={"checkpoint": "a/b"}), "blip", None)

    assert found == Checkpoint("a/b")


def test_backends_that_name_different_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"step 'look' of pipeline 'describe': .* name 'a/b', 'c/d'; write `processor:`"
    ):
        find_checkpoint(declare(tmp_path, direct={"checkpoint": "a/b"}, other={"checkpoint": "c/d"}), "blip", None)


@pytest.mark.parametrize("name", ["./weights", "/nowhere/weights", "a/b/c"])
def test_a_missing_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"checkpoint of model 'blip' is '{name}', and there is no folder"):
        find_checkpoint(declare(tmp_path, direct={"checkpoint": name}), "blip", None)


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown model 'blop'; known: blip. Did you mean 'blip'\? In step 'look'"):
        find_checkpoint(declare(tmp_path), "blop", None)


def test_a_step_that_needs_tokens_refuses_a_model_without_a_checkpoint(tmp_path: Path) -> None:
    declaration = declare(tmp_path, onnxruntime={"path": "x"})

    with pytest.raises(ConfigurationError, match=r"needs the tokenizer of model 'blip'.*write `processor:`"):
        require_checkpoint(find_checkpoint(declaration, "blip", None), declaration, "blip")


def test_reads_the_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"size": 3}')

    assert Checkpoint("x", folder=tmp_path).json("a.json") == {"size": 3}
    assert Checkpoint("x", folder=tmp_path).json("b.json") is None


@pytest.mark.parametrize("text", ["{", "[]", "\ud800".encode("utf-8", "surrogatepass").decode("latin1")])
def test_a_file_that_is_not_a_json_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)

    with pytest.raises(ConfigurationError, match=r"checkpoint 'x': .*a\.json' (is not valid JSON|is not a JSON object)"):
        Checkpoint("x", folder=tmp_path).json("a.json")


def test_the_hubs_cache_is_enough_when_offline(hub: Path) -> None:
    fill_cache(hub, "org/blip", tokenizer='{"a": 1}')

    assert Checkpoint("org/blip").json("tokenizer.json") == {"a": 1}


def test_offline_without_a_cache_the_error_names_the_command_to_run(hub: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"checkpoint 'org/blip' is not a folder here and not in the hub's cache.*hf download org/blip"
    ):
        Checkpoint("org/blip").file("tokenizer.json")


def test_offline_a_cached_repository_may_lack_a_file(hub: Path) -> None:
    fill_cache(hub, "org/birefnet", config="{}")

    assert Checkpoint("org/birefnet").file("preprocessor_config.json") is None


def test_a_name_that_the_hub_refuses_is_refused(hub: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"checkpoint 'a--b' is not a folder here"):
        Checkpoint("a--b").file("config.json")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/cache/hub/x.lock"), "Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    ],
)
def test_a_cache_that_refuses_is_not_told_as_a_wrong_name(
    hub: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise error

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)

    with pytest.raises(ConfigurationError, match=rf"cannot be stored in the hub's cache '{hub}': {reason}; .* HF_HOME"):
        Checkpoint("org/blip").file("config.json")
