"""Health of a running app, as its port answers."""

from __future__ import annotations

import re
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from turnout.errors import ConfigurationError, NotReachedError, one_line
from turnout.files.limits import FileLimits
from turnout.files.strict_json import parse_json
from turnout.health.pages import READY

_LIMITS = FileLimits("a health report", 8 * 2**20)
_STATUSES = (200, 503)
_EXAMPLE = "http://localhost:8000"
_HOST = re.compile(r"[\w.-]+(:\d{1,5})?(/[\w./-]*)?", re.ASCII)

CORRECT_URL = "correct --url"
SET_PORT = "set metrics.port in turnout.yaml to the port of the app"


def local_url(address: str, port: int) -> str:
    """Return the URL of a port of this machine that was opened on ``address``."""
    ip = ip_address(address)
    if ip.is_unspecified:
        ip = ip_address("127.0.0.1" if ip.version == 4 else "::1")
    return f"http://[{ip}]:{port}" if ip.version == 6 else f"http://{ip}:{port}"


def running_health(url: str, timeout_seconds: float, correct: str = CORRECT_URL) -> dict[str, Any]:
    """Return the health that the app at ``url`` reports; blocks for ``timeout_seconds`` a step.

    ``correct`` says how to name another app: the URL is the user's, or that of turnout.yaml.

    Raises:
        ConfigurationError: ``url`` is none.
        NotReachedError: no app answers there, or something else does.
    """
    connection = _connection(url, timeout_seconds)
    path = urlsplit(url).path.rstrip("/")
    path = path if path.endswith(READY) else path + READY
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        response = connection.getresponse()
        body = response.read(_LIMITS.max_bytes + 1)
    except (OSError, HTTPException) as error:
        raise _not_reached(url, path, one_line(error), f"start the app, or {correct}") from error
    finally:
        connection.close()
    if response.status not in _STATUSES or not _is_report(found := _parsed(body)):
        raise _not_reached(url, path, f"status {response.status}, and no report of health", correct)
    return dict(found)


def _connection(url: str, timeout_seconds: float) -> HTTPConnection:
    try:
        parts = urlsplit(url)
        kind: type[HTTPConnection] | None = {"http": HTTPConnection, "https": HTTPSConnection}.get(parts.scheme)
        if kind is None:
            raise ValueError("it does not begin with http:// or https://")
        if not parts.hostname:
            raise ValueError("it has no host")
        return kind(parts.hostname, parts.port, timeout=timeout_seconds)
    except (ValueError, HTTPException) as error:
        right = f"http://{url}" if _HOST.fullmatch(url) else _EXAMPLE
        text = f"{url!r} is no URL of an app: {error}; write it as {right}"
        raise ConfigurationError(text, next_step=f"{CORRECT_URL}, such as --url {right}") from error


def _parsed(body: bytes) -> object:
    try:
        return parse_json(body, _LIMITS)
    except ValueError:
        return None


def _is_report(found: object) -> TypeGuard[dict[str, Any]]:
    if not isinstance(found, dict) or not isinstance(found.get("ready"), bool):
        return False
    models, reasons = found.get("models"), found.get("reasons")
    if not isinstance(models, dict) or not isinstance(reasons, list):
        return False
    return all(isinstance(model, dict) and _are_arms(model.get("arms")) for model in models.values())


def _are_arms(arms: object) -> bool:
    return isinstance(arms, list) and all(isinstance(arm, dict) for arm in arms)


def _not_reached(url: str, path: str, found: str, advice: str) -> NotReachedError:
    text = f"no app answers GET {path} at {url!r}: {found}; {advice}"
    return NotReachedError(text, next_step=f"{advice}, then run the command again")
