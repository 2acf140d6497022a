"""The differences between several sources of one model's config."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from turnout_triton.repository.config_entries import NONE, Entries


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """A source of a model's config, such as turnout.yaml or a server.

    Attributes:
        verb: the beginning of a sentence about an entry, such as ``config.pbtxt says``.
        entries: the config, as comparable text.
        silent: prefixes of the entries that this source leaves open; they are not compared.
        verbs: other beginnings, by prefix of the entry.
    """

    verb: str
    entries: Entries
    silent: tuple[str, ...] = ()
    verbs: dict[str, str] = field(default_factory=dict)

    def covers(self, name: str) -> bool:
        """Return whether this source decides the entry ``name``, if only by not having it."""
        return not name.startswith(self.silent)

    def entry(self, name: str) -> str:
        """Return the entry ``name``; ``none`` if there is none."""
        return self.entries.get(name, NONE)

    def sentence(self, name: str) -> str:
        """Return a sentence about the entry ``name``, such as ``config.pbtxt says 8``."""
        verb = next((verb for prefix, verb in self.verbs.items() if name.startswith(prefix)), self.verb)
        return f"{verb} {self.entry(name)}"


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry on which sources disagree.

    Attributes:
        name: the entry.
        text: the entry with the value of each source, in one line.
        apart: the sources that differ from the first.
    """

    name: str
    text: str
    apart: tuple[ConfigSource, ...]


def differences(sources: Sequence[ConfigSource]) -> list[Difference]:
    """Return every entry on which ``sources`` disagree, in the order of the first source."""
    names = dict.fromkeys(name for source in sources for name in source.entries)
    return [found for name in names for found in _compare(name, [one for one in sources if one.covers(name)])]


def _compare(name: str, sources: Sequence[ConfigSource]) -> Iterator[Difference]:
    if not sources:
        return
    first, *others = sources
    apart = tuple(source for source in others if source.entry(name) != first.entry(name))
    if apart:
        yield Difference(name, f"{name}: {', '.join(source.sentence(name) for source in sources)}", apart)
