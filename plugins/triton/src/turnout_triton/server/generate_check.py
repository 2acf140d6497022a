"""Check of a version that ``export --format generate`` has written: its own code answers requests before it is published."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from turnout import ExportRequest, ModelSignature
from turnout.errors import ExportError, MissingDependencyError
from turnout_triton.server.hosted import generate_proof
from turnout_triton.server.private_environment import default_folder

PACKAGES = ("torch", "transformers")
TIMEOUT_SECONDS = 1800.0
POSSIBLE = (
    "format 'generate' hosts generate() that takes pixel_values, input_ids and attention_mask, as BLIP's and BLIP-2's do; keep "
    "the model on the backend 'direct', with 'method: forward' and a factory whose module calls generate() in its forward"
)


def check_generate(request: ExportRequest, signature: ModelSignature) -> None:
    """Report the proof that the written version answers.

    Raises:
        ExportError: it cannot be loaded, or a request to it fails.
        MissingDependencyError: torch and transformers are installed neither here nor in the server's environment.
    """
    shapes = {spec.name: list(spec.shape) for spec in signature.inputs if spec.shape is not None}
    command = [_find_python(request.model.name), "-P", "-W", "ignore", generate_proof.__file__, str(request.file.parent)]
    try:
        ran = _run([*command, json.dumps(shapes)])
    except subprocess.TimeoutExpired as error:
        raise _refusal(request, f"does not answer within {TIMEOUT_SECONDS:.0f} s") from error
    if ran.returncode != 0:
        raise _refusal(request, f"cannot be loaded: {_last_line(ran.stderr) or f'exit code {ran.returncode}'}")
    found: Mapping[str, object] = json.loads(ran.stdout.splitlines()[-1])
    if "error" in found:
        raise _refusal(request, f"fails on a request: {found['error']}")
    rows = int(str(found["rows"]))
    request.report(
        {
            "runtime": "the written model.py",
            "reference": "generate() on single rows",
            "batch_sizes": [1, rows],
            "max_abs_error": {"generated_ids": 0.0},
        }
    )


def _refusal(request: ExportRequest, reason: str) -> ExportError:
    options = request.options
    return ExportError(
        f"model {request.model.name!r} ({options.class_}) was written with format 'generate', but {reason}; {POSSIBLE}"
    )


def _find_python(model: str) -> str:
    """Return a Python with torch and transformers: this one, or the server's own."""
    if all(importlib.util.find_spec(package) is not None for package in PACKAGES):
        return sys.executable
    own: Path = default_folder() / "bin" / "python"
    code = f"import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, {PACKAGES!r})))"
    if own.is_file() and _run([str(own), "-c", code]).returncode == 0:
        return str(own)
    install = f"pip install {' '.join(PACKAGES)}"
    raise MissingDependencyError(
        f"model {model!r}: format 'generate' is proved with a request before it is published, which needs torch and "
        f"transformers; install them: {install}",
        next_step=install,
    )


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)  # noqa: S603  our own program


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")[:600]
