"""Health of a running app, as its port answers."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from turnout.errors import ConfigurationError, NotReachedError, one_line
from turnout.files.limits import FileLimits
from turnout.files.strict_json import parse_json
from turnout.health.pages import READY

_LIMITS = FileLimits("a health report", 8 * 2**20)
_STATUSES = (200, 503)


def local_url(address: str, port: int) -> str:
    """Return the URL of a port of this machine that was opened on ``address``."""
    ip = ip_address(address)
    if ip.is_unspecified:
        ip = ip_address("127.0.0.1" if ip.version == 4 else "::1")
    return f"http://[{ip}]:{port}" if ip.version == 6 else f"http://{ip}:{port}"


def running_health(url: str, timeout_seconds: float) -> dict[str, Any]:
    """Return the health that the app at ``url`` reports; blocks for ``timeout_seconds`` a step.

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
        raise _not_reached(url, path, one_line(error), "start the app") from error
    finally:
        connection.close()
    return _report(url, path, response.status, body)


def _connection(url: str, timeout_seconds: float) -> HTTPConnection:
    try:
        parts = urlsplit(url)
        kind: type[HTTPConnection] = {"http": HTTPConnection, "https": HTTPSConnection}[parts.scheme]
        if not parts.hostname:
            raise ValueError("it has no host")
        return kind(parts.hostname, parts.port, timeout=timeout_seconds)
    except (KeyError, ValueError, HTTPException) as error:
        advice = "write it as http://localhost:8000"
        raise ConfigurationError(f"{url!r} is no URL of an app: {one_line(error)}; {advice}") from error


def _report(url: str, path: str, status: int, body: bytes) -> dict[str, Any]:
    try:
        found = parse_json(body, _LIMITS)
    except ValueError:
        found = None
    if status not in _STATUSES or not _is_report(found):
        raise _not_reached(url, path, f"status {status}, and no report of health", "name the URL of an app of Turnout")
    return dict(found)


def _is_report(found: object) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("ready"), bool):
        return False
    models, reasons = found.get("models"), found.get("reasons")
    if not isinstance(models, dict) or not isinstance(reasons, list):
        return False
    return all(isinstance(model, dict) and _are_arms(model.get("arms")) for model in models.values())


def _are_arms(arms: object) -> bool:
    return isinstance(arms, list) and all(isinstance(arm, dict) for arm in arms)


def _not_reached(url: str, path: str, found: str, advice: str) -> NotReachedError:
    text = (
        f"no app answers GET {path} at {url!r}: {found}; {advice}, or set metrics.port in turnout.yaml to the port of the app"
    )
    return NotReachedError(text, next_step=f"{advice}, then run the command again")
