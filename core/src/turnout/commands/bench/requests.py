"""The requests that a model is measured with."""

from __future__ import annotations

from collections.abc import Iterable

from turnout.commands.bench.options import BenchOptions
from turnout.commands.pipeline_examples import find_example_requests
from turnout.commands.requests import recording_folder, select_requests
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.recording import RecordedRequest, record_files
from turnout.serving.app import Turnout
from turnout.settings import LoadedModel, LoadedSettings

_MAX_RECORDS = 256
_MAX_RECORD_BYTES = 256 << 20


def find_requests(
    arm: ModelInference, plugins: Plugins, loaded: LoadedSettings, model: LoadedModel, options: BenchOptions
) -> tuple[list[RecordedRequest], str]:
    """Return the requests that ``options`` ask for, and their source; blocks.

    Without a wish they are the model's records, else what a pipeline sends on the examples of its steps, else generated.

    Raises:
        InvalidInputError: there are no requests.
    """
    given = options.inputs or options.recording or options.generate or options.shapes
    if not given and not record_files(recording_folder(loaded, model)):
        with Turnout(loaded, plugins, Metrics()) as app:
            sent, pipeline = find_example_requests(app, plugins, loaded, model.name)
        if sent:
            records = [RecordedRequest(inputs, name=f"example-{index}") for index, inputs in enumerate(sent)]
            return _read_records(records), f"of pipeline {pipeline!r}, run on examples of its steps"
    requests, source = select_requests(arm, loaded, model, options)
    return _read_records(requests), source


def _read_records(requests: Iterable[RecordedRequest]) -> list[RecordedRequest]:
    """Return the first requests, up to the limits of what is held in memory: reading must not be part of the load."""
    records: list[RecordedRequest] = []
    size = 0
    for record in requests:
        size += sum(array.nbytes for array in record.inputs.values())
        if records and (len(records) == _MAX_RECORDS or size > _MAX_RECORD_BYTES):
            break
        records.append(record)
    return records
