"""The requests that a model is sent without its users: recorded, given, or made."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from turnout.commands.synthetic_inputs import generate_inputs
from turnout.inference import ModelInference
from turnout.recording import RecordedRequest, RecordingSet, folder_of_model, read_recorded_request
from turnout.settings import LoadedSettings
from turnout.settings.schema.recording import RecordingSettings

GENERATED = 4


@dataclass(frozen=True, slots=True)
class RequestChoice:
    """Which requests a user chose.

    Attributes:
        recording: the folder of a recording; None for the model's own, if there is one.
        inputs: files of arrays by input name.
        generate: how many requests to make; None for none, unless nothing was recorded.
        shapes: sizes behind the batch axis, of inputs whose signature leaves some free; where given, requests are made.
        timeout: the seconds that a request may take.
    """

    recording: Path | None = None
    inputs: Sequence[Path] = ()
    generate: int | None = None
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    timeout: float = 60.0


def recording_folder(loaded: LoadedSettings, model: str) -> Path:
    """Return where the records of ``model`` go: what turnout.yaml says under ``record``, else ``recordings`` beside it."""
    written = loaded.settings.models[model].record or RecordingSettings()
    return loaded.folder / written.directory / model


def chosen_requests(
    arm: ModelInference, loaded: LoadedSettings, model: str, choice: RequestChoice
) -> tuple[Iterable[RecordedRequest], str]:
    """Return the requests, and where they come from: what was chosen, else the model's recording, else made ones.

    ``arm`` is an open arm of the model, whose signature tells what to make.

    Raises:
        InvalidInputError: a file is no record, the folder has none, or the signature does not say what to make.
    """
    if choice.inputs:
        return [read_recorded_request(file) for file in choice.inputs], f"inputs of {', '.join(map(str, choice.inputs))}"
    own = recording_folder(loaded, model)
    recording = choice.recording
    if recording is None and choice.generate is None and not choice.shapes and any(own.glob("*.npz")):
        recording = own
    if recording is not None:
        records = RecordingSet(folder_of_model(recording, model))
        return records, f"recorded in {os.path.relpath(records.folder)}"
    count = choice.generate or GENERATED
    rows = 1 if loaded.settings.models[model].max_batch_size else 0
    inputs = generate_inputs(model, arm.signature(), count, rows, choice.shapes)
    return (
        RecordedRequest(arrays, name=f"generated-{index}") for index, arrays in enumerate(inputs)
    ), "made from its signature"
