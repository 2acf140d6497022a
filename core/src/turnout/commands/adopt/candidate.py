"""A model of a source, as an entry of turnout.yaml in the making."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from turnout.commands.adopt.request import AdoptRequest
from turnout.plugins.sources import SourceModel


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model of a source.

    Attributes:
        name: its name in turnout.yaml.
        backend: the backend that opens it from the source.
        found: the model as the backend found it.
        others: options of further backends, of a model that is in a model repository already.
        fixed: keys that the user gave; they come before those of every variant.
    """

    name: str
    backend: str
    found: SourceModel
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exports(self) -> bool:
        """True if the model is in no model repository yet."""
        return not self.others

    def variants(self) -> tuple[Mapping[str, Any], ...]:
        """Return the keys of the model beside its backends, to be tried in this order."""
        wanted = [{**one, **self.fixed} for one in (self.found.settings, *self.found.alternatives)]
        return tuple(one for index, one in enumerate(wanted) if one not in wanted[:index])

    def entry(self, variant: Mapping[str, Any]) -> dict[str, Any]:
        """Return the model's entry in turnout.yaml with the keys of ``variant``, served by the source's backend."""
        keys = {key: value for key, value in variant.items() if value not in ({}, None)}
        options = {name: dict(value) for name, value in self.others.items()}
        return {"backend": self.backend, **keys, "backends": {self.backend: dict(self.found.options), **options}}


def given_keys(request: AdoptRequest) -> dict[str, Any]:
    """Return the keys of a model that the user gave on the command line."""
    keys: dict[str, Any] = {}
    if request.max_batch_size is not None:
        keys["max_batch_size"] = request.max_batch_size
    if request.inputs:
        keys["inputs"] = dict(request.inputs)
    return keys
