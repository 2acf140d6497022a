"""TorchScript files: writing, running, and their signature."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import torch  # noqa: TID253  this module is imported by an export only

from turnout import ModelSignature
from turnout.tensors import TensorSpec, datatype_of
from turnout_direct.arrays import to_numpy
from turnout_direct.deprecations import allow_torchscript
from turnout_direct.export.file_format import Outputs, Run
from turnout_direct.export.torchscript_trace import script_module
from turnout_direct.export.traceable import Traceable

# Records that the archive's writer adds itself.
_VERSIONS = ("version", ".data/version")
_WRITTEN = (*_VERSIONS, ".data/serialization_id")
# Source lines with the paths of this machine.
_SOURCES = ".debug_pkl"


def write_torchscript(traceable: Traceable, file: Path) -> None:
    """Write ``traceable`` to ``file``.

    Raises:
        ExportError: the module has no TorchScript form.
        OSError: the disk refuses.
    """
    with allow_torchscript():
        whole = script_module(traceable).save_to_buffer()
    with file.open("wb") as stream:
        sink = _Sink(stream)
        _copy_without_sources(whole, sink)
    if sink.failed is not None:
        raise sink.failed


class _Sink:
    """A file that keeps an error of its disk: torch ends the process if one reaches its writer."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.failed: OSError | None = None

    def write(self, data: bytes) -> int:
        if self.failed is None:
            try:
                self._stream.write(data)
                self._stream.flush()
            except OSError as error:
                self.failed = error
        return len(data)


def open_torchscript(traceable: Traceable, file: Path) -> Run:
    """Load ``file`` and return a function that runs it."""
    with allow_torchscript():
        module = torch.jit.load(str(file), map_location="cpu")

    def run(inputs: tuple[torch.Tensor, ...]) -> Outputs:
        with torch.inference_mode():
            result = module(*inputs)
        tensors = (result,) if isinstance(result, torch.Tensor) else result
        return [to_numpy(name, tensor) for name, tensor in zip(traceable.outputs, tensors, strict=True)]

    return run


def signature_of_outputs(traceable: Traceable, outputs: Mapping[int, Outputs]) -> ModelSignature:
    """Return the inputs, and the outputs with shapes from ``outputs``, by batch size; an axis with several sizes is free.

    A TorchScript file does not store shapes. If only one batch size was run, an output's first axis is the batch if it has that
    size.
    """
    has_batch = any(axes.get(0) == "batch" for axes in traceable.free_axes())
    specs = []
    for index, name in enumerate(traceable.outputs):
        shapes = {batch: arrays[index].shape for batch, arrays in outputs.items()}
        first, last = shapes[min(shapes)], shapes[max(shapes)]
        shape = [size if size == other else -1 for size, other in zip(first, last, strict=True)]
        if has_batch and shape and len(shapes) == 1 and first[0] == min(shapes):
            shape[0] = -1
        specs.append(TensorSpec(name, datatype_of(outputs[min(outputs)][index].dtype), tuple(shape)))
    return ModelSignature(traceable.inputs, tuple(specs))


def _copy_without_sources(whole: bytes, sink: _Sink) -> None:
    reader = torch._C.PyTorchFileReader(BytesIO(whole))
    writer = torch._C.PyTorchFileWriter(sink)
    # The version decides the meaning of operators: with an older one the loader would run their old forms.
    writer.set_min_version(max(int(reader.get_record(name)) for name in reader.get_all_records() if name in _VERSIONS))
    for name in reader.get_all_records():
        if name not in _WRITTEN and not name.endswith(_SOURCES):
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
