"""The media type of an answer, from those that a caller accepts."""

from __future__ import annotations

from turnout.errors import listing
from turnout_web.problems import Problem

JSON, PNG = "application/json", "image/png"


def choose_type(accept: str, offered: tuple[str, ...]) -> str:
    """Return the media type of ``offered`` that the header ``accept`` prefers, the first of equal ones.

    Raises:
        Problem: 406, none is accepted.
    """
    ranges = [_parse(each) for each in accept.split(",") if each.strip()]
    if not ranges:
        return offered[0]
    weights = {offer: _weight(offer, ranges) for offer in offered}
    best = max(offered, key=lambda offer: weights[offer])
    if weights[best] <= 0:
        raise Problem(
            406, f"the answer is {listing(offered)}, and the request accepts {accept!r:.100} only; send Accept: {JSON}"
        )
    return best


def _parse(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return kind, float(parameter[2:])
            except ValueError:
                return kind, 0.0
    return kind, 1.0


def _weight(offer: str, ranges: list[tuple[str, float]]) -> float:
    main = offer.partition("/")[0]
    # The most specific range decides (RFC 9110, 12.5.1).
    for wanted in (offer, f"{main}/*", "*/*"):
        if weights := [weight for kind, weight in ranges if kind == wanted]:
            return max(weights)
    return 0.0
