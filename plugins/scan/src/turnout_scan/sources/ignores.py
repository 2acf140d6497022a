"""The comments that keep findings out of a report: ``# turnout: ignore``, ``ignore[rule]`` and ``ignore-file``."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_COMMENT = re.compile(r"#\s*turnout:\s*ignore(?P<file>-file)?\s*(?:\[(?P<rules>[^\]]*)\])?")


@dataclass(frozen=True, slots=True)
class Ignores:
    """The rules that a file ignores.

    Attributes:
        whole: for the whole file; with the empty name, all of them.
        lines: for each line that has such a comment.
    """

    whole: frozenset[str] = frozenset()
    lines: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def covers(self, rule: str, lines: Iterator[int]) -> bool:
        """Return whether a finding of ``rule`` that concerns ``lines`` is ignored."""
        return bool(self.whole & {"", rule}) or any(self.lines.get(line, frozenset()) & {"", rule} for line in lines)

    def names(self) -> Iterator[tuple[int, str]]:
        """Yield the rules that are named, with the line; for the whole file, line 1."""
        yield from ((1, name) for name in sorted(self.whole) if name)
        yield from ((line, name) for line, names in sorted(self.lines.items()) for name in sorted(names) if name)


def find_ignores(text: str) -> Ignores:
    """Return the ignores in the comments of ``text``; a comment that has a line to itself is about the next line."""
    if "turnout:" not in text:
        return Ignores()
    whole, lines = set[str](), dict[int, frozenset[str]]()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            found = _COMMENT.match(token.string) if token.type == tokenize.COMMENT else None
            if found is None:
                continue
            rules = frozenset(name.strip() for name in (found["rules"] or "").split(",")) or frozenset({""})
            if found["file"]:
                whole |= rules
            else:
                alone = not token.line[: token.start[1]].strip()
                line = token.start[0] + (1 if alone else 0)
                lines[line] = lines.get(line, frozenset()) | rules
    except (tokenize.TokenError, SyntaxError):
        pass  # the parser takes more than the tokenizer; what was found so far counts
    return Ignores(frozenset(whole), lines)
