"""The error about a picture file with more parts than a picture needs."""

from __future__ import annotations

from turnout.errors import InvalidInputError

MAX_BLOCKS = 5_000
MAX_JUNK_BYTES = 65_536
# Decoders keep color profiles, comments and what they do not know.
MAX_METADATA_BYTES = 32_000_000


def structure_refusal(name: str, what: str) -> InvalidInputError:
    """Return the error about the picture ``name``, which has ``what``."""
    return InvalidInputError(f"picture {name} has {what}, which no picture needs; save it again with another program")
