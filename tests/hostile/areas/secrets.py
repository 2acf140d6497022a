"""Secrets in turnout.yaml and its environment: no command prints, logs or writes one."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.hostile.observed_process import observe
from tests.hostile.sandbox import Sandbox

SECRET = "Tr0ub4dor&3 sesame/open"
URLS = (
    "grpc://bob:%s@127.0.0.1:1",
    "bob:%s@127.0.0.1:1",
    "http://%s@127.0.0.1:1",
    "http://127.0.0.1:1/v2?token=%s",
    "http://127.0.0.1:1/%s",
)
TENSORS = "inputs: {x: 'FP32[1]'}, outputs: {y: 'FP32[1]'}"
TRITON = f"models: {{m: {{backend: triton, {TENSORS}, backends: {{triton: {{%s}}}}}}}}\n"
DIRECT = f"models: {{m: {{backend: direct, {TENSORS}, backends: {{direct: {{%s}}}}}}}}\n"
ONNX = "models: {m: {backend: onnxruntime, %s backends: {onnxruntime: {path: %s}}}}\n"
FACTORY = DIRECT % "loader: factory, factory: 'makes:make', arguments: {%s}"
SETTINGS = {
    "header": TRITON % "url: '127.0.0.1:1', headers: {authorization: 'Bearer ${SECRET}'}",
    "literal-header": TRITON % "url: '127.0.0.1:1', headers: {x-key: 'LITERAL'}",
    "bad-header": TRITON % "url: '127.0.0.1:1', headers: {'bad key': 'LITERAL'}",
    "list-header": TRITON % "url: '127.0.0.1:1', headers: ['LITERAL']",
    "url-part": TRITON % "url: 'grpc://bob:${SECRET}@127.0.0.1:1'",
    "literal-url": TRITON % "url: 'grpc://bob:LITERAL@127.0.0.1:1', version: x",
    "server-name": TRITON % "url: '127.0.0.1:1', model: '${SECRET}'",
    "version": TRITON % "url: '127.0.0.1:1', version: '${SECRET}'",
    "tls": TRITON % "url: 'grpcs://127.0.0.1:1', tls: {ca: '/x/${SECRET}'}",
    "timeout": TRITON % "url: '127.0.0.1:1', timeout_seconds: '${SECRET}'",
    "repository": TRITON % "url: '127.0.0.1:1', repository: 'r/${SECRET}'",
    "unknown-key": TRITON % "url: '${SECRET}', bad: '${SECRET}'",
    "onnx": ONNX % ("", "'${SECRET}/m.onnx'"),
    "session": ONNX % ("", "m.onnx, session_config: {a: '${SECRET}'}"),
    "checkpoint": DIRECT % "loader: transformers, class: AutoModel, checkpoint: './${SECRET}'",
    "device": DIRECT % "loader: torchscript, path: m.pt, device: '${SECRET}'",
    "argument": FACTORY % "token: '${SECRET}'",
    "part-of-argument": FACTORY % "token: 'x${SECRET}y'",
    "backend": "models: {m: {backend: '${SECRET}', backends: {triton: {url: x}}}}\n",
    "prompt": f"{FACTORY % ''}pipelines: {{p: [load_image, {{caption: {{model: m, prompt: '${{SECRET}}'}}}}]}}\n",
    "step": "pipelines: {p: [load_image, '${SECRET}']}\n",
    "tensor": "models: {m: {backend: triton, inputs: {x: '${SECRET}'}, backends: {triton: {url: '127.0.0.1:1'}}}}\n",
    "record": ONNX % ("record: {directory: '${SECRET}', fraction: 1.0},", "m.onnx"),
    "warmup": ONNX % ("warm_up: '${SECRET}',", "m.onnx"),
}
"""turnout.yaml with a secret, from a variable or LITERAL, where the file accepts a text or where a user misplaces one."""

MAKES = """
import logging, sys
def make(token="", **more):
    logging.getLogger("turnout_example").warning("made with %s", token)
    if sys.argv[0].endswith("turnout"):  # what a program of the user's prints is the user's
        print("made with", token, file=sys.stderr)
    try:
        raise KeyError(token)
    except KeyError as error:
        raise ValueError(f"cannot sign in with {token!r}") from error
