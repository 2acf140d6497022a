"""A plan of a deployment: what runs where, decided from turnout.yaml and the options of the command."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from turnout.commands.app_needs import AppNeeds
from turnout.errors import ConfigurationError

TRITON = "triton"
APP_PORT, TRITON_HTTP, TRITON_GRPC, TRITON_METRICS = 8080, 8000, 8001, 8002
TRITON_IMAGE = "nvcr.io/nvidia/tritonserver:26.06-py3"
TOKEN = "TURNOUT_SERVE_TOKEN"  # noqa: S105  # the name of the variable
USER = 65532
"""The user of the app's container: no user of the machine, and not root."""

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?\Z")
_IMAGE = re.compile(
    r"[a-z0-9][a-z0-9._-]*(:[0-9]{1,5}/[a-z0-9._-]+)?(/[a-z0-9._-]+)*:(?!latest\Z)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z"
)
_REPOSITORY = re.compile(r"(?:\./)?\w[\w.-]*(?:/\w[\w.-]*)*/?\Z")
_LOOPBACK = re.compile(r"(?:[a-z]+://)?(localhost|127\.[0-9.]+|\[::1\]|0\.0\.0\.0)(:|/|\Z)")


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan of a deployment.

    Attributes:
        name: the name of the app, in the names of everything.
        needs: the needs of the app.
        values: the variables of turnout.yaml that are written as they are.
        image: the image of the app.
        models_image: the image with the model repository.
        repository: the model repository, as a path in the folder of turnout.yaml.
        replicas: how many of the app run.
        servers: how many Triton servers run.
    """

    name: str
    needs: AppNeeds
    values: Mapping[str, str] = field(default_factory=dict)
    image: str = "turnout:1"
    models_image: str = "turnout-models:1"
    repository: str = "model_repository"
    replicas: int = 2
    servers: int = 2

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise ConfigurationError(
                f"--name {self.name!r} is no name that Kubernetes takes: 1 to 40 small letters, digits and '-', a letter first"
            )
        for option, image in (("--image", self.image), ("--models-image", self.models_image)):
            _check_image(option, image)
        if not _REPOSITORY.match(self.repository):
            raise ConfigurationError(
                f"--repository {self.repository!r} is no folder in the folder of {self.needs.source!r}; name one from there, "
                "with letters, digits, '.', '_' and '-'"
            )
        _check_values(self)
        _check_urls(self)

    @property
    def url_variables(self) -> tuple[str, ...]:
        """The variables that name the Triton servers of this deployment."""
        if not any(TRITON in model.remote for model in self.needs.models):
            return ()
        found = [one for one in self.needs.variables if one.whole and all(_is_url(path) for path in one.paths)]
        return tuple(one.name for one in found if one.name not in self.values)

    @property
    def has_servers(self) -> bool:
        """True if Triton servers are a part of the deployment."""
        return bool(self.url_variables)

    @property
    def needs_servers(self) -> bool:
        """True if a model may send requests to Triton as the file is now."""
        return self.has_servers and any(TRITON in model.backends for model in self.needs.models)

    @property
    def backend_variables(self) -> tuple[str, ...]:
        """The variables that choose a backend, by which an overlay moves models to Triton."""
        chosen = [one for one in self.needs.variables if one.whole and all(path[-1] == "backend" for path in one.paths)]
        return tuple(one.name for one in chosen if one.name not in self.values)

    def server_urls(self, hosts: list[str]) -> dict[str, str]:
        """Return the addresses of the servers ``hosts`` by variable, in the protocol of the variable's default."""
        defaults = {one.name: one.default or "" for one in self.needs.variables}
        return {name: ",".join(_address(host, defaults[name]) for host in hosts) for name in self.url_variables}


def _check_image(option: str, image: str) -> None:
    if not _IMAGE.match(image):
        raise ConfigurationError(
            f"{option} {image!r} is no image with a tag of its own; write registry/name:tag, with another tag for each build"
        )


def _check_values(plan: Plan) -> None:
    secret = {one.name for one in plan.needs.variables if one.secret}
    if found := sorted(secret & set(plan.values)):
        raise ConfigurationError(
            f"--set {found[0]}: the variable is in a place for credentials, and a manifest is no place for one; leave it out, "
            f"and put the value into the secret {plan.name!r}"
        )


def _check_urls(plan: Plan) -> None:
    named = {path for one in plan.needs.variables if one.whole for path in one.paths}
    for model in plan.needs.models:
        url = model.options.get(TRITON, {}).get("url")
        path = ("models", model.name, "backends", TRITON, "url")
        if isinstance(url, str) and path not in named and _LOOPBACK.match(url):
            raise ConfigurationError(
                f"model {model.name!r}: 'url' of backend 'triton' is {url!r} in {plan.needs.source!r}, and a container has no "
                'server there; write url: "${TRITON_URL:-localhost:8001}", so that the deployment can name the servers'
            )


def _is_url(path: tuple[str | int, ...]) -> bool:
    return len(path) == 5 and path[3:] == (TRITON, "url")


def _address(host: str, default: str) -> str:
    scheme, separator, _ = default.partition("://")
    if separator and scheme in ("http", "https"):
        return f"http://{host}:{TRITON_HTTP}"
    return f"{host}:{TRITON_GRPC}"
