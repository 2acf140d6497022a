"""Options of backend ``triton`` in turnout.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from turnout import ModelDeclaration, Options
from turnout_triton.model_config_options import ModelConfigOptions

DEFAULT_REPOSITORY = Path("model_repository")
DEFAULT_MAX_RESPONSE_BYTES = 128 * 2**20


class TlsOptions(Options):
    """TLS of a connection; an empty mapping trusts the system's authorities.

    Attributes:
        ca: PEM file of the authorities to trust instead of the system's; relative to the folder of turnout.yaml.
        certificate: PEM file of this client's own certificate chain, for mutual TLS.
        key: PEM file of its private key.
        server_name: the name in the server's certificate, where it is not the URL's host.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str | None = None

    @model_validator(mode="after")
    def _check_certificate_and_key(self) -> TlsOptions:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("mutual TLS needs both 'certificate' and 'key'")
        return self


class TritonOptions(Options):
    """A model on a Triton server and the connection to it.

    Attributes:
        url: ``host:port``, or several for replicas of one server, as a list or with commas between them; with ``grpc://`` (the
            default), ``grpcs://``, ``http://`` or ``https://`` in front. All of one scheme.
        model: the model's name on the server; this model's own by default.
        version: the model version; by default the model's own ``version``, or else the server's choice.
        timeout_seconds: the deadline of a request that has none of its own.
        headers: headers of every call, such as ``authorization: Bearer ${TOKEN}``; never shown.
        tls: the TLS of a ``grpcs`` or ``https`` connection.
        compression: the compression of request bodies, which the server is offered for its responses too.
        shared_memory: ``auto`` sends large tensors to a server on this host through system shared memory.
        shared_memory_threshold_bytes: the size of a tensor from which that pays: a call takes 0.7 of the wire's time at
            256 KiB, and less above (``benchmarks/triton_client.py --threshold``).
        max_response_bytes: the size of a response beyond which it is refused; of one in JSON, an eighth of it.
        cuda_shared_memory: experimental: sends inputs in GPU memory to a server on this host through CUDA shared memory,
            instead of copying them to the host; needs the extra ``cuda``.
        repository: the model repository that ``turnout export`` writes into and ``turnout check`` compares; relative to the
            folder of turnout.yaml.
        configuration: ``model_config``: settings of config.pbtxt that only Triton has.
        ensemble: the models of the repository that this one chains inside the server, in order; it has no file of its own.
    """

    # "model_" is pydantic's own prefix, and our field names are Triton's words.
    model_config = ConfigDict(protected_namespaces=(), populate_by_name=True)

    url: str | tuple[str, ...]
    model: str | None = None
    version: Annotated[str, Field(pattern=r"^([1-9][0-9]*)?$")] = ""
    timeout_seconds: float = Field(120.0, gt=0, allow_inf_nan=False)
    headers: Mapping[str, SecretStr] = Field(default_factory=dict)
    tls: TlsOptions | None = None
    compression: Literal["none", "gzip", "deflate"] = "none"
    shared_memory: Literal["auto", "off"] = "auto"
    shared_memory_threshold_bytes: int = Field(256 * 1024, ge=0)
    max_response_bytes: int = Field(DEFAULT_MAX_RESPONSE_BYTES, ge=2**20, lt=2**31)
    cuda_shared_memory: bool = Field(default=False, description="Experimental: no GPU has run it yet.")
    repository: Path = DEFAULT_REPOSITORY
    configuration: ModelConfigOptions = Field(ModelConfigOptions(), alias="model_config")
    ensemble: tuple[str, ...] = ()

    @field_validator("version", mode="before")
    @classmethod
    def _accept_number(cls, version: object) -> object:
        # In YAML a version is a number. bool is an int in Python, but True is not a version.
        return str(version) if isinstance(version, int) and not isinstance(version, bool) else version

    def asked_version(self, model: ModelDeclaration) -> str:
        """Return the version that requests for ``model`` name; empty lets the server choose."""
        return self.version or model.version

    @property
    def urls(self) -> tuple[str, ...]:
        """The servers of the model."""
        if not isinstance(self.url, str):
            return self.url
        # A variable is one text, and a deployment names several servers with it.
        return tuple(part.strip() for part in self.url.split(",") if part.strip()) or (self.url,)
