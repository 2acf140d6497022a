"""Every file and every text of others is read through ``turnout.files``: regular files only, within a size, by a grammar."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "core/src").rglob("*.py"), *(ROOT / "plugins").glob("*/src/**/*.py")])

BARE = {"open", "ZipFile", "literal_eval", "memmap", "fromfile", "mmap", "TarFile"}
ANY_OWNER = {*BARE, "read_text", "read_bytes", "from_file", "raw_decode"} - {"open"}
OWNED = {
    "json": {"load", "loads"},
    "np": {"load", "loadtxt"},
    "numpy": {"load", "loadtxt"},
    "os": {"open"},
    "io": {"open"},
    "pickle": {"load", "loads", "Unpickler"},
    "tarfile": {"open"},
    "gzip": {"open", "decompress"},
}
FILES, TRITON = "core/src/turnout/files", "plugins/triton/src/turnout_triton"
EXCEPTIONS = {
    f"{FILES}/regular.py": "the mechanism",
    f"{FILES}/strict_json.py": "the mechanism; a text, bounded by its limits, that its grammar has refused",
    f"{FILES}/zip_reader.py": "the mechanism",
    f"{FILES}/atomic.py": "creates a new file, and opens what this process wrote to sync it",
    "core/src/turnout/cli/standard_streams.py": "opens the null device in place of a closed stream",
    "core/src/turnout/commands/bench/usage.py": "/proc",
    "core/src/turnout/commands/init/repository_models.py": "copies a value through JSON",
    "core/src/turnout/metrics/process_sum.py": "names that prometheus_client has written, read by its own reader",
    "core/src/turnout/metrics/workers.py": "/proc",
    "core/src/turnout/plugins/known.py": "reads the record that pip wrote about the installed core",
    "core/src/turnout/recording/writer.py": "creates a new file",
    "core/src/turnout/repository/staging.py": "opens folders to lock and rename them",
    "core/src/turnout/tensors/archive.py": "writes an archive",
    "plugins/direct/src/turnout_direct/pt2/archive.py": "writes an archive",
    f"{TRITON}/client/http/connections.py": "a server's refusal, whose body is bounded by the client",
    f"{TRITON}/client/http/infer_body.py": "a server's response, bounded by the client; every error is translated",
    f"{TRITON}/client/shared_memory/region.py": "regions that this process created",
    f"{TRITON}/server/backend_folder.py": "files of this distribution and of the server's wheel",
    f"{TRITON}/server/dead_stubs.py": "/proc",
    f"{TRITON}/server/generate_check.py": "the output of a process that runs this distribution's proof",
    f"{TRITON}/server/hosted/generate_model.py": "runs in the server without this package; its folder is code already",
    f"{TRITON}/server/hosted/generate_proof.py": "an argument of its own parent",
    f"{TRITON}/server/hosted/onnx_backend.py": "runs in the server; the config that the server gives to its backends",
    f"{TRITON}/server/hosted/torchscript_backend.py": "runs in the server; the config that the server gives to its backends",
    f"{TRITON}/server/hosted/version_file.py": "/proc",
    f"{TRITON}/server/listeners.py": "/proc",
    f"{TRITON}/server/orphans.py": "/proc",
    f"{TRITON}/server/process_states.py": "/proc",
    f"{TRITON}/server/supervisor.py": "an argument of its own parent",
}


def doors(text: str) -> Iterator[str]:
    """Yield each call in ``text`` that reads a file or a format, with its line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and (name := _door(node)):
            yield f"{node.lineno}: {name}"


def _door(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id if function.id in BARE and not _only_writes(call.args[1:]) else ""
    if not isinstance(function, ast.Attribute):
        return ""
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    if function.attr in ANY_OWNER or function.attr in OWNED.get(owner, ()):
        return function.attr
    # Models are opened too; a file is opened with a mode or an encoding.
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg in {"mode", "encoding"})]
    texts = [one for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return "open" if function.attr == "open" and texts and not _only_writes(call.args[:1]) else ""


def _only_writes(mode: list[ast.expr]) -> bool:
    return any(isinstance(one, ast.Constant) and set(str(one.value)) <= set("wxb") for one in mode)


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_file_is_read_past_the_mechanism(file: Path) -> None:
    found = list(doors(file.read_text("utf-8")))

    if str(file.relative_to(ROOT)) in EXCEPTIONS:
        assert found, "the exception is not needed any more; remove it"
    else:
        assert found == [], "use turnout.files: read_regular, open_regular, read_json, parse_json, ZipReader"


@pytest.mark.parametrize(
    "offender",
    [
        "open('x')",
        "open('x', 'rb')",
        "Path('x').open('rb')",
        "file.open(encoding='utf-8')",
        "file.open('ab')",
        "file.read_text('utf-8')",
        "file.read_bytes()",
        "json.loads(text)",
        "json.load(stream)",
        "np.load(file, allow_pickle=False)",
        "zipfile.ZipFile(file)",
        "ZipFile(file)",
        "os.open(file, os.O_RDONLY)",
        "io.open(file)",
        "mmap.mmap(descriptor, 0)",
        "ast.literal_eval(text)",
        "np.memmap(file)",
        "np.fromfile(file)",
        "pickle.loads(data)",
        "Tokenizer.from_file(name)",
    ],
)
def test_a_planted_door_is_found(offender: str) -> None:
    assert list(doors(f"def f():\n    return {offender}\n")), offender


@pytest.mark.parametrize(
    "harmless", ["model.open()", "arm.open(deadline)", "file.open('wb')", "Image.open(stream)", "json.dumps(1)"]
)
def test_a_model_that_is_opened_and_a_file_that_is_written_are_no_doors(harmless: str) -> None:
    assert list(doors(harmless)) == []
