"""The preparation of a server: its models, its program, and the paths under which it gets both."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from turnout_triton.server.installation import Installation, check_host, find_installation
from turnout_triton.server.model_code import check_code
from turnout_triton.server.plain_links import PlainLinks
from turnout_triton.server.private_environment import PrivateEnvironment, default_folder
from turnout_triton.server.servable_models import ServableModel, read_repository, select_models
from turnout_triton.server.server_options import ServerOptions
from turnout_triton.server.staging import all_plain, link_repository, stage_for_cpu


@dataclass(frozen=True, slots=True)
class Preparation:
    """A server that can start.

    Attributes:
        models: the models to serve.
        repository: the folder to serve them from; an absolute path.
        installation: the tritonserver.
        variables: the environment variables to start it with.
    """

    models: tuple[ServableModel, ...]
    repository: Path
    installation: Installation
    variables: Mapping[str, str]


def prepare(repository: Path, options: ServerOptions, links: PlainLinks, report: Callable[[str], None]) -> Preparation:
    """Return the preparation for ``repository``; installs tritonserver if needed, and blocks for that.

    Raises:
        ConfigurationError: the repository, a model's name, the binary or the host cannot be used, or a model is code that the
            user does not vouch for.
        MissingDependencyError: tritonserver cannot be installed, or a model needs a backend that it does not have.
    """
    models = tuple(select_models(read_repository(repository), options.models, repository))
    check_code(repository, [model.name for model in models] if options.models else None, options.trust)
    environment = PrivateEnvironment(options.environment or default_folder(), report, options.torch_index)
    installation = find_installation(models, options.binary, environment, links, report)
    check_host(options.host, installation, report)
    served = stage_for_cpu(repository, models, links, report) if options.cpu else link_repository(repository, links, report)
    variables = dict(installation.variables)
    if not all_plain(served, models):
        variables |= links.launcher_variables(variables.get("PATH") or os.environ.get("PATH", os.defpath))
    return Preparation(models, served, installation, variables)
