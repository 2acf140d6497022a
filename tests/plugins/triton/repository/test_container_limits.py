"""Models that a laptop serves and NVIDIA's container does not load: the export and the check say so."""

from __future__ import annotations

from typing import Any

from onnx import TensorProto, helper


def test_bf16_in_an_onnx_model_is_noted(project: Any, save_model: Any) -> None:
    x, y = ("x", TensorProto.BFLOAT16, ["rows", 3]), ("y", TensorProto.FLOAT, ["rows", 3])
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)
    save_model(project.repository / "scale" / "1" / "model.onnx", [node], [x], [y])

    notes = project.configure(project.model(), project.options()).notes
    found = project.check(project.model(), project.options())

    assert [note.partition(";")[0] for note in notes] == [
        "'x': BF16, which NVIDIA's ONNX Runtime backend does not load, only turnout triton serve"
    ]
    assert (True, notes[0]) in found
    assert all(ok for ok, _ in found)


def test_other_datatypes_have_no_note(project: Any) -> None:
    assert project.configure(project.model(), project.options()).notes == ()
