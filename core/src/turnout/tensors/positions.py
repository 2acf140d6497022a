"""The positions of a TorchScript model's arguments and results for tensor names, by Triton's conventions.

Either all inputs have the names of arguments of ``forward``, or all names end in ``__<position>``, or else the order of their
declaration counts. Outputs follow the second or the third convention. As in Triton's own backend, a position is what follows
the first ``__`` of a name: ``mask__1`` has one, ``soft__mask__1`` has none. This module imports nothing of Turnout:
turnout-triton copies it into Triton's backend directory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

NUMBERED = re.compile(r"(?:(?!__).)*__(?P<position>[0-9]+)\Z", re.DOTALL)


def input_positions(names: Sequence[str], arguments: Sequence[str]) -> Mapping[str, int]:
    """Return the position among ``arguments`` (without self) of each input called ``names``, in the order of declaration.

    Raises:
        ValueError: the names do not match the arguments.
    """
    if names and all(name in arguments for name in names):
        return {name: arguments.index(name) for name in names}
    positions = output_positions(names)
    wrong = [name for name, position in positions.items() if position >= len(arguments)]
    if wrong or len(set(positions.values())) != len(names):
        raise ValueError(
            f"the inputs {list(names)} are declared, but forward takes {list(arguments)}; name the inputs like its arguments, "
            "or NAME__0, NAME__1 and so on"
        )
    return positions


def output_positions(names: Sequence[str]) -> Mapping[str, int]:
    """Return the position of each output called ``names``, in the order of declaration."""
    found = [NUMBERED.match(name) for name in names]
    if all(found):
        return {name: int(match["position"]) for name, match in zip(names, found, strict=True) if match}
    return {name: position for position, name in enumerate(names)}
