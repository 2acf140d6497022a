"""The errors that Turnout raises, as a tree.

TurnoutError
├── ConfigurationError            fix the file
│   ├── SettingsError             turnout.yaml is wrong; holds every problem found
│   └── UnknownNameError          no plugin, model or pipeline has this name
├── PipelineError                 a pipeline cannot run, or parts of a run failed
│   ├── PipelineWiringError       its steps or inputs do not fit together; a ConfigurationError too
│   └── PipelineFailedError       parts of a run failed; holds each failure
│       └── PipelineUnavailableError  all of them for want of a backend; a BackendUnavailableError too
├── PluginError                   install, upgrade or remove something
│   ├── PluginConflictError       two plugins claim one name
│   └── MissingDependencyError    a plugin needs a package that is not installed
├── InvalidRequestError           fix the request
│   ├── InvalidTensorError        a tensor is missing, unknown, or of the wrong datatype or shape
│   └── InvalidInputError         a picture, a region or another input is unusable
├── BackendUnavailableError       use another backend, or try later
│   ├── NotReachedError           the request was never started; sending it again repeats nothing
│   ├── CircuitOpenError          the backend failed too often; its circuit is open
│   ├── OverloadedError           the queue is full; nothing was started
│   └── ForkedAfterLoadError      the model was loaded before a fork; load it in this process
├── DeadlineExceededError         allow more time
├── ClosedError                   the app or the model was closed
├── ModelLoadError                the model cannot be opened
├── InferenceError                the model failed on a good request
├── StepError                     a pipeline step failed in its own code; fix the step
├── UnprovedError                 compare the answers first
└── ExportError                   the model cannot be written in this format
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The aliases make these helpers names of this module, from where plugins import them.
from turnout.error_text import Problem as Problem  # noqa: PLC0414
from turnout.error_text import count_of as count_of  # noqa: PLC0414
from turnout.error_text import foreign_text as foreign_text  # noqa: PLC0414
from turnout.error_text import lines_of as lines_of  # noqa: PLC0414
from turnout.error_text import listing as listing  # noqa: PLC0414
from turnout.error_text import nearest_name as nearest_name  # noqa: PLC0414
from turnout.error_text import one_line as one_line  # noqa: PLC0414
from turnout.error_text import shown_argument, text_of_request
from turnout.error_text import suggestion as suggestion  # noqa: PLC0414
from turnout.error_text import text_of as text_of  # noqa: PLC0414
from turnout.shown_text import json_text as json_text  # noqa: PLC0414
from turnout.shown_text import show_causes
from turnout.shown_text import shown as shown  # noqa: PLC0414


class TurnoutError(Exception):
    """Any error of Turnout's. Its text is safe to print and to log: one line, without control characters or secrets.

    Attributes:
        model, backend: the names of the model and backend that it is about; None if it is about no single one, or not known.
        retry_after_seconds: how long to wait before another attempt can succeed; None if waiting does not help, or not known.
        next_step: what the user does next: a command that can be typed, or a sentence; None if it is not known.
        request_id: the id of the request that failed, with which the text begins; None if it has none.
    """

    model: str | None = None
    backend: str | None = None
    retry_after_seconds: float | None = None
    next_step: str | None = None
    request_id: str | None = None

    def __init__(
        self,
        *args: object,
        model: str | None = None,
        backend: str | None = None,
        retry_after_seconds: float | None = None,
        next_step: str | None = None,
    ) -> None:
        # Here, so that no place that raises an error can forget it.
        super().__init__(*map(shown_argument, args))
        self.model, self.backend = model, backend
        self.retry_after_seconds, self.next_step = retry_after_seconds, next_step

    @property
    def message(self) -> str:
        """The text without the id of the request."""
        return super().__str__()

    def __str__(self) -> str:
        return text_of_request(self.message, self.request_id)

    def locate(self, model: str, backend: str) -> None:
        """Set ``model`` and ``backend`` where they are not known yet; every error of a backend comes here."""
        self.model = self.model or model
        self.backend = self.backend or backend
        show_causes(self)


class ConfigurationError(TurnoutError):
    """The settings cannot work; fix the file."""


class SettingsError(ConfigurationError):
    """turnout.yaml is wrong; ``problems`` holds everything that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(lines_of(problems))
        self.problems = tuple(problems)


