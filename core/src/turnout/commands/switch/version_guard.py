"""The guard of a switch to another version: no requests move to a version that is not there, or that is not proved.

A step back is never refused: to a version that a recorded switch came from. A step away from a version that cannot answer needs
no proof either.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from turnout.commands.arm_proofs import Standing, arm_proof
from turnout.commands.switch.guard import Move, find_missing, refusal
from turnout.commands.switch.history import former_versions
from turnout.errors import ConfigurationError, ModelLoadError, SettingsError, TurnoutError, UnprovedError, text_of
from turnout.plugins.discovery import Plugins
from turnout.settings import LoadedSettings, load_settings


def check_version_switch(
    plugins: Plugins, file: Path, model: str, move: Move, warn: Callable[[str], None], *, force: bool, is_back: bool
) -> None:
    """Raise an error if a backend that answers ``model`` does not have the version of ``move``, or was not compared with it.

    ``warn`` is called instead if ``force``, or the switch is a step back or away from a version that cannot answer; ``is_back``
    says that it undoes another.

    Raises:
        ModelLoadError: the version is missing, or the backend has no versions.
        BackendUnavailableError: its server cannot be reached, or does not serve the version.
        UnprovedError: its answers are wrong, were not compared, or have changed since.
        ConfigurationError: an option of the backend chooses a version of its own.
        SettingsError: the file cannot be loaded, so nothing can be checked.
    """
    version = move.after.version
    is_back = is_back or version in former_versions(move.history, move.before.version)
    lenient = force or is_back
    try:
        present = load_settings(file, registry=plugins)
    except SettingsError as error:
        if not lenient:
            raise
        warn(f"nothing was checked, because the file cannot be loaded here: {text_of(error)}")
        return
    guard = _VersionGuard(present, plugins, model, version)
    for backend in [backend for backend, share in move.after.shares().items() if share]:
        problem = guard.find_missing(backend)
        if problem is None and not is_back:
            problem = guard.find_unproved(backend, warn)
        if problem is not None and not lenient:
            raise refusal(problem, model)
        if problem is not None:
            warn(str(problem))


class _VersionGuard:
    """Judges one version of one model on its backends; ``present`` are the settings of now."""

    def __init__(self, present: LoadedSettings, plugins: Plugins, model: str, version: str) -> None:
        self._plugins = plugins
        self._present, self._after = present, present.with_version(model, version)
        self._model = model
        self._version = version

    def find_missing(self, backend: str) -> TurnoutError | None:
        """Return the reason why ``backend`` cannot answer from the version; None if it can."""
        try:
            self._check_chooses(backend)
        except (ConfigurationError, ModelLoadError) as error:
            return error
        return find_missing(self._after, self._plugins, self._after.model(self._model), backend)

    def find_unproved(self, backend: str, warn: Callable[[str], None]) -> UnprovedError | None:
        """Return the reason to refuse the version; without one, ``warn`` of a version that cannot be compared now."""
        proof = arm_proof(self._after, self._plugins, self._after.model(self._model), backend)
        if proof.standing is Standing.PROVED:
            return None
        name = f"version {self._version}" if self._version else "the version of the version policy"
        command = f"turnout verify {self._model}" + (f" --version {self._version}" if self._version else "")
        if proof.standing is Standing.WRONG:
            return UnprovedError(f"{name}: {proof.doubt(backend, backend)}; compare them: {command}", next_step=command)
        reason = f"{name} on {backend!r} was not compared with another backend"
        outage = find_missing(self._present, self._plugins, self._present.model(self._model), backend)
        if outage is not None:
            warn(f"{reason}; the version before cannot answer: {outage}; when it is possible: {command}")
            return None
        return UnprovedError(f"{reason}; compare them: {command}", next_step=command)

    def _check_chooses(self, backend: str) -> None:
        """Raise an error if the model's ``version`` does not choose what ``backend`` opens."""
        after, declared = self._after.model(self._model), self._plugins.backend(backend)
        own = after.settings.backends.get(backend, {}).get("version")
        if own:
            place = self._after.where("models", self._model, "backends", backend)
            raise ConfigurationError(
                f"{backend!r} has a 'version' of its own, {own}, at {place}; remove it there, so that the model's decides",
                next_step=f"remove 'version' from the options of {backend!r} at {place}",
            )
        if self._version and not declared.remote and declared.version_folder(after.declaration, after.options[backend]) is None:
            raise ModelLoadError(
                f"{backend!r} has no version {self._version}: it opens a model that is in no model repository, or a repository "
                "without that version"
            )
