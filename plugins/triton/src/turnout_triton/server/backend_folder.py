"""The backend directory: Triton's python backend, and the hosted backends that are built on it."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from turnout.errors import MissingDependencyError
from turnout.tensors import positions
from turnout_triton.server.private_environment import PrivateEnvironment

HOSTED = Path(__file__).parent / "hosted"
HOSTED_BACKENDS = {"onnxruntime": "onnx_backend", "pytorch": "torchscript_backend"}
"""The module in ``hosted`` with the ``TritonPythonModel`` of each backend, by Triton's name of the backend."""


def ensure_backend_folder(environment: PrivateEnvironment) -> Path:
    """Return the backend directory in ``environment``; write it in one atomic step if this version does not exist yet."""
    folder = environment.folder / "turnout" / f"backends-{_fingerprint()}"
    if folder.is_dir():
        return folder
    with environment.lock():
        if not folder.is_dir():
            unfinished = Path(tempfile.mkdtemp(prefix="backends-making-", dir=folder.parent))
            _write_backends(unfinished, environment)
            unfinished.rename(folder)
    return folder


def _sources() -> Iterator[tuple[Path, Path]]:
    """Yield each file that a backend needs, and the package that it belongs to, as a path."""
    for file in sorted(HOSTED.glob("*.py")):
        yield file, Path("turnout_triton", "server", "hosted")
    yield Path(positions.__file__), Path("turnout", "tensors")


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for file, _ in _sources():
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _write_backends(folder: Path, environment: PrivateEnvironment) -> None:
    wheel = environment.site_packages / "pytriton" / "tritonserver"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = wheel / "python_backend_stubs" / python / "triton_python_backend_stub"
    if not stub.is_file():
        raise MissingDependencyError(
            f"tritonserver from PyPI has no stub for Python {python} at {str(stub)!r}; run turnout with Python 3.11 or 3.12"
        )
    shutil.copytree(wheel / "backends" / "python", folder / "python", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(stub, folder / "python")
    (folder / "python" / stub.name).chmod(0o755)
    _prepend_texts(folder / "python" / "triton_python_backend_utils.py")
    for name, module in HOSTED_BACKENDS.items():
        _write_hosted_backend(folder / name, module)


def _prepend_texts(utilities: Path) -> None:
    """Let every model's process run ``stub_texts`` first: this file is what a stub imports first."""
    shutil.copyfile(HOSTED / "stub_texts.py", utilities.with_name("turnout_stub_texts.py"))
    utilities.write_bytes(b"import turnout_stub_texts\n" + utilities.read_bytes())


def _write_hosted_backend(folder: Path, module: str) -> None:
    """Write one backend: its ``model.py`` imports ``module`` from copies under the same package names."""
    for file, package in _sources():
        (folder / package).mkdir(parents=True, exist_ok=True)
        for part in (package, *package.parents[:-1]):
            (folder / part / "__init__.py").touch()
        shutil.copyfile(file, folder / package / file.name)
    (folder / "model.py").write_text(
        f"from turnout_triton.server.hosted.{module} import TritonPythonModel\n\n__all__ = ['TritonPythonModel']\n"
    )
