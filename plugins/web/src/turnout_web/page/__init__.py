"""The page for people, and what it asks: the board of the models, and comparisons of two backends."""

from __future__ import annotations

from turnout_web.page.routing import routes
from turnout_web.page.static_files import OPEN_PATHS

__all__ = ["OPEN_PATHS", "routes"]
