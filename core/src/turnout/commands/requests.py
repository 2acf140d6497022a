"""The requests that a command sends to a model: recorded, read from files, or generated."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from turnout.commands.batch_rows import shorten_masks
from turnout.commands.synthetic_inputs import choose_sizes, generate_inputs
from turnout.inference import ModelInference
from turnout.recording import RecordedRequest, RecordingSet, folder_of_model, read_recorded_request, record_files
from turnout.settings import LoadedModel, LoadedSettings
from turnout.settings.schema.recording import RecordingSettings

GENERATED = 4
"""The number of requests that are generated if the user names none."""


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """Options of a command that sends requests.

    Attributes:
        recording: the folder of a recording; None for the model's own, if there is one.
        inputs: files of arrays by input name.
        generate: the number of requests to generate; None for none, unless there is no recording.
        shapes: sizes after the batch axis, for inputs whose signature has free sizes; implies generated requests.
        timeout: the limit of one request, in seconds.
    """

    recording: Path | None = None
    inputs: Sequence[Path] = ()
    generate: int | None = None
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    timeout: float = 60.0


def recording_folder(loaded: LoadedSettings, model: LoadedModel) -> Path:
    """Return the folder of the model's records: as set under ``record`` in turnout.yaml, else in ``recordings`` next to it."""
    settings = model.settings.record or RecordingSettings()
    return loaded.folder / settings.directory / model.name


def select_requests(
    arm: ModelInference, loaded: LoadedSettings, model: LoadedModel, options: RequestOptions
) -> tuple[Iterable[RecordedRequest], str]:
    """Return the requests and their source: those of ``options``, else the model's recording, else generated ones.

    ``arm`` is an open arm of the model; its signature is the pattern of generated requests.

    Raises:
        InvalidInputError: a file is not a record, the folder has no record, or the signature is not enough to generate one.
    """
    if options.inputs:
        return [read_recorded_request(file) for file in options.inputs], f"inputs of {', '.join(map(str, options.inputs))}"
    own = recording_folder(loaded, model)
    recording = options.recording
    if recording is None and options.generate is None and not options.shapes and record_files(own):
        recording = own
    if recording is not None:
        records = RecordingSet(folder_of_model(recording, model.name))
        return records, f"recorded in {os.path.relpath(records.folder)}"
    rows = 1 if model.settings.max_batch_size else 0
    chosen = choose_sizes(arm.signature(), rows, options.shapes)
    inputs = generate_inputs(model.name, arm.signature(), options.generate or GENERATED, rows, {**chosen, **options.shapes})
    return (
        RecordedRequest(shorten_masks(arrays, index), name=f"generated-{index}") for index, arrays in enumerate(inputs)
    ), _describe_generated(chosen)


def _describe_generated(chosen: Mapping[str, Sequence[int]]) -> str:
    shapes = " ".join(f"--shape {name}={','.join(map(str, sizes))}" for name, sizes in chosen.items())
    return f"generated from its signature{f', free sizes as with {shapes}' if shapes else ''}"
