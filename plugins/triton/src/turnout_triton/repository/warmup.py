"""Requests that warm a model up: recorded tensors, as files beside the model, or tensors that the server makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from turnout import ModelDeclaration, ModelSignature
from turnout.errors import ExportError, InvalidTensorError, text_of
from turnout.tensors import TensorSpec, to_binary
from turnout.tensors.archive import read_archive
from turnout_triton.model_config_options import Warmup
from turnout_triton.repository.layout import WARMUP
from turnout_triton.repository.tensors import data_type_of

Sample = dict[str, Any]
Files = dict[str, bytes]


def warmup_words(model: ModelDeclaration, signature: ModelSignature, warmups: Sequence[Warmup]) -> tuple[list[Sample], Files]:
    """Return ``model_warmup`` of a model config, and the files that it names, by their names in the model's folder.

    Raises:
        ExportError: a recording is none, or does not fit the model; free sizes are not given.
    """
    samples: list[Sample] = []
    files: Files = {}
    for number, warmup in enumerate(warmups):
        if warmup.recorded is None:
            samples.append(_made(model, signature, warmup, number))
            continue
        for file in _recordings(model, warmup.recorded):
            sample, written = _recorded(model, signature, warmup, f"{number}-{file.stem}", file)
            samples.append(sample)
            files |= written
    return samples, files


def _recordings(model: ModelDeclaration, recorded: Path) -> list[Path]:
    folder = model.folder / recorded
    files = sorted(folder.glob("*.npz")) if folder.is_dir() else []
    if not files:
        raise ExportError(
            f"model {model.name!r}: model_warmup names the folder {str(folder)!r}, which has no .npz file; record some, "
            "or correct 'recorded'"
        )
    return files


def _recorded(
    model: ModelDeclaration, signature: ModelSignature, warmup: Warmup, name: str, file: Path
) -> tuple[Sample, Files]:
    arrays = _read(file)
    _check(model, signature, arrays, file)
    inputs: dict[str, Any] = {}
    files: Files = {}
    for index, spec in enumerate(signature.inputs):
        array = arrays[spec.name]
        row = array[:1] if model.max_batch_size else array
        inputs[spec.name] = _input(spec, row.shape[1:] if model.max_batch_size else row.shape)
        inputs[spec.name]["input_data_file"] = f"{name}.{index}.raw"
        files[f"{WARMUP}/{name}.{index}.raw"] = to_binary(row, spec.name)
    rows = len(arrays[signature.inputs[0].name]) if model.max_batch_size else 1
    return _sample(model, warmup, warmup.name or name, rows, inputs), files


def _made(model: ModelDeclaration, signature: ModelSignature, warmup: Warmup, number: int) -> Sample:
    inputs: dict[str, Any] = {}
    for spec in signature.inputs:
        inputs[spec.name] = _input(spec, _sizes(model, spec, warmup))
        inputs[spec.name][f"{warmup.data}_data"] = True
    return _sample(model, warmup, warmup.name or f"{number}-{warmup.data}", warmup.batch_size, inputs)


def _sample(model: ModelDeclaration, warmup: Warmup, name: str, rows: int, inputs: Mapping[str, Any]) -> Sample:
    if model.max_batch_size and rows > model.max_batch_size:
        raise ExportError(
            f"model {model.name!r}: warm-up {name!r} has {rows} rows, max_batch_size is {model.max_batch_size}; give it fewer"
        )
    sample: Sample = {"name": name, "batch_size": rows if model.max_batch_size else 0, "inputs": dict(inputs)}
    return sample | ({"count": warmup.count} if warmup.count else {})


def _input(spec: TensorSpec, shape: Sequence[int]) -> dict[str, Any]:
    return {"data_type": data_type_of(spec.datatype), "dims": list(shape) or [1]}


def _sizes(model: ModelDeclaration, spec: TensorSpec, warmup: Warmup) -> tuple[int, ...]:
    shape = spec.shape or ()
    given = warmup.shapes.get(spec.name)
    declared = shape[1:] if model.max_batch_size else shape
    if given is None and -1 not in declared:
        return declared
    if given is None or not TensorSpec(spec.name, spec.datatype, declared).accepts_shape(given):
        found = "has none" if given is None else f"has {list(given)}"
        raise ExportError(
            f"model {model.name!r}: warm-up needs sizes for input {spec.name!r} {list(declared)}, and 'shapes' {found}; "
            f"write them: shapes: {{{spec.name}: [...]}}"
        )
    return given


def _read(file: Path) -> dict[str, NDArray[Any]]:
    try:
        return read_archive(file)[0][""]
    except (OSError, InvalidTensorError) as error:
        raise ExportError(
            f"{str(file)!r} is no recording: {text_of(error)}; an .npz file holds arrays by input name"
        ) from error


def _check(model: ModelDeclaration, signature: ModelSignature, arrays: Mapping[str, NDArray[Any]], file: Path) -> None:
    for problem in _problems(signature, arrays, batched=model.max_batch_size > 0):
        raise ExportError(f"model {model.name!r}: {str(file)!r} does not fit: {problem}; record it again")


def _problems(signature: ModelSignature, arrays: Mapping[str, NDArray[Any]], *, batched: bool) -> Iterator[str]:
    names = [spec.name for spec in signature.inputs]
    if set(names) != set(arrays):
        yield f"it has {', '.join(sorted(arrays)) or 'no arrays'}, the model takes {', '.join(sorted(names))}"
        return
    for spec in signature.inputs:
        try:
            spec.check(arrays[spec.name])
        except InvalidTensorError as error:
            yield str(error)
            return
    rows = {spec.name: len(arrays[spec.name]) for spec in signature.inputs if batched}
    if batched and (len(set(rows.values())) != 1 or 0 in rows.values()):
        yield f"its arrays have {', '.join(map(str, rows.values()))} rows; all need the same number, 1 or more"
