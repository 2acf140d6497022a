"""The canary's share of the traffic."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from turnout.inference import Parameter


@dataclass(frozen=True, slots=True)
class CanaryPolicy:
    """The share of the requests that goes to the canary.

    Attributes:
        model: the model's name, so that the canaries of two models do not meet the same users.
        weight: the share, 0 to 1.
        key: the request parameter whose value keeps a user on one arm; with None, or in a request without it, chance decides.
    """

    model: str
    weight: float
    key: str | None = None


def position_of(model: str, value: Parameter) -> float:
    """Return the position of ``value`` from 0 to 1: positions below the weight go to the canary.

    It is the first 53 bits of BLAKE2b of ``model``, a zero byte and ``str(value)``, so it is the same in every process and
    version. A value that is on the canary stays there while the weight grows.
    """
    # Not hash(): Python salts it in each process. Any text must have a position, so lone surrogates pass.
    digest = blake2b(f"{model}\0{value}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    # 53 bits are what a float holds exactly; rounding 64 bits could give 1.0, which no weight includes.
    return (int.from_bytes(digest) >> 11) / 2**53
