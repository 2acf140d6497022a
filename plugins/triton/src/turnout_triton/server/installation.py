"""Which tritonserver is started, and with what around it."""

from __future__ import annotations

import ipaddress
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from turnout.errors import ConfigurationError, MissingDependencyError
from turnout_triton.server.backend_folder import OURS, make_backend_folder
from turnout_triton.server.environment import CORE, PrivateEnvironment
from turnout_triton.server.repository import RepositoryModel


@dataclass(frozen=True, slots=True)
class Installation:
    """A tritonserver.

    Attributes:
        binary: the program.
        arguments: what it must be told for its backends to be found.
        variables: environment variables that it needs.
        is_old_core: it is the one from PyPI, which predates the security fixes of August 2025.
    """

    binary: Path
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    is_old_core: bool = False


def find_installation(
    models: Sequence[RepositoryModel], binary: Path | None, environment: PrivateEnvironment, tell: Callable[[str], None]
) -> Installation:
    """Return ``binary``, else the tritonserver on PATH, else the one of ``environment``, made on demand.

    Raises:
        ConfigurationError: ``binary`` is no program.
        MissingDependencyError: the environment cannot be made, or has no backend for a model.
    """
    if sys.platform != "linux":
        raise MissingDependencyError(
            f"tritonserver runs on Linux, this is {sys.platform!r}; serve the same repository with: turnout triton docker"
        )
    if binary is not None:
        return Installation(_checked(binary))
    found = shutil.which("tritonserver")
    if found:
        tell(f"using {found}, found on PATH")
        return Installation(Path(found))
    return _from_environment(models, environment)


def check_host(host: str, installation: Installation, tell: Callable[[str], None]) -> None:
    """Keep the old core on loopback, and say it aloud where another listens elsewhere.

    Raises:
        ConfigurationError: the old core would be reached from other machines.
    """
    if _is_loopback(host):
        return
    if installation.is_old_core:
        raise ConfigurationError(
            f"--host {host!r} would open tritonserver {CORE} from PyPI to other machines; it predates the security fixes of "
            "August 2025 and stays on loopback; leave --host out, or give --binary a newer one, or see: turnout triton docker"
        )
    tell(f"warning: Triton asks nobody for a password; whoever reaches {host} can run, and with some options load, models")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked(binary: Path) -> Path:
    if not (binary.is_file() and os.access(binary, os.X_OK)):
        state = "cannot be executed" if binary.exists() else "does not exist"
        raise ConfigurationError(
            f"--binary {str(binary)!r} {state}; correct it, or leave it out and tritonserver from PyPI is used"
        )
    return binary.absolute()


def _from_environment(models: Sequence[RepositoryModel], environment: PrivateEnvironment) -> Installation:
    served = {*OURS, "python", "ensemble", ""}
    for model in models:
        if model.backend not in served:
            raise MissingDependencyError(
                f"model {model.name!r} needs Triton's backend {model.backend!r}; tritonserver from PyPI serves "
                f"{', '.join(sorted(served - {''}))}; give --binary a tritonserver that has it, or leave it out with --model"
            )
    python = _python_library_folder()
    environment.ensure({part for model in models for part in model.needs})
    libraries = environment.site_packages / "nvidia_pytriton.libs"
    return Installation(
        environment.site_packages / "pytriton" / "tritonserver" / "bin" / "tritonserver",
        (f"--backend-directory={make_backend_folder(environment)}",),
        {
            "LD_LIBRARY_PATH": f"{libraries}:{python}",
            # The stub finds its packages through the first python3 on PATH, not through PYTHONPATH.
            "PATH": f"{environment.folder / 'bin'}:{os.environ.get('PATH', os.defpath)}",
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        is_old_core=True,
    )


def _python_library_folder() -> Path:
    """Return where this Python's shared library is, which the stub is linked against."""
    library = str(sysconfig.get_config_var("INSTSONAME") or "")
    folder = Path(str(sysconfig.get_config_var("LIBDIR")))
    # Debian keeps it one folder deeper, and in a package of its own.
    for place in (folder, folder / str(sysconfig.get_config_var("MULTIARCH") or "")):
        if ".so" in library and (place / library).exists():
            return place
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise MissingDependencyError(
        f"Triton's python backend needs libpython{version}.so, which is not in {str(folder)!r}; for turnout triton serve "
        f"install it (Debian: libpython{version}), use a Python built with --enable-shared, or give --binary a tritonserver"
    )
