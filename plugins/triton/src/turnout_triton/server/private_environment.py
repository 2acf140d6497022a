"""The private environment: a venv with tritonserver from PyPI and the runtimes that a repository needs.

It has its own numpy below 2: with numpy 2 the python backend of this core returns empty or wrong tensors.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from turnout.errors import ConfigurationError, MissingDependencyError
from turnout.files.regular import append_to_own
from turnout_triton.server.plain_links import PlainLinks
from turnout_triton.server.stub_launcher import is_plain

VARIABLE = "TURNOUT_TRITON_ENVIRONMENT"
"""The environment variable that names the folder of the private environment."""

VERSION = "0.7.0"
CORE = "2.51"
SERVER = "server"

_NUMPY = "numpy==1.26.4"
_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "onnxruntime": ("onnxruntime==1.32.0", "protobuf==6.33.6", "flatbuffers==25.12.19", "packaging==26.3"),
    "torch": ("torch==2.13.0",),
    "transformers": ("transformers==5.23.0", "tokenizers==0.23.3", "safetensors==0.8.0", "huggingface_hub==2.4.0"),
}
_SIZES = {
    SERVER: "55 MB to download, 250 MB on disk",
    "onnxruntime": "25 MB to download, 80 MB on disk",
    "torch": "200 MB to download and 860 MB on disk as a CPU build, gigabytes as a CUDA build",
    "transformers": "25 MB to download, 200 MB on disk",
}
_MARKS = "turnout"
_IN_ENVIRONMENT = frozenset({"bin", "etc", "include", "lib", "lib64", "share", "pyvenv.cfg", ".gitignore", _MARKS})
_OWN = "environment"
_PYTHONS = ((3, 11), (3, 12))  # numpy 1.26 has wheels for these, of the versions that Turnout runs on

Report = Callable[[str], None]

logger = logging.getLogger(__name__)


def default_folder() -> Path:
    """Return the folder of the environment: ``TURNOUT_TRITON_ENVIRONMENT``, or a folder in the user's cache."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "turnout" / f"triton-{VERSION}-python{sys.version_info.major}.{sys.version_info.minor}"


