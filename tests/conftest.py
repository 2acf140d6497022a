"""Settings of every test."""

from __future__ import annotations

from hypothesis import settings

# Each example may take as long as it needs: a busy machine is no failure.
settings.register_profile("turnout", deadline=None)
settings.load_profile("turnout")
