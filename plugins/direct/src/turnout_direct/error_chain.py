"""The chain of an error: itself and what it was raised from."""

from __future__ import annotations

from collections.abc import Sequence


def error_chain(error: BaseException) -> Sequence[BaseException]:
    """Return ``error``, then the error that it was raised from, and so on to the first."""
    chain = [error]
    while (link := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(link)
    return chain
