"""Checks of what a user asks of an adoption, before a model is opened and before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from turnout.commands.adopt.candidate import Candidate
from turnout.commands.adopt.in_memory import load_entries
from turnout.commands.adopt.request import AdoptRequest
from turnout.commands.export import usable_exporters
from turnout.commands.init.model_names import model_names
from turnout.errors import ConfigurationError, UnknownNameError, listing, suggestion
from turnout.plugins.declarations import Exporter
from turnout.plugins.discovery import Plugins


def check_words(plugins: Plugins, request: AdoptRequest) -> None:
    """Check the name and the task of ``request``.

    Raises:
        ConfigurationError: a model cannot have the name.
        UnknownNameError: no step knows the task.
    """
    if request.name is not None and (valid := model_names([request.name])[0]) != request.name:
        raise ConfigurationError(
            f"{request.name!r} is no name of a model: it has letters, digits, '_', '-' and '.', such as {valid!r}",
            next_step=f"give --name {valid}",
        )
    known = sorted({task for kind in plugins.known_steps() for task in plugins.step(kind).pipelines})
    if request.task is not None and known and request.task not in known:
        near = suggestion(request.task, known)
        raise UnknownNameError(
            f"no installed step knows the task {request.task!r}.{near} Known tasks: {listing(known)}",
            next_step="give another --task, or leave it out",
        )


def check_candidate(plugins: Plugins, request: AdoptRequest, candidate: Candidate) -> None:
    """Check the format, the inputs and the batch of ``request`` for one model.

    Raises:
        ConfigurationError: the model takes no such batches.
        UnknownNameError: the model has no such input, or no exporter has the format.
    """
    found = candidate.found
    if unknown := [name for name in request.inputs if found.inputs and name not in found.inputs]:
        near = suggestion(unknown[0], found.inputs)
        raise UnknownNameError(
            f"model {candidate.name!r} has no input {unknown[0]!r}.{near} It takes: {listing(found.inputs)}",
            next_step="give another --input, or leave it out",
        )
    fixed = found.fixed_batch
    if fixed is not None and request.max_batch_size not in (None, 0, fixed):
        raise ConfigurationError(
            f"{request.source!r} takes batches of {fixed} only, got --max-batch-size {request.max_batch_size}; leave out "
            "--max-batch-size, or export the source again with a free batch axis",
            next_step="leave out --max-batch-size",
        )
    if request.format is not None and candidate.exports:
        chosen_exporters(plugins, request, candidate)


def chosen_exporters(plugins: Plugins, request: AdoptRequest, candidate: Candidate) -> Sequence[Exporter]:
    """Return the exporters to try: that of the chosen format, else those whose files this process opens, the preferred first.

    Raises:
        UnknownNameError: no exporter has the chosen format.
    """
    loaded = load_entries(plugins, request.folder, {candidate.name: candidate.entry(candidate.variants()[0])})
    usable = usable_exporters(plugins, loaded.model(candidate.name))
    if request.format is None:
        return [one for one in usable if any(name in plugins.known_backends() for name in one.opened_by)]
    found = [one for one in usable if one.format == request.format]
    if not found:
        known = [one.format for one in usable]
        raise UnknownNameError(
            f"model {candidate.name!r} cannot be exported as {request.format!r}.{suggestion(request.format, known)} It can as: "
            f"{listing(known)}",
            next_step="give another --format, or leave it out",
        )
    return found
