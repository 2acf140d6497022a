"""The guard of a switch: no requests move to a backend that is not there, or that is not proved to give the same answers.

A backend needs a proof only if its share grows. A step back is never refused: to a backend that a recorded switch came from, or
that others were compared with. A step away from a backend that cannot answer, which cannot be compared now, is refused
only if it leads to answers that are proved wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from turnout.commands.arm_files import find_arm_files
from turnout.commands.arm_proofs import Standing, proof_sources
from turnout.commands.instances import server_notes
from turnout.commands.server_command import step_after
from turnout.commands.status.arm_standing import arm_standing
from turnout.commands.switch.history import RecordedSwitch, former_backends
from turnout.commands.switch.traffic import Serving
from turnout.errors import BackendUnavailableError, ModelLoadError, SettingsError, TurnoutError, UnprovedError, text_of
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.serving.app import Turnout
from turnout.settings import LoadedModel, LoadedSettings, load_settings


@dataclass(frozen=True, slots=True)
class Move:
    """The backends that serve before and after a switch, and the switches before it."""

    before: Serving
    after: Serving
    history: Sequence[RecordedSwitch]

    def gaining(self) -> list[str]:
        """Return the backends whose share grows."""
        shares = self.before.shares()
        return [backend for backend, share in self.after.shares().items() if share > shares.get(backend, 0.0)]

    def former(self) -> frozenset[str]:
        """Return the backends that a switch back goes to."""
        return former_backends(self.history, self.before.backend) | {self.before.backend}


def check_switch(plugins: Plugins, file: Path, model: str, move: Move, warn: Callable[[str], None], *, force: bool) -> None:
    """Raise an error if a backend of ``model`` would get a larger share, and is not there or not proved.

    ``warn`` is called instead if ``force`` is set, or the switch is a step back or away from a backend that cannot answer,
    and in any case if a server would run one instance of a model that has several in this process.

    Raises:
        ModelLoadError: a file of the backend is missing, or its server refuses the model.
        BackendUnavailableError: its server cannot be reached.
        UnprovedError: its answers are wrong, were not compared, or have changed since.
        SettingsError: the file cannot be loaded, so nothing can be checked.
    """
    former = move.former()
    try:
        loaded = load_settings(file, registry=plugins)
    except SettingsError as error:
        if not force and not former.issuperset(move.gaining()):
            raise
        warn(f"nothing was checked, because the file cannot be loaded here: {text_of(error)}")
        return
    former |= proof_sources(loaded, plugins, model)
    for backend in move.gaining():
        problem = find_missing(loaded, plugins, loaded.model(model), backend)
        if problem is None and backend not in former:
            problem = _unproved(loaded, plugins, loaded.model(model), backend, move.before.backend, warn)
        if problem is not None and not force and backend not in former:
            raise refusal(problem, model)
        if problem is not None:
            warn(str(problem))
        for note in server_notes(plugins, loaded.model(model), backend):
            warn(note)


def refusal(error: TurnoutError, model: str) -> TurnoutError:
    """Return the error for a switch of ``model`` that is refused because of ``error``."""
    return type(error)(f"model {model!r} is not switched: {error}; --force switches it anyway", next_step=error.next_step)


def find_missing(loaded: LoadedSettings, plugins: Plugins, model: LoadedModel, backend: str) -> TurnoutError | None:
    """Return the reason why ``model`` cannot answer on ``backend``; None if it can.

    A local model, which may take minutes, is not opened.
    """
    try:
        find_arm_files(plugins, model, backend)
        if plugins.backend(backend).remote:
            _open(loaded, plugins, model.name, backend)
    except (ModelLoadError, BackendUnavailableError) as error:
        next_step = step_after(error, plugins, model, backend) or f"turnout status {model.name}"
        return type(error)(f"{backend!r} cannot answer: {text_of(error)}", next_step=next_step)
    return None


def _open(loaded: LoadedSettings, plugins: Plugins, model: str, backend: str) -> None:
    with Turnout(loaded, plugins, Metrics()) as app:
        arm = app.arm(model, backend)
        try:
            arm.open()
        finally:
            arm.close()


def _unproved(
    loaded: LoadedSettings, plugins: Plugins, model: LoadedModel, backend: str, serving: str, warn: Callable[[str], None]
) -> UnprovedError | None:
    """Return the reason to refuse ``backend``; without one, ``warn`` of a backend that cannot be compared now."""
    proof = arm_standing(loaded, plugins, model, backend)
    if proof.standing is Standing.PROVED:
        return None
    command = f"turnout verify {model.name} --against {backend}"
    reason = proof.doubt(backend, serving)
    outage = None if proof.standing is Standing.WRONG else find_missing(loaded, plugins, model, serving)
    if outage is not None:
        warn(f"{reason}, and cannot be now: {outage}; when it answers again: {command}")
        return None
    return UnprovedError(f"{reason}; compare them: {command}", next_step=command)
