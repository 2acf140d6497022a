"""Which arm a canary sends a request to."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from turnout.inference import Parameter


@dataclass(frozen=True, slots=True)
class CanaryPolicy:
    """Which share of the requests goes to the canary.

    Attributes:
        model: the model, so that the same users do not meet the canaries of all models.
        weight: the share, 0 to 1.
        key: the request parameter by whose value requests stay on one arm; None, and a request without it, is chance.
    """

    model: str
    weight: float
    key: str | None = None


def position_of(model: str, value: Parameter) -> float:
    """Return where ``value`` stands between 0 and 1, the same in every process and version; below the weight is the canary.

    It is the first 53 bits of BLAKE2b of ``model``, a zero byte and ``str(value)``. So a value that is on the canary stays
    there while the weight grows.
    """
    digest = blake2b(f"{model}\0{value}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2**53
