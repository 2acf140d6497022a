"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass, field

from turnout.errors import TurnoutError


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check.

    Attributes:
        what: the kind of its subject: ``settings``, ``pipeline``, ``batching``, ``instances``, ``warmup``,
            ``files``, ``proof``, ``repository`` or ``model``.
        name: the name of its subject.
        ok: nothing has to be done.
        text: the finding, in one line.
        note: something has no effect or could not be checked; ``ok`` is True then.
        error: the error behind ``text``, which knows the next step; None if only the text says what to do.
    """

    what: str
    name: str
    ok: bool
    text: str
    note: bool = False
    error: TurnoutError | None = field(default=None, compare=False)
