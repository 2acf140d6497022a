"""gRPC's status codes as kinds of failures."""

from __future__ import annotations

# In the order of their numbers, from 0 on; "internal" for the rest.
_KINDS = {
    "OK": "",
    "CANCELLED": "unavailable",
    "UNKNOWN": "unknown",
    "INVALID_ARGUMENT": "invalid",
    "DEADLINE_EXCEEDED": "deadline",
    "NOT_FOUND": "not_found",
    "ALREADY_EXISTS": "invalid",
    "PERMISSION_DENIED": "denied",
    "RESOURCE_EXHAUSTED": "too_large",
    "FAILED_PRECONDITION": "invalid",
    "ABORTED": "unavailable",
    "OUT_OF_RANGE": "invalid",
    "UNIMPLEMENTED": "unimplemented",
    "INTERNAL": "internal",
    "UNAVAILABLE": "unavailable",
    "DATA_LOSS": "internal",
    "UNAUTHENTICATED": "denied",
}
_BY_NUMBER = tuple(_KINDS.values())


def kind_of_name(name: str) -> str:
    """Return the kind for the status called ``name``."""
    return _KINDS.get(name, "internal")


def kind_of_number(number: int) -> str:
    """Return the kind for a status as it is sent; "unavailable" for one that gRPC does not have."""
    return _BY_NUMBER[number] if number < len(_BY_NUMBER) else "unavailable"
