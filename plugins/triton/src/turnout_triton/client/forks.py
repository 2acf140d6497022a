"""Knowing whether this process was forked."""

from __future__ import annotations

import os


class Forks:
    """Counts the forks between the first process and this one; os.getpid() on every call costs more."""

    count = 0

    @classmethod
    def add(cls) -> None:
        """Count one more."""
        cls.count += 1


os.register_at_fork(after_in_child=Forks.add)
