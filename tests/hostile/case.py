"""Cases of the catalogue: a program, a hostile input, and the bars that it must keep."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from tests.hostile.observed_process import Observed, observe
from tests.hostile.sandbox import Sandbox, changed_files

LONGEST_OUTPUT = 20_000
LONGEST_LINE = 2_000
CLOCK_SECONDS = 8.0
Prepare = Callable[[Sandbox], list[str]]


class Trial(Protocol):
    """One hostile thing, whatever is done with it."""

    @property
    def name(self) -> str:
        """``area/kind/member``, unique in the catalogue."""

    def problems(self, folder: Path) -> list[str]:
        """Return what went wrong, a sentence each, after trying it below ``folder``, which is empty."""


@dataclass(frozen=True, slots=True)
class Case:
    """One program that meets one hostile input.

    The program must end with one of ``exits`` and a message, within ``seconds`` of processor time and ``megabytes`` of memory
    more than the same program needs with a good input. No traceback, no control character, no foreign code, nothing changed
    outside its folder, and inside only what ``changes`` names. The good input must be answered before it and after it.

    Attributes:
        name: ``area/kind/member``.
        hostile: writes the hostile input into ``work`` of the sandbox and returns the command that reads it.
        good: the same for an input that the command accepts with exit 0. A function of a module, for its figures are kept.
        exits: exit codes that are right; 0 belongs to them if the input is harmless and may be read.
        changes: patterns of names below ``work`` that the command may write, such as ``out.jsonl``.
    """

    name: str
    hostile: Prepare
    good: Prepare
    exits: frozenset[int] = frozenset({1, 2, 3})
    changes: tuple[str, ...] = ()
    seconds: float = 1.0
    megabytes: float = 200.0

    def problems(self, folder: Path) -> list[str]:
        usual = _usual(self.good)
        sandbox = Sandbox.create(folder / "hostile")
        command = self.hostile(sandbox)
        before = sandbox.content(sandbox.work), sandbox.content_outside()
        seen = observe(command, sandbox.work, sandbox.environment())
        after = sandbox.content(sandbox.work), sandbox.content_outside()
        found = [*self._ending(seen), *self._cost(seen, usual), *_output(seen)]
        if sandbox.executed.exists():
            found.append("foreign code ran")
        found += [f"changed outside its folder: {name}" for name in changed_files(before[1], after[1])]
        found += [f"changed in its folder: {name}" for name in changed_files(before[0], after[0], self.changes)]
        return found + [f"a good input, afterwards: {problem}" for problem in _good_again(self.good, folder / "good")]

    def _ending(self, seen: Observed) -> list[str]:
        if seen.exit is None:
            return ["it did not end within a minute"]
        if seen.exit not in self.exits:
            return [f"exit {seen.exit}, not one of {sorted(self.exits)}; stderr ends with {seen.stderr[-200:]!r}"]
        return [] if seen.exit == 0 or seen.stderr.strip() else [f"exit {seen.exit} without a message"]

    def _cost(self, seen: Observed, usual: Observed) -> list[str]:
        found = []
        if seen.seconds > usual.seconds + self.seconds:
            found.append(f"{seen.seconds:.2f} s of processor time; a good input: {usual.seconds:.2f} s")
        # By the clock too: a program that waits uses no processor. Other tests use this machine meanwhile.
        if seen.waited > 3 * usual.waited + self.seconds + CLOCK_SECONDS:
            found.append(f"{seen.waited:.1f} s by the clock; a good input: {usual.waited:.1f} s")
        if seen.megabytes > usual.megabytes + self.megabytes:
            found.append(f"{seen.megabytes:.0f} MB; a good input: {usual.megabytes:.0f} MB")
        return found


def _output(seen: Observed) -> list[str]:
    found = []
    for name, text in (("stdout", seen.stdout), ("stderr", seen.stderr)):
        if "Traceback (most recent call last)" in text:
            found.append(f"a traceback on {name}: {text[-300:]!r}")
        if control := sorted({character for character in text if _is_control(character)}):
            found.append(f"control characters on {name}: {control!r}")
        if len(text) > LONGEST_OUTPUT:
            found.append(f"{len(text)} characters on {name}")
        if (longest := max(map(len, text.splitlines()), default=0)) > LONGEST_LINE:
            found.append(f"a line of {longest} characters on {name}")
    return found


def _is_control(character: str) -> bool:
    # Cf holds the marks that turn the direction of a text around, Cs bytes that are no UTF-8, Zl and Zp line breaks.
    return character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


@cache
def _usual(good: Prepare) -> Observed:
    with TemporaryDirectory() as folder:
        seen = _observe_good(good, Path(folder))
        if seen.exit != 0:
            raise AssertionError(f"the good input fails with exit {seen.exit}: {seen.stderr[-500:]}")
        return seen


def _good_again(good: Prepare, folder: Path) -> list[str]:
    seen = _observe_good(good, folder)
    return [] if seen.exit == 0 else [f"exit {seen.exit}: {seen.stderr[-200:]!r}"]


def _observe_good(good: Prepare, folder: Path) -> Observed:
    sandbox = Sandbox.create(folder / "sandbox")
    return observe(good(sandbox), sandbox.work, sandbox.environment())
