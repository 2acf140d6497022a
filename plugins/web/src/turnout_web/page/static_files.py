"""The files of the page: read once, and sent with headers under which a browser runs nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from turnout.files.limits import MIB, FileLimits
from turnout.files.regular import read_regular

FOLDER = Path(__file__).parent / "static"
INDEX = "index.html"
FILES = (
    INDEX,
    "boxes.js",
    "comparison.js",
    "dom.js",
    "icon.svg",
    "lines.js",
    "main.js",
    "maps.js",
    "models.js",
    "overlay.js",
    "page.css",
    "picture.js",
    "results.js",
    "sample-dusk.jpg",
    "sample-market.jpg",
    "sample-meadow.png",
    "samples.js",
    "server.js",
    "try.js",
    "waterfall.js",
)
# A browser sends no token for these. They are the same on each server, and say nothing of this one.
OPEN_PATHS = ("/", *(f"/page/{name}" for name in FILES if name != INDEX))

_LIMITS = FileLimits("a file of the page", MIB)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), payment=(), usb=()",
    # A browser asks again each time, so that a page never runs with the scripts of another release.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file of the page."""

    content: bytes = field(repr=False)
    media_type: str
    etag: str

    async def answer(self, request: Request) -> Response:
        """Return the file; without its content if the browser has it."""
        headers = {**_HEADERS, "ETag": self.etag}
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self.content, headers=headers, media_type=self.media_type)


def read_static_file(name: str) -> StaticFile:
    """Return the file called ``name``, one of ``FILES``.

    Raises:
        OSError: it cannot be read, so the distribution is not installed completely.
    """
    file = FOLDER / name
    content = read_regular(file, _LIMITS)
    return StaticFile(content, _TYPES[file.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')
