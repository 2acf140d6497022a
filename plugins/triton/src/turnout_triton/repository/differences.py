"""Where several sources say different things of one model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from turnout_triton.repository.facts import NONE, Facts

_PLACE = re.compile(r"KIND_(AUTO|CPU|GPU)( on \[[0-9, ]*\])?")


@dataclass(frozen=True, slots=True)
class Source:
    """Who says something of a model: ``facts`` by what they are about.

    Attributes:
        verb: who says it, such as ``config.pbtxt says``.
        facts: what is said.
        silent: prefixes of what this source says nothing of.
        verbs: who else says it, by prefix.
    """

    verb: str
    facts: Facts
    silent: tuple[str, ...] = ()
    verbs: dict[str, str] = field(default_factory=dict)

    def speaks_of(self, name: str) -> bool:
        """Tell whether this source would say something of ``name``, if only that there is none."""
        return not name.startswith(self.silent)

    def said(self, name: str) -> str:
        """Return the fact called ``name``; ``none`` if there is none."""
        return self.facts.get(name, NONE)

    def sentence(self, name: str) -> str:
        """Return who says what of ``name``."""
        verb = next((verb for prefix, verb in self.verbs.items() if name.startswith(prefix)), self.verb)
        return f"{verb} {self.said(name)}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that not all sources say alike: ``text`` has what each says, ``apart`` who differs from the first."""

    name: str
    text: str
    apart: tuple[Source, ...]


def differences(sources: Sequence[Source]) -> list[Difference]:
    """Return everything that ``sources`` say differently, as the first of them orders it."""
    names = dict.fromkeys(name for source in sources for name in source.facts)
    return [found for name in names for found in _difference(name, [one for one in sources if one.speaks_of(name)])]


def _difference(name: str, sources: Sequence[Source]) -> Iterator[Difference]:
    if not sources:
        return
    first, *others = sources
    apart = tuple(source for source in others if not _same(name, first.said(name), source.said(name)))
    if apart:
        yield Difference(name, f"{name}: {', '.join(source.sentence(name) for source in sources)}", apart)


def _same(name: str, one: str, other: str) -> bool:
    if name == "instance_group" and "KIND_AUTO" in one + other:
        # A server says what KIND_AUTO has become there.
        return _PLACE.sub("", one) == _PLACE.sub("", other)
    return one == other