class PrivateEnvironment:
    """A venv in ``folder``, created when it is first needed; several processes may use it at once.

    Args:
        folder: the venv.
        report: receives a line before each installation.
        torch_index: the package index for torch, such as that of its CPU builds; pip's own by default.
    """

    def __init__(self, folder: Path, report: Report, torch_index: str | None = None) -> None:
        self.folder = folder
        self._report = report
        self._torch_index = torch_index

    @property
    def site_packages(self) -> Path:
        """The folder of its packages."""
        return self.folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    def ensure(self, parts: Iterable[str]) -> None:
        """Install the server and ``parts`` (``onnxruntime``, ``torch``, ``transformers``) unless they are installed.

        Blocks, for minutes the first time.

        Raises:
            MissingDependencyError: this Python is not supported, or pip failed; a partial installation is never used.
            ConfigurationError: the folder has other files than those of such an environment.
        """
        needed = [SERVER, *(part for part in _PACKAGES if part in set(parts))]
        if all(self._has(part) for part in needed):
            return
        with self.lock() as descriptor:
            if not self._has(SERVER):
                self._create(descriptor)
            for part in needed[1:]:
                if not self._has(part):
                    self._install(part, descriptor)

    @contextlib.contextmanager
    def lock(self) -> Iterator[int]:
        """Lock the environment against other processes; yield the file descriptor of the lock. Blocks without a limit.

        The kernel releases the lock when this process and every child that inherited the descriptor have ended, so the next
        process waits for a pip that outlives its killed parent. ``turnout.files.lock`` cannot do that: it gives up after
        5 s, while an installation takes minutes, and it releases the lock also for the children.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with append_to_own(self.folder.with_name(f"{self.folder.name}.lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock.fileno()

    def _has(self, part: str) -> bool:
        return self._mark(part).is_file()

    def _mark(self, part: str) -> Path:
        # Named after the versions: a Turnout with other pins installs its own.
        versions = "_".join((f"nvidia-pytriton=={VERSION}", _NUMPY) if part == SERVER else _PACKAGES[part])
        return self.folder / _MARKS / versions

    def _create(self, lock: int) -> None:
        """Create the environment under another name, then rename it in one step."""
        _check_python()
        unfinished = self.folder.with_name(f"{_plain_name(self.folder.name)}.making")
        for folder in (self.folder, unfinished):
            _check_own(folder)
        shutil.rmtree(unfinished, ignore_errors=True)
        # First of all: after a kill the next process must know what it may remove.
        (unfinished / _MARKS).mkdir(parents=True)
        (unfinished / _MARKS / _OWN).touch()
        self._report(f"installing tritonserver {CORE} (nvidia-pytriton {VERSION}) into {self.folder}: {_SIZES[SERVER]}")
        with contextlib.closing(PlainLinks()) as links:
            # venv refuses a path with a colon, and a link as the last part of it.
            plain = links.link(unfinished.parent, "environments") / unfinished.name
            _run([sys.executable, "-m", "venv", str(plain)], "creating a virtual environment", lock)
            # The wheel's dependencies belong to its Python API; the server itself needs only numpy.
            _run([*_pip(plain), "--no-deps", f"nvidia-pytriton=={VERSION}", _NUMPY], "installing nvidia-pytriton", lock)
        (unfinished / self._mark(SERVER).relative_to(self.folder)).touch()
        shutil.rmtree(self.folder, ignore_errors=True)
        unfinished.rename(self.folder)

    def _install(self, part: str, lock: int) -> None:
        self._report(f"installing {_PACKAGES[part][0]} into {self.folder}: {_SIZES[part]}")
        index = ["--index-url", self._torch_index] if part == "torch" and self._torch_index else []
        # numpy is pinned in every call: otherwise the resolver chooses numpy 2.
        _run([*_pip(self.folder), *index, *_PACKAGES[part], _NUMPY], f"installing {_PACKAGES[part][0]}", lock)
        self._mark(part).touch()


def _check_own(folder: Path) -> None:
    """Raise ConfigurationError if ``folder``, which is about to be removed, is not empty and not made by this module."""
    if os.path.lexists(folder) and not _is_own(folder):
        raise ConfigurationError(
            f"{str(folder)!r} is no private environment of turnout triton, which would replace it; remove it yourself, or set "
            f"{VARIABLE} to a folder that does not exist yet"
        )


def _is_own(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    names = {entry.name for entry in folder.iterdir()}
    marks = folder / _MARKS
    # A venv of the user's, or ~/.local, has the same names, but not this mark.
    marked = marks.is_dir() and any(one.name == _OWN or one.name.startswith("nvidia-pytriton==") for one in marks.iterdir())
    return not names or (marked and names <= _IN_ENVIRONMENT)


def _plain_name(name: str) -> str:
    return name if is_plain(name) else hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


def _check_python() -> None:
    """Raise MissingDependencyError if numpy 1.26 has no wheel for this Python."""
    if sys.version_info[:2] not in _PYTHONS:
        raise MissingDependencyError(
            f"tritonserver from PyPI needs numpy 1.26, which has no wheel for Python {sys.version_info.major}."
            f"{sys.version_info.minor}; for turnout triton serve use Python 3.11 or 3.12, or give --binary a tritonserver of "
            "your own"
        )


def _pip(folder: Path) -> Sequence[str]:
    return [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _run(command: Sequence[str], what: str, lock: int) -> None:
    logger.info("%s", what)
    # A PYTHONPATH of this environment would mix the packages of the two.
    variables = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    ran = subprocess.run(  # noqa: S603  # built here
        command, capture_output=True, text=True, check=False, env=variables, pass_fds=(lock,)
    )
    if ran.returncode:
        lines = [line for line in (ran.stderr or ran.stdout).splitlines() if line.strip()]
        reason = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "no output")
        raise MissingDependencyError(
            f"{what} failed with exit code {ran.returncode}: {reason.strip()}; in turnout triton's private environment; "
            "fix the network or pip's settings and try again, or give --binary a tritonserver of your own"
        )
