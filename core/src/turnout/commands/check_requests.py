"""Checks that send requests: examples through every pipeline, and one request to every arm."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from turnout.commands.batch_rows import split_rows
from turnout.commands.check_result import CheckResult
from turnout.commands.pipeline_examples import Inputs, RequestTap, example_inputs, tapped_pipelines
from turnout.commands.requests import recording_folder
from turnout.commands.server_command import step_after
from turnout.commands.signature_text import describe_signature
from turnout.commands.synthetic_inputs import generate_inputs
from turnout.commands.verify.batching import compare_batching
from turnout.errors import InferenceError, InvalidInputError, InvalidRequestError, TurnoutError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.parity import Verdict
from turnout.plugins.discovery import Plugins
from turnout.recording import read_recorded_request, record_files
from turnout.serving.app import Turnout
from turnout.serving.pipelines import Pipelines
from turnout.settings import LoadedModel, LoadedSettings
from turnout.tensors import describe

_REQUEST_SECONDS = 60.0
_BATCHING_SECONDS = 5.0
_ROWS = 3


@dataclass(frozen=True, slots=True)
class _CheckedArm:
    """One arm of a model: ``part`` is what its backend is beside the serving one, in brackets."""

    inference: ModelInference
    plugins: Plugins
    model: LoadedModel
    backend: str
    part: str

    @property
    def where(self) -> str:
        return f"{self.backend}{self.part}"

    def failure(self, text: str, error: TurnoutError) -> CheckResult:
        """Return a failure with ``error``, which gets the next step."""
        error.next_step = step_after(error, self.plugins, self.model, self.backend) or None
        # The step after a refused request is about inputs, which this command does not take.
        shown = None if isinstance(error, InvalidRequestError) else error
        return CheckResult("model", self.model.name, False, text, error=shown)


def check_requests(
    app: Turnout,
    plugins: Plugins,
    loaded: LoadedSettings,
    arms: Callable[[LoadedModel], list[tuple[str, str]]],
) -> Iterator[CheckResult]:
    """Yield a finding for each pipeline, run on examples of its steps, and for each arm, which gets one request; blocks.

    A request is the model's first record, else what a pipeline sent, else generated from the signature.
    """
    with tapped_pipelines(app, plugins, loaded) as (pipelines, taps):
        for name in pipelines.names:
            yield from _run_examples(pipelines, name, taps)
        for model in loaded.models.values():
            for backend, part in arms(model):
                tap = taps[model.name]
                if backend == model.backend:
                    yield from _check_arm(_CheckedArm(tap.arm, plugins, model, backend, part), loaded, tap.first)
                    continue
                with closing(app.arm(model.name, backend)) as arm:
                    yield from _check_arm(_CheckedArm(arm, plugins, model, backend, part), loaded, tap.first)


def _run_examples(pipelines: Pipelines, name: str, taps: Mapping[str, RequestTap]) -> Iterator[CheckResult]:
    try:
        pipeline = pipelines.get(name)
    except TurnoutError:
        return  # is a finding already
    inputs, missing = example_inputs(pipeline)
    if missing:
        text = f"was not run: no step gives an example of {', '.join(map(repr, missing))} (PipelineStep.example_inputs)"
        yield CheckResult("pipeline", name, True, text, note=True)
        return
    try:
        pipeline.run(inputs).raise_for_failures()
    except TurnoutError as error:
        yield CheckResult("pipeline", name, False, f"failed on an example: {error}")
        return
    silent = [step for step, kind in pipeline.plan.steps.items() if kind.model and taps[kind.model].first is None]
    text = f"answered an example of {', '.join(pipeline.plan.inputs) or 'no input'}"
    if silent:
        text += f"; sent no request in {', '.join(silent)}, which found nothing in it"
    yield CheckResult("pipeline", name, True, text, note=bool(silent))


def _check_arm(arm: _CheckedArm, loaded: LoadedSettings, sent: Inputs | None) -> Iterator[CheckResult]:
    """Open one arm on its own and send it a request: through the app, a fallback would hide that it fails."""
    model = arm.model
    try:
        described = f"{arm.where}: {describe_signature(arm.inference.signature())}"
    except TurnoutError as error:
        yield arm.failure(f"{arm.where}: {error}" if arm.part else str(error), error)
        return
    try:
        inputs, source = _find_inputs(arm.inference, loaded, model, sent)
    except InvalidInputError as error:
        # The advice of the error is about options that this command does not have.
        reason = str(error).partition("; ")[0]
        text = f"{described}; got no request: {reason}; record some: turnout record {model.name} ..."
        yield CheckResult("model", model.name, True, text, note=True)
        return
    response = _send(arm.inference, inputs)
    failed = response.error or _find_broken_promise(arm.inference, response)
    if isinstance(response.error, InvalidRequestError) and _streams(arm.inference, inputs):
        yield CheckResult("model", model.name, True, f"{described}; answered a {source} request with a stream")
    elif isinstance(failed, InvalidRequestError) and source == "generated":
        # Values that fit the signature need not make sense to the model.
        text = f"{described}; refuses a generated request: {failed}; record some: turnout record {model.name} ..."
        yield CheckResult("model", model.name, True, text, note=True)
    elif failed is not None:
        yield arm.failure(f"{arm.where}: failed on a {source} request: {failed}", failed)
    else:
        yield CheckResult("model", model.name, True, f"{described}; answered a {source} request")
        yield from _check_rows(arm.inference, model, arm.where, inputs)


def _find_broken_promise(arm: ModelInference, response: InferenceResponse) -> InferenceError | None:
    """Return how names and datatypes of ``response`` differ from the signature; shapes of outputs are hints in many formats."""
    for spec in arm.signature().outputs:
        if spec.name not in response:
            others = ", ".join(response) or "nothing"
            return InferenceError(f"it returned no output {spec.name!r}, which its signature has; it returned: {others}")
        array = response.outputs[spec.name]
        if describe(array).partition(" ")[0] != spec.datatype:
            return InferenceError(f"it returned {spec.name!r} as {describe(array)}, its signature has {spec}")
    return None


def _find_inputs(arm: ModelInference, loaded: LoadedSettings, model: LoadedModel, sent: Inputs | None) -> tuple[Inputs, str]:
    if files := record_files(recording_folder(loaded, model)):
        return read_recorded_request(files[0]).inputs, "recorded"
    if sent is not None:
        return sent, "pipeline's"
    signature = arm.signature()
    # An axis that alone is free in every input is the batch axis, also of a model without max_batch_size.
    batched = all(spec.shape and spec.shape[0] == -1 and -1 not in spec.shape[1:] for spec in signature.inputs)
    rows = 1 if model.settings.max_batch_size or batched else 0
    return next(generate_inputs(model.name, signature, 1, rows, {})), "generated"


def _check_rows(arm: ModelInference, model: LoadedModel, place: str, inputs: Inputs) -> Iterator[CheckResult]:
    """Yield a finding if rows of a batch are answered differently than alone: callers would get answers for strangers."""
    largest = model.settings.max_batch_size or 0
    rows = split_rows([inputs], min(largest, _ROWS)) if largest > 1 else []
    if not rows:
        return
    send = partial(_send, arm)
    [parity] = compare_batching(
        {place: send}, rows, model.settings.tolerances(), largest=largest, budget_seconds=_BATCHING_SECONDS
    )
    if parity.verdict is not Verdict.MATCH:
        yield CheckResult("batching", model.name, False, parity.text)


def _streams(arm: ModelInference, inputs: Inputs) -> bool:
    """Return whether a model that refuses ``infer`` answers the request with a stream, as decoupled ones do."""
    try:
        with closing(arm.infer_stream(InferenceRequest(inputs, time.monotonic() + _REQUEST_SECONDS))) as responses:  # type: ignore[type-var]  # a generator
            first = next(responses, None)
    except TurnoutError:
        return False
    return first is None or first.error is None


def _send(arm: ModelInference, inputs: Inputs) -> InferenceResponse:
    try:
        return arm.infer(InferenceRequest(inputs, time.monotonic() + _REQUEST_SECONDS))
    except TurnoutError as error:
        return InferenceResponse({}, error=error)
