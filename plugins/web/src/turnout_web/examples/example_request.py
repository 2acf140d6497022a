"""A complete request, as JSON and as a line for the shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from turnout.errors import json_text

JSON, BINARY = "application/json", "application/octet-stream"
# A longer line is no longer read by people; the shell takes 128 KiB.
_LONGEST_LINE = 4_000
_AUTHORIZATION = '-H "Authorization: Bearer $TURNOUT_SERVE_TOKEN"'


@dataclass(frozen=True, slots=True)
class ExampleRequest:
    """A POST request.

    Attributes:
        path: its path.
        body: its body.
        media_type: the media type of the body.
        headers: its other headers.
        value: the value of JSON that the body is; None for another body.
    """

    path: str
    body: bytes
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    value: Any = None

    def command(self, server: str, *, needs_token: bool) -> str:
        """Return the line for the shell that sends it to ``server``, such as ``http://127.0.0.1:8080``.

        A long body is not in the line: it comes from the server.
        """
        token = f" {_AUTHORIZATION}" if needs_token else ""
        headers = {"Content-Type": self.media_type, **self.headers}
        shown = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items())
        send = f"curl -sS{token} {shlex.quote(server + self.path)} {shown}"
        if self.media_type == JSON and len(self.body) <= _LONGEST_LINE:
            return f"{send} -d {shlex.quote(self.body.decode())}"
        place = self.path.removesuffix("/infer") + "/example?as=body"
        return f"curl -sS{token} {shlex.quote(server + place)} | {send} --data-binary @-"

    def record(self, server: str, *, needs_token: bool) -> dict[str, Any]:
        """Return it in types of JSON; a body that is no JSON is null."""
        return {
            "method": "POST",
            "path": self.path,
            "headers": {"Content-Type": self.media_type, **self.headers},
            "body": self.value,
            "curl": self.command(server, needs_token=needs_token),
        }


def json_request(path: str, value: Any) -> ExampleRequest:
    """Return a request whose body is ``value`` as JSON."""
    return ExampleRequest(path, json_text(value).encode(), value=value)
