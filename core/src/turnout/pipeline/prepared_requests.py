"""The requests that a step prepared, checked before they are sent."""

from __future__ import annotations

from collections.abc import Sequence

from turnout.errors import StepError
from turnout.inference import InferenceRequest


def check_requests(name: str, prepared: object) -> Sequence[InferenceRequest]:
    """Return ``prepared``; raise StepError if it is not a list of requests, such as the None of a forgotten ``return``."""
    if isinstance(prepared, Sequence) and all(isinstance(request, InferenceRequest) for request in prepared):
        return prepared
    found = type(prepared).__name__
    if isinstance(prepared, Sequence) and not isinstance(prepared, str):
        found = f"a {found} with {next(type(item).__name__ for item in prepared if not isinstance(item, InferenceRequest))}"
    raise StepError(f"step {name!r} returned {found} from preprocess, not a list of turnout.InferenceRequest; fix the step")