"""
COMMANDS = (
    ["check"],
    ["check", "--deep"],
    ["check", "--deep", "--json"],
    ["models"],
    ["models", "--json"],
    ["status"],
    ["status", "--json"],
    ["bench", "m", "--seconds", "0.1", "--json"],
    ["verify", "m"],
    ["verify", "--json"],
    ["export", "--all"],
    ["export", "m", "--config-only", "--json"],
    ["switch", "m", "triton", "--force"],
    ["schema"],
)
PROGRAM = """
import logging, sys, traceback
logging.basicConfig(level=logging.DEBUG)
import turnout
try:
    with turnout.open("turnout.yaml") as app:
        print(app.metrics_text(), repr(app), list(app.models))
        try:
            app.model("m").infer({})
        except turnout.errors.TurnoutError as error:
            print(error, repr(error), error.next_step)
            logging.getLogger("turnout.example").exception("failed")
            raise
except turnout.errors.TurnoutError as error:
    print(error, repr(error), str(error.args))
"""


@dataclass(frozen=True, slots=True)
class Secrecy:
    """A command that reads a secret: no form of it may be in what it prints or leaves in its folder, but in ``read``."""

    name: str
    settings: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=lambda: {"SECRET": SECRET})
    secret: str = SECRET

    def problems(self, folder: Path) -> list[str]:
        sandbox = Sandbox.create(folder / "secret")
        (sandbox.work / "turnout.yaml").write_text(self.settings.replace("LITERAL", self.secret), "utf-8")
        (sandbox.work / "makes.py").write_text(MAKES, "utf-8")
        before = sandbox.content(sandbox.work)
        command = sandbox.python(self.command[1]) if self.command[0] == "python" else sandbox.turnout(*self.command)
        seen = observe(command, sandbox.work, sandbox.environment() | self.environment)
        found = [
            f"{form!r} on {name}: {_around(text, form)!r}"
            for name, text in (("stdout", seen.stdout), ("stderr", seen.stderr))
            for form in _forms(self.secret)
            if form in text
        ]
        written = [
            path for path in sandbox.work.rglob("*") if path.is_file() and str(path.relative_to(sandbox.work)) not in before
        ]
        for path in written:
            content = path.read_bytes().decode("utf-8", "replace")
            found += [f"{form!r} in {path.name}" for form in _forms(self.secret) if form in content]
        return found if seen.exit is not None else [*found, "it did not end within a minute"]


def cases() -> Iterator[Secrecy]:
    """Yield the cases of this area: each place of a secret with a few commands, and each command with a few places."""
    for number, (name, settings) in enumerate(SETTINGS.items()):
        yield Secrecy(f"secrets/app/{name}", settings, ("python", PROGRAM))
        for command in {number % len(COMMANDS), (number * 5 + 1) % len(COMMANDS)}:
            yield Secrecy(f"secrets/command/{name}-{'-'.join(COMMANDS[command])}", settings, tuple(COMMANDS[command]))
    for number, url in enumerate(URLS):
        value = url % quote(SECRET, safe="") if number % 2 else url % SECRET
        secret = quote(SECRET, safe="") if number % 2 else SECRET
        for command in (("check",), ("check", "--deep"), ("status", "--json"), ("python", PROGRAM)):
            name = f"secrets/url/{number}-{'-'.join(command[:1] if command[0] == 'python' else command)}"
            yield Secrecy(name, TRITON % "url: '${TRITON_URL}'", command, {"TRITON_URL": value}, secret)


def _forms(secret: str) -> list[str]:
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    written = [quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1], encoded]
    return list(dict.fromkeys([secret, *secret.split(), *written]))


def _around(text: str, form: str) -> str:
    place = text.index(form)
    return text[max(place - 80, 0) : place + 80]
