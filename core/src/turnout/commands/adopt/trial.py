"""The first answers of a model on the backend of its source, before anything is written."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from turnout.commands.adopt.candidate import Candidate
from turnout.commands.adopt.in_memory import load_entries
from turnout.commands.adopt.request import AdoptRequest
from turnout.commands.adopt.task_pipeline import task_pipelines
from turnout.commands.pipeline_examples import example_inputs, tapped_pipelines
from turnout.commands.pipeline_files import file_input
from turnout.commands.requests import RequestOptions, select_requests
from turnout.errors import InferenceError, InvalidInputError, InvalidRequestError, ModelLoadError, TurnoutError
from turnout.inference import ModelInference, ModelSignature
from turnout.metrics import Metrics
from turnout.pipeline import Pipeline
from turnout.plugins.discovery import Plugins
from turnout.recording import RecordedRequest
from turnout.serving.app import Turnout
from turnout.settings import LoadedSettings
from turnout.tensors import TensorSpec, describe

logger = logging.getLogger(__name__)

_SECONDS = 300.0
Inputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trial:
    """An answer of a model.

    Attributes:
        variant: the number of the candidate's variant that answers.
        tensors: the inputs and outputs of an answer, in one line.
        signature: the tensors as the backend reports them.
        asked: the inputs, of a model that refuses generated requests; None if it answers these.
    """

    variant: int
    tensors: str
    signature: ModelSignature
    asked: Inputs | None = None


@dataclass(frozen=True, slots=True)
class PipelineTrial:
    """A run of a pipeline on examples, or on files of the user.

    Attributes:
        text: what it ran on, or why it cannot run.
        works: False if it cannot run.
        sent: the requests that it sent, by model.
        real: True if they come from files of the user.
    """

    text: str
    works: bool = True
    sent: Mapping[str, Sequence[Inputs]] = field(default_factory=dict)
    real: bool = False

    @property
    def word(self) -> str:
        """The word for the table: ``note`` if it cannot run."""
        return "ok" if self.works else "note"


def try_model(plugins: Plugins, request: AdoptRequest, candidate: Candidate) -> Trial:
    """Return the first variant of ``candidate`` that answers a generated request; blocks while the model opens.

    A model that refuses these, as one whose prompts need tokens for the picture, answers what a pipeline for it sends.

    Raises:
        ModelLoadError: the model cannot be opened.
        TurnoutError: no variant answers; the error is that of the first one.
    """
    reasons: list[TurnoutError] = []
    for number, variant in enumerate(candidate.variants()):
        loaded = load_entries(plugins, request.folder, {candidate.name: candidate.entry(variant)})
        logger.info("opening model %r on %s", candidate.name, candidate.backend)
        with Turnout(loaded, plugins, Metrics()) as app, closing(app.arm(candidate.name, candidate.backend)) as arm:
            try:
                return Trial(number, _answer(arm, loaded, candidate.name), arm.signature())
            except (InvalidRequestError, InferenceError) as error:
                reasons.append(error)
    trial = _try_pipelines(plugins, request, candidate)
    if trial is None:
        raise _explained(candidate, reasons[0])
    return trial


def _try_pipelines(plugins: Plugins, request: AdoptRequest, candidate: Candidate) -> Trial | None:
    """Return the answer of the first variant to what a pipeline for it sends; None if no pipeline works."""
    entries = {candidate.name: candidate.entry(candidate.variants()[0])}
    for name, steps in task_pipelines(plugins, [candidate], request.step_options).items():
        try:
            loaded = load_entries(plugins, request.folder, entries, {name: steps})
            sent = try_pipeline(plugins, request, loaded, name).sent.get(candidate.name)
            if sent:
                with Turnout(loaded, plugins, Metrics()) as app, closing(app.arm(candidate.name, candidate.backend)) as arm:
                    return Trial(0, _ask(arm, RecordedRequest(sent[0])), arm.signature(), sent[0])
        except TurnoutError as error:
            logger.info("pipeline %r gives no answer of model %r: %s", name, candidate.name, error)
    return None


def _answer(arm: ModelInference, loaded: LoadedSettings, name: str) -> str:
    records, _ = select_requests(arm, loaded, loaded.model(name), RequestOptions(generate=1))
    return _ask(arm, next(iter(records)))


def _ask(arm: ModelInference, record: RecordedRequest) -> str:
    """Return the inputs and outputs of the answer to ``record``, in one line."""
    answer = arm.infer(record.request(time.monotonic() + _SECONDS))
    if answer.error is not None:
        raise answer.error
    signature = arm.signature()
    return f"{_tensors(signature.inputs, record.inputs)} -> {_tensors(signature.outputs, answer.outputs)}"


def _tensors(specs: Sequence[TensorSpec], arrays: Inputs) -> str:
    """Return ``arrays`` in one line, with the sizes that the model takes: -1 for a free one."""
    known = {spec.name: spec for spec in specs if spec.shape is not None}
    return ", ".join(f"{name} {known.get(name) or describe(one)}" for name, one in arrays.items())


def _explained(candidate: Candidate, error: TurnoutError) -> TurnoutError:
    if isinstance(error, InvalidInputError) and "signature is unknown" in str(error):
        advice = "give each input to the same command: --input NAME=FP32[3,224,224]"
        return ModelLoadError(f"the inputs of model {candidate.name!r} are not known; {advice}", next_step=advice)
    return error


def try_pipeline(plugins: Plugins, request: AdoptRequest, loaded: LoadedSettings, name: str) -> PipelineTrial:
    """Run the pipeline ``name`` of ``loaded`` on the files of ``request``, or on the examples of its steps; blocks."""
    logger.info("running pipeline %r", name)
    try:
        with Turnout(loaded, plugins, Metrics()) as app, tapped_pipelines(app, plugins, loaded) as (pipelines, taps):
            pipeline = pipelines.get(name)
            runs, text = _runs(pipeline, request)
            for inputs in runs:
                pipeline.run(inputs).raise_for_failures()
            sent = {model: tuple(tap.sent) for model, tap in taps.items()}
    except TurnoutError as error:
        return PipelineTrial(str(error), works=False)
    return PipelineTrial(text, True, sent, bool(request.files))


def _runs(pipeline: Pipeline, request: AdoptRequest) -> tuple[list[dict[str, Any]], str]:
    examples, missing = example_inputs(pipeline)
    if request.files:
        name = file_input(pipeline, [one for one in examples if one not in pipeline.plan.inputs])
        return [
            {**examples, name: file} for file in request.files
        ], f"ran on {', '.join(file.name for file in request.files[:3])}"
    if missing:
        return [], f"was not run: no step gives an example of {', '.join(missing)}"
    return [examples], f"ran on an example of {', '.join(pipeline.plan.inputs) or 'no input'}"
