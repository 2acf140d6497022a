"""The configuration that is published next to the versions of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format

from turnout import ModelSignature
from turnout.errors import ConfigurationError, ExportError
from turnout.tensors import TensorSpec
from turnout_triton.repository.config_file import config_bytes, config_from, read_config

SIGNATURE = ModelSignature((TensorSpec("x", "FP32", (-1, 3)),), (TensorSpec("y", "FP32", (-1, 3)),))
HAND_WRITTEN = 'name: "scale"\nplatform: "onnxruntime_onnx"\nmax_batch_size: 4\n'


def test_the_config_of_the_newest_version_is_written_and_written_the_same_again(project: Any) -> None:
    first = project.configure(project.model())
    written = project.config_file().read_text()
    again = project.configure(project.model())

    assert list(first.files) == list(again.files) == ["config.pbtxt"]
    assert project.config_file().read_text() == written
    found = read_config(project.config_file())
    assert found.generated
    assert (found.config.name, found.config.max_batch_size, list(found.config.input[0].dims)) == ("scale", 8, [3])


def test_a_published_version_brings_its_own_file_and_signature(project: Any) -> None:
    published = {"version": 2, "file": "model.pt", "signature": SIGNATURE}

    project.configure(project.model(), **published)

    assert read_config(project.config_file()).config.platform == "pytorch_libtorch"


def test_torchscript_is_configured_again_with_the_signature_of_its_export(project: Any) -> None:
    (project.repository / "scale" / "1" / "model.onnx").rename(project.repository / "scale" / "1" / "model.pt")
    with pytest.raises(ExportError, match="the model's file does not declare its inputs; declare them"):
        project.configure(project.model())
    project.configure(project.model(), version=2, file="model.pt", signature=SIGNATURE)

    project.configure(project.model(max_batch_size=4))

    config = read_config(project.config_file()).config
    assert (config.max_batch_size, config.input[0].name, list(config.input[0].dims)) == (4, "x", [3])


def test_a_hand_written_config_is_kept_and_compared(project: Any) -> None:
    project.config_file().write_text(HAND_WRITTEN)

    kept = project.configure(project.model())

    assert project.config_file().read_text() == HAND_WRITTEN
    assert kept.files == {}
    assert kept.notes[0] == "scale/config.pbtxt was written or edited by hand and was kept; --force-config replaces it"
    assert "scale/config.pbtxt differs: max_batch_size: turnout.yaml says 8, config.pbtxt says 4" in kept.notes
    assert "scale/config.pbtxt differs: input 'x': turnout.yaml says FP32 [3], config.pbtxt says none" in kept.notes


def test_an_edited_config_is_kept_too_and_force_replaces_it(project: Any) -> None:
    project.configure(project.model())
    edited = project.config_file().read_text().replace("count: 1", "count: 3")
    project.config_file().write_text(edited)

    kept = project.configure(project.model())
    assert project.config_file().read_text() == edited
    forced = project.configure(project.model(), overwrite=True)

    assert any(
        "instance_group: turnout.yaml says 1 x KIND_AUTO, config.pbtxt says 3 x KIND_AUTO" in note for note in kept.notes
    )
    assert forced.notes[0].startswith(
        "scale/config.pbtxt: replaced instance_group: turnout.yaml says 1 x KIND_AUTO, config.pbtxt"
    )
    assert read_config(project.config_file()).generated


def test_a_config_that_cannot_be_read_is_kept_and_force_replaces_it(project: Any) -> None:
    project.config_file().write_text('name: "sca')

    kept = project.configure(project.model())
    assert project.config_file().read_text() == 'name: "sca'
    project.configure(project.model(), overwrite=True)

    assert "cannot be read as a model config" in kept.notes[0]
    assert read_config(project.config_file()).generated


def test_recordings_are_written_next_to_the_config_and_removed_with_it(project: Any) -> None:
    (project.folder / "recorded").mkdir()
    for name in ("one", "two"):
        np.savez(project.folder / "recorded" / f"{name}.npz", x=np.ones((2, 3), np.float32))
    warmup = project.repository / "scale" / "warmup"
    options = project.options(model_config={"model_warmup": [{"recorded": "recorded"}]})

    project.configure(project.model(), options)
    assert sorted(file.name for file in warmup.iterdir()) == ["0-one.0.raw", "0-two.0.raw"]
    (project.folder / "recorded" / "one.npz").unlink()
    project.configure(project.model(), options)

    assert [file.name for file in warmup.iterdir()] == ["0-two.0.raw"]


def test_a_config_with_the_public_mark_removes_no_file_that_it_does_not_list_by_content(project: Any) -> None:
    victims = [project.folder / "victim", project.repository / "scale" / "notes.txt"]
    for victim in victims:
        victim.write_text("mine")
    names = ["../../../victim", "../notes.txt", str(victims[0]), "0-mine.0.raw"]
    own = project.repository / "scale" / "warmup" / "0-mine.0.raw"
    own.parent.mkdir()
    own.write_text("mine")
    inputs = "".join(
        f'inputs {{ key: "x{index}" value {{ data_type: TYPE_FP32 dims: 3 input_data_file: "{name}" }} }}'
        for index, name in enumerate(names)
    )
    config = config_from({"name": "scale", "max_batch_size": 8})
    text_format.Parse(f'model_warmup {{ name: "w" {inputs} }}', config)
    project.config_file().write_bytes(config_bytes(config))
    assert read_config(project.config_file()).generated

    project.configure(project.model(), project.options())

    assert [file.read_text() for file in (*victims, own)] == ["mine"] * 3


def test_a_forged_record_of_written_files_cannot_name_a_file_outside(project: Any) -> None:
    victim = project.folder / "victim"
    victim.write_text("mine")
    config = config_from({"name": "scale", "max_batch_size": 8})
    project.config_file().write_bytes(config_bytes(config, files={"../../victim": b"mine"}))

    with pytest.raises(ConfigurationError, match=r"'\.\./\.\./victim' is no path below"):
        project.configure(project.model(), project.options())

    assert victim.read_text() == "mine"


def test_a_model_without_a_version_is_an_error_with_the_next_command(project: Any) -> None:
    with pytest.raises(ExportError, match=r"model 'other' has no version with model.onnx or model.pt .*turnout export other"):
        project.configure(project.model("other"))


def test_a_file_without_a_backend_in_triton_is_noted(project: Any) -> None:
    noted = project.configure(project.model(), version=2, file="model.txt", signature=SIGNATURE)

    assert (dict(noted.files), noted.notes) == ({}, ("Triton has no backend for 'model.txt', so no config.pbtxt was written",))


def test_versions_of_two_platforms_cannot_be_served_at_once(project: Any) -> None:
    published = {"version": 2, "file": "model.pt", "signature": SIGNATURE}
    every_version = project.options(model_config={"version_policy": {"all": {}}})

    with pytest.raises(ExportError, match=r"the version policy also serves version 1, which has no model.pt"):
        project.configure(project.model(), every_version, **published)
    project.configure(project.model(), project.options(), **published)

    assert read_config(project.config_file()).config.platform == "pytorch_libtorch"


def test_without_a_triton_entry_a_model_that_triton_cannot_serve_is_published_without_a_config(project: Any) -> None:
    scalar = ModelSignature((TensorSpec("x", "FP32", ()),), (TensorSpec("y", "FP32", ()),))
    published = {"version": 2, "file": "model.onnx", "signature": scalar}
    model = project.model(max_batch_size=0)

    noted = project.configure(model, **published)
    with pytest.raises(ExportError, match="has rank 0"):
        project.configure(model, project.options(), **published)
    project.configure(project.model())

    assert dict(noted.files) == {}
    assert noted.notes[0].startswith("no config.pbtxt was written: model 'scale': input 'x' has rank 0")
    with pytest.raises(ExportError, match="has rank 0"):
        project.configure(model, **published)  # the existing config would be wrong


def test_the_name_on_the_server_names_the_folder(project: Any) -> None:
    with pytest.raises(ExportError, match=r"'\.\./other' is not a folder name"):
        project.configure(project.model(), project.options(model="../other"))

    (project.repository / "scale").rename(project.repository / "theirs")
    project.configure(project.model(), project.options(model="theirs"))

    assert read_config(project.config_file("theirs")).config.name == "theirs"
