"""Limits of a request: its body, its JSON, and how many run at once."""

from __future__ import annotations

from turnout_web.limits.json_body import parse_request_json, read_json, with_way_out

__all__ = ["parse_request_json", "read_json", "with_way_out"]
