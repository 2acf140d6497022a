"""Health of a running app, or of one that would start here."""

from __future__ import annotations

from turnout.commands.health.report import FoundHealth, health_of_file
from turnout.commands.health.running import running_health

__all__ = ["FoundHealth", "health_of_file", "running_health"]
