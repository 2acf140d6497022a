"""Writing and running a model.pt."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch  # noqa: TID253  this module is imported by an export only

from turnout import ModelSignature
from turnout.tensors import TensorSpec, datatype_of
from turnout_direct.arrays import to_numpy
from turnout_direct.deprecations import torchscript_allowed
from turnout_direct.export.formats import Answers, Run
from turnout_direct.export.torchscript_trace import scripted
from turnout_direct.export.traceable import Traceable

# Records that the archive's writer adds itself, and source lines with the paths of this machine.
_VERSIONS = ("version", ".data/version")
_WRITTEN = (*_VERSIONS, ".data/serialization_id")
_SOURCES = ".debug_pkl"


def write_torchscript(traceable: Traceable, file: Path) -> None:
    """Write ``traceable`` to ``file``.

    Raises:
        ExportError: the module has no TorchScript form.
    """
    whole = file.with_name(f"{file.name}.whole")
    try:
        with torchscript_allowed():
            scripted(traceable).save(str(whole))
        _copy_without_sources(whole, file)
    finally:
        whole.unlink(missing_ok=True)


def open_torchscript(traceable: Traceable, file: Path) -> Run:
    """Return what answers with ``file``, loaded anew."""
    with torchscript_allowed():
        module = torch.jit.load(str(file), map_location="cpu")

    def run(inputs: tuple[torch.Tensor, ...]) -> Answers:
        with torch.inference_mode():
            answer = module(*inputs)
        tensors = (answer,) if isinstance(answer, torch.Tensor) else answer
        return [to_numpy(name, tensor) for name, tensor in zip(traceable.outputs, tensors, strict=True)]

    return run


def answered_signature(traceable: Traceable, answers: Mapping[int, Answers]) -> ModelSignature:
    """Return the inputs, and outputs as they were answered: an axis that took several sizes is free.

    A file of TorchScript knows no shapes. Where one batch size only was tried, an output's first axis is the batch if it is as
    long as that.
    """
    has_batch = any(axes.get(0) == "batch" for axes in traceable.free_axes())
    outputs = []
    for index, name in enumerate(traceable.outputs):
        shapes = {batch: arrays[index].shape for batch, arrays in answers.items()}
        first, last = shapes[min(shapes)], shapes[max(shapes)]
        shape = [size if size == other else -1 for size, other in zip(first, last, strict=True)]
        if has_batch and shape and len(shapes) == 1 and first[0] == min(shapes):
            shape[0] = -1
        outputs.append(TensorSpec(name, datatype_of(answers[min(answers)][index].dtype), tuple(shape)))
    return ModelSignature(traceable.inputs, tuple(outputs))


def _copy_without_sources(whole: Path, file: Path) -> None:
    reader = torch._C.PyTorchFileReader(str(whole))
    writer = torch._C.PyTorchFileWriter(str(file))
    # An older version would have its loader take operators for what they were then.
    writer.set_min_version(max(int(reader.get_record(name)) for name in reader.get_all_records() if name in _VERSIONS))
    for name in reader.get_all_records():
        if name not in _WRITTEN and not name.endswith(_SOURCES):
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
