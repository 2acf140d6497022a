"""The tritonserver to start, and the environment that it needs."""

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
from turnout_triton.server.backend_folder import HOSTED_BACKENDS, ensure_backend_folder
from turnout_triton.server.plain_links import PlainLinks
from turnout_triton.server.private_environment import CORE, PrivateEnvironment
from turnout_triton.server.servable_models import ServableModel


@dataclass(frozen=True, slots=True)
class Installation:
    """A tritonserver.

    Attributes:
        binary: the program.
        arguments: arguments that it needs to find its backends.
        variables: environment variables that it needs.
        is_old_core: it is the one from PyPI, which predates the security fixes of August 2025.
    """

    binary: Path
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    is_old_core: bool = False


def find_installation(
    models: Sequence[ServableModel],
    binary: Path | None,
    environment: PrivateEnvironment,
    links: PlainLinks,
    report: Callable[[str], None],
) -> Installation:
    """Return ``binary``, or the tritonserver on PATH, or the one of ``environment``, installed if needed; blocks for that.

    Raises:
        ConfigurationError: ``binary`` is not a program.
        MissingDependencyError: the environment cannot be installed, or has no backend for a model.
    """
    if sys.platform != "linux":
        raise MissingDependencyError(
            f"tritonserver runs on Linux, this is {sys.platform!r}; serve the same repository with: turnout triton docker"
        )
    if binary is not None:
        return Installation(_check_binary(binary))
    found = shutil.which("tritonserver")
    if found:
        report(f"using {found}, found on PATH")
        return Installation(Path(found))
    return _from_environment(models, environment, links)


def check_host(host: str, installation: Installation, report: Callable[[str], None]) -> None:
    """Raise ConfigurationError if the old core would listen beyond loopback; report a warning if another core does.

    Raises:
        ConfigurationError: other machines could reach the old core.
    """
    if _is_loopback(host):
        return
    if installation.is_old_core:
        raise ConfigurationError(
            f"--host {host!r} would open tritonserver {CORE} from PyPI to other machines; it predates the security fixes of "
            "August 2025 and stays on loopback; omit --host, or give --binary a newer one, or see: turnout triton docker"
        )
    report(
        f"warning: Triton has no authentication; every client that reaches {host} can run models, and with some options load "
        "them"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_binary(binary: Path) -> Path:
    """Return the absolute path of ``binary``. Raises ConfigurationError if it is not a program."""
    if not (binary.is_file() and os.access(binary, os.X_OK)):
        state = "cannot be executed" if binary.exists() else "does not exist"
        raise ConfigurationError(f"--binary {str(binary)!r} {state}; correct it, or omit it to use tritonserver from PyPI")
    return binary.absolute()


def _from_environment(models: Sequence[ServableModel], environment: PrivateEnvironment, links: PlainLinks) -> Installation:
    served = {*HOSTED_BACKENDS, "python", "ensemble", ""}
    for model in models:
        if model.backend not in served:
            raise MissingDependencyError(
                f"model {model.name!r} needs Triton's backend {model.backend!r}; tritonserver from PyPI serves "
                f"{', '.join(sorted(served - {''}))}; give --binary a tritonserver that has it, or select others with --model"
            )
    python = _python_library_folder()
    environment.ensure({part for model in models for part in model.needs})
    # Lists of folders and the python backend cannot handle every path.
    folder = links.link(environment.folder, "environment")
    backends = folder / ensure_backend_folder(environment).relative_to(environment.folder)
    packages = folder / environment.site_packages.relative_to(environment.folder)
    python = links.link(python, "python")
    return Installation(
        packages / "pytriton" / "tritonserver" / "bin" / "tritonserver",
        (f"--backend-directory={backends}",),
        {
            "LD_LIBRARY_PATH": f"{packages / 'nvidia_pytriton.libs'}:{python}",
            # The stub finds its packages through the first python3 on PATH, not through PYTHONPATH.
            "PATH": f"{folder / 'bin'}:{os.environ.get('PATH', os.defpath)}",
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        is_old_core=True,
    )


def _python_library_folder() -> Path:
    """Return the folder of this Python's shared library, which the stub is linked against."""
    library = str(sysconfig.get_config_var("INSTSONAME") or "")
    folder = Path(str(sysconfig.get_config_var("LIBDIR")))
    # Debian has it one folder deeper, and in a package of its own.
    for place in (folder, folder / str(sysconfig.get_config_var("MULTIARCH") or "")):
        if ".so" in library and (place / library).exists():
            return place
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise MissingDependencyError(
        f"Triton's python backend needs libpython{version}.so, which is not in {str(folder)!r}; for turnout triton serve "
        f"install it (Debian: libpython{version}), use a Python built with --enable-shared, or give --binary a tritonserver"
    )
