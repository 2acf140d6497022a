"""Evidence, switches and shadows' figures in ``.turnout`` that no command of Turnout wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.hostile.case import Case, Prepare
from tests.hostile.sandbox import Sandbox
from tests.hostile.small_project import write_project

VALUES: dict[str, str] = {
    "a number without end": "1e999",
    "NaN": "NaN",
    "a number of 4,000 digits": "9" * 4000,
    "a number of 40 digits": "9" * 40,
    "a negative number": "-1e300",
    "a text": '"\\u001b[2J\\nforged: line\\u202e"',
    "a long text": json.dumps("x" * 300_000),
    "half a character": '"\\ud800"',
    "a list": "[[[]]]",
    "an object": '{"a": {"b": 1}}',
    "null": "null",
    "true": "true",
}
WHOLE: dict[str, bytes] = {
    "empty": b"",
    "a deep list": b"[" * 500_000,
    "deep objects": b'{"a":' * 100_000,
    "a list": b"[]",
    "a text": b'"x"',
    "no UTF-8": b'{"model": "\xff"}',
    "UTF-16": '{"model": "m"}'.encode("utf-16"),
    "a key twice": b'{"format": 1, "format": 1}',
    "a million zeros": b"[" + b"0," * 500_000 + b"0]",
    "zeros": bytes(1_000_000),
}
SHADOW: dict[str, Any] = {
    "model": "m",
    "primary": "onnxruntime",
    "shadow": "triton",
    "identity": "",
    "verdicts": {"match": 5},
    "max_abs_error": 0.5,
    "worst": "",
    "primary_latencies": {"-200": 5},
    "shadow_latencies": {"-200": 5},
    "since": 1.0,
    "updated": 2.0,
}
PROOF = {"format": 1, "model": "m", "topic": "verify", "verdict": "match", "at": "2026-01-01T00:00:00+00:00", "facts": {}}
FACTS = {"version": 1, "sha256": "0" * 64, "proofs": {"triton": {"verdict": "match", "at": "2026-01-01T00:00:00+00:00"}}}
SWITCH = {"at": "2026-01-01T00:00:00+00:00", "before": {"keys": {}, "backend": "triton", "lines": ""}}
SWITCHES = {"format": 1, "model": "m", "switches": [SWITCH | {"after": SWITCH["before"]}]}
FILES: dict[str, dict[str, Any]] = {
    "shadow": SHADOW,
    "verify": PROOF | {"facts": FACTS},
    "export": PROOF | {"topic": "export", "facts": FACTS},
    "switch": SWITCHES,
}
CHANGES = (".turnout/.gitignore", ".turnout/switch.lock")
MAY_BE_READ = frozenset({0, 1, 2, 3})


def cases() -> Iterator[Case]:
    for topic, content in FILES.items():
        for name, text in WHOLE.items():
            yield _case(f"{topic} is {name}", topic, text)
        for path in _paths(content):
            for name, value in VALUES.items():
                # Each value at one place of nine: all of them would be a thousand cases.
                if (len(path) + len(name) + len("".join(map(str, path)))) % 9 == 0:
                    yield _case(f"{topic} {'.'.join(map(str, path))} is {name}", topic, _with(content, path, value).encode())


def good(sandbox: Sandbox) -> list[str]:
    write_project(sandbox)
    return sandbox.turnout("status")


def _case(name: str, topic: str, content: bytes) -> Case:
    return Case(f"evidence/status/{name}", _hostile(topic, content), good, MAY_BE_READ, CHANGES)


def _hostile(topic: str, content: bytes) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        command = good(sandbox)
        state = Path(sandbox.work / ".turnout")
        state.mkdir()
        (state / f"m.{topic}.json").write_bytes(content)
        return sandbox.turnout("switch", "m", "--back") if topic == "switch" else command

    return prepare


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*before, key)
        yield from _paths(one, (*before, key))


def _with(value: Any, path: tuple[Any, ...], text: str) -> str:
    """Return ``value`` as JSON with ``text`` at ``path``."""
    if not path:
        return text
    keys = value if isinstance(value, dict) else range(len(value))
    parts = [(key, _with(value[key], path[1:], text) if key == path[0] else json.dumps(value[key])) for key in keys]
    if isinstance(value, list):
        return f"[{', '.join(one for _, one in parts)}]"
    return "{" + ", ".join(f"{json.dumps(key)}: {one}" for key, one in parts) + "}"
