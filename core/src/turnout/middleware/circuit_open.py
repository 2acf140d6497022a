"""The refusal of an open circuit."""

from __future__ import annotations

from turnout.errors import BackendUnavailableError


class CircuitOpenError(BackendUnavailableError):
    """The backend failed too often and is left alone for now; it was not asked."""
