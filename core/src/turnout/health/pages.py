"""The two pages that a probe asks for, whatever server gives them."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from turnout.health.report import Health
from turnout.shown_text import json_text

LIVE, READY = "/health/live", "/health/ready"
PATHS = (LIVE, READY)
CONTENT_TYPE = "application/json"


class HealthPage(NamedTuple):
    """A response to a probe: the HTTP status, and a body of JSON."""

    status: int
    body: bytes

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers of the response."""
        # RFC 9110 asks for it in an answer 405.
        allowed = [("Allow", "GET, HEAD")] if self.status == HTTPStatus.METHOD_NOT_ALLOWED else []
        return [
            ("Content-Type", CONTENT_TYPE),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", "no-store"),
            *allowed,
        ]


def health_page(path: str, health: Callable[[], Health]) -> HealthPage | None:
    """Return the page at ``path``: status 200 for yes and 503 for no; None if there is no such page.

    An app that is mounted at ``/health`` gets the last part of the path alone.
    """
    found = health() if f"/health/{path.rpartition('/')[2]}" in PATHS else None
    if found is None:
        return None
    if path.endswith("live"):
        return _page(found.live, {"live": found.live})
    return _page(found.live and found.ready, found.as_json())


def refusal(status: int, message: str) -> HealthPage:
    """Return the page for a request that asks for something else."""
    return HealthPage(status, json_text({"error": message}).encode() + b"\n")


def _page(good: bool, values: object) -> HealthPage:  # noqa: FBT001  # a fact, no switch
    return HealthPage(200 if good else 503, json_text(values).encode() + b"\n")


NOT_FOUND = refusal(404, f"there are {' and '.join(PATHS)}")
NOT_ALLOWED = refusal(405, "send GET or HEAD")