class UnknownNameError(ConfigurationError):
    """Nothing has the name ``name``; the message lists the known names, of which ``nearest`` is the nearest, if any is near."""

    name: str = ""
    nearest: str = ""


class PipelineError(TurnoutError):
    """A pipeline cannot run, or parts of a run failed."""


class PipelineWiringError(PipelineError, ConfigurationError):
    """The steps of a pipeline cannot work together, or its inputs are not those that it takes."""


@dataclass(frozen=True, slots=True)
class StepFailure:
    """A part of a pipeline's run that failed: a step, or one of its items.

    Attributes:
        index: the index of the failed item (a region, for the vision steps); None for the whole step.
        model: the model that the step calls; None if it calls none, or if it is not known.
    """

    step: str
    index: int | None
    error: TurnoutError
    model: str | None = None

    @property
    def backend(self) -> str | None:
        """The backend that failed; None if the error names none."""
        return self.error.backend

    def __str__(self) -> str:
        return shown(f"{self.step}{'' if self.index is None else f' [{self.index}]'}: {self.error.message}")


class PipelineFailedError(PipelineError):
    """Parts of a run failed: a step got no answer at all, or the caller accepts no failure.

    ``failures`` holds every failure of the run, and ``values`` the values of the steps that were answered, by name.
    """

    def __init__(
        self, message: str, failures: Sequence[StepFailure] = (), values: Mapping[str, object] | None = None, **known: Any
    ) -> None:
        super().__init__(message, **known)
        self.failures = tuple(failures)
        self.values = values or {}


class PluginError(TurnoutError):
    """A plugin is broken, missing or in conflict."""


class PluginConflictError(PluginError):
    """Two plugins claim one name; the message names both owners."""


class MissingDependencyError(PluginError):
    """A plugin needs a package that is not installed; the message says which command installs it."""


class InvalidRequestError(TurnoutError):
    """The request is wrong; sending it again changes nothing."""

    def __init__(self, *args: object, field: str | None = None, **known: Any) -> None:
        super().__init__(*args, **known)
        self.field = field
        """The wrong part: the name of an input, ``inputs``, ``deadline``, ``id`` or ``parameters``; None if it is not known."""


class InvalidTensorError(InvalidRequestError):
    """A tensor is missing, unknown, or of the wrong datatype or shape."""


class InvalidInputError(InvalidRequestError):
    """A picture, a region or another input of a step is unusable."""


class BackendUnavailableError(TurnoutError):
    """The backend is unavailable now; another one, or a later call, may answer."""


class NotReachedError(BackendUnavailableError):
    """The server never received the request, or refused it before running it: it may be sent again anywhere."""


class CircuitOpenError(BackendUnavailableError):
    """The backend failed too often and its circuit is open; the request was not sent."""


class OverloadedError(BackendUnavailableError):
    """The queue is full; nothing was started, so another backend may answer."""


class ForkedAfterLoadError(BackendUnavailableError):
    """The model was loaded before this process was forked, and would hang here."""


class PipelineUnavailableError(PipelineFailedError, BackendUnavailableError):
    """Parts of a run failed because backends are unavailable; another backend, or a later run, may answer."""


class DeadlineExceededError(TurnoutError):
    """The response did not arrive before the request's deadline; ``started`` is False if no backend has got the request."""

    started: bool = True


class ClosedError(TurnoutError):
    """The app or the model was closed before this call."""


class ModelLoadError(TurnoutError):
    """The model cannot be opened with these settings."""


class InferenceError(TurnoutError):
    """The model failed on a request that looked good."""


class StepError(TurnoutError):
    """A pipeline step failed in its own code."""


class UnprovedError(TurnoutError):
    """Requests would move to a backend whose answers are wrong, were not compared, or have changed since."""


class ExportError(TurnoutError):
    """The model cannot be written in this format; the message says why and what to do."""


def unknown_name(kind: str, name: str, known: Iterable[str], where: str = "") -> UnknownNameError:
    """Return the error for an unknown name, with the known names and the nearest of them."""
    names = sorted(known)
    error = UnknownNameError(f"unknown {kind} {name!r}; known: {listing(names)}.{suggestion(name, names)} {where}".rstrip())
    error.name, error.nearest = name, nearest_name(name, names)
    return error
