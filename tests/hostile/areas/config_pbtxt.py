"""Files called ``config.pbtxt`` that Triton would refuse, or that cost more than they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from tests.hostile.case import Case, Prepare
from tests.hostile.sandbox import Sandbox
from tests.hostile.small_project import CONFIG, WITH_TRITON, write_project

MARK = "# Written by turnout export from turnout.yaml; edit that one. An edited file is kept. sha256: "
KEPT = "# Kept from the file that was here before, because turnout.yaml does not say it: "
WARMUP = 'model_warmup {{ name: "w" inputs {{ key: "x" value: {{ data_type: TYPE_FP32 dims: 4 input_data_file: "{}" }} }} }}\n'


def marked(body: str) -> bytes:
    """Return a file that says about itself that export wrote it."""
    return f"{MARK}{hashlib.sha256(body.encode()).hexdigest()}\n{body}".encode()


FILES: dict[str, bytes] = {
    "ones": b"\xff" * 100_000,
    "zeros": bytes(100_000),
    "deep messages": b"a {" * 100_000,
    "deep lists": b"dims: " + b"[" * 100_000,
    "deep angles": b"a <" * 100_000,
    "a deep known message": b"parameters { value { " * 500,
    "deep messages that end": b"a {" * 5000 + b"}" * 5000,
    "a quote without an end": b'name: "' + b'\\"' * 500_000,
    "quotes without an end": b'"\\' * 250_000,
    "single quotes without an end": b"'\\" * 250_000,
    "a text of two megabytes": b'name: "' + b"x" * 2_000_000 + b'"',
    "a comment of a megabyte": CONFIG.encode() + b"#" * 1_000_000,
    "many comments": CONFIG.encode() + b"#\n" * 200_000,
    "many unknown fields": CONFIG.encode() + b"a: 1\n" * 100_000,
    "many dims": b"input { dims: [ " + b"1, " * 150_000 + b"1 ] }",
    "a number of many digits": b"max_batch_size: " + b"9" * 100_000,
    "a number without end": b"max_batch_size: 1e999",
    "a negative batch": b"max_batch_size: -2147483648",
    "a version policy of many digits": CONFIG.encode() + b"version_policy { latest { num_versions: " + b"9" * 5000 + b" } }",
    "a version policy of minus one": CONFIG.encode() + b"version_policy { latest { num_versions: -1 } }",
    "a version policy without an end": b"version_policy { specific { versions: [ 1, " * 1000,
    "a byte order mark": b"\xef\xbb\xbf" + CONFIG.encode(),
    "UTF-16": CONFIG.encode("utf-16"),
    "control characters": b"\x1b[2J: 1\n" + CONFIG.encode(),
    "control characters in a name": CONFIG.replace('"m"', '"\\033[2J\\n\\342\\200\\256"').encode(),
    "control characters in a comment": CONFIG.encode() + b"# \x1b]0;title\x07\xe2\x80\xae\n",
    "kept entries that are deep": marked(KEPT + "[" * 100_000 + "\n" + CONFIG),
    "kept entries that are a number": marked(KEPT + "5\n" + CONFIG),
    "kept entries that are lists": marked(KEPT + '[["a"]]\n' + CONFIG),
    "kept entries of control characters": marked(KEPT + '["\\u001b[2J"]\n' + CONFIG),
    "a data file that is a device": CONFIG.encode() + WARMUP.format("../../../../../../../../dev/zero").encode(),
    "a data file elsewhere": CONFIG.encode() + WARMUP.format("../../../../outside/victim.txt").encode(),
    "a data file with a NUL": CONFIG.encode() + WARMUP.format("\\000").encode(),
    "a data file of a long name": CONFIG.encode() + WARMUP.format("x" * 5000).encode(),
    "a filename elsewhere": CONFIG.encode() + b'default_model_filename: "../../../../outside/victim.txt"\n',
    "a filename that is a device": CONFIG.encode() + b'default_model_filename: "../../../../../../../../dev/zero"\n',
    "a filename with a NUL": CONFIG.encode() + b'default_model_filename: "\\000"\n',
}
COMMANDS = {
    "check": ("check",),
    "status": ("status",),
    "init": ("init", "--from-repository", "model_repository", "--config", "new.yaml"),
    "export": ("export", "m", "--config-only"),
}
CHANGES = ("new.yaml", "model_repository/m/config.pbtxt", ".turnout/*")
MAY_BE_READ = frozenset({0, 1, 2, 3})


def cases() -> Iterator[Case]:
    for place, (name, content) in enumerate(FILES.items()):
        kinds = list(COMMANDS)
        # Two commands for each file: all of them read it through one function.
        for kind in (kinds[place % 4], kinds[(place + 1) % 4]):
            yield Case(f"config_pbtxt/file/{name}, {kind}", _hostile(kind, content), GOOD[kind], MAY_BE_READ, CHANGES)


def _good(kind: str) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        work = write_project(sandbox, WITH_TRITON)
        (work / "model_repository" / "m" / "config.pbtxt").write_text(CONFIG)
        return sandbox.turnout(*COMMANDS[kind])

    return prepare


GOOD = {kind: _good(kind) for kind in COMMANDS}


def _hostile(kind: str, content: bytes) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        command = GOOD[kind](sandbox)
        (sandbox.work / "model_repository" / "m" / "config.pbtxt").write_bytes(content)
        return command

    return prepare
