"""What turnout.yaml may say under ``triton``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from turnout_triton.model_config_options import ModelConfigOptions


class TlsOptions(BaseModel):
    """How a connection is encrypted; an empty mapping trusts the system's authorities.

    Attributes:
        ca: PEM file of the authorities to trust instead of the system's; relative to the folder of turnout.yaml.
        certificate: PEM file of this client's own certificate chain, for mutual TLS.
        key: PEM file of its private key.
        server_name: the name that the server's certificate is for, where it is not the URL's host.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str | None = None

    @model_validator(mode="after")
    def _certificate_and_key(self) -> TlsOptions:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("mutual TLS needs both 'certificate' and 'key'")
        return self


class TritonOptions(BaseModel):
    """A model on a Triton server and how to reach it.

    Attributes:
        url: ``host:port``, or several for replicas of one server; with ``grpc://`` (the default), ``grpcs://``, ``http://`` or
            ``https://`` in front. All of one scheme.
        model: the model's name on the server; this model's own by default.
        version: the model version to ask; the server's choice by default.
        timeout_seconds: the deadline of a request that has none of its own.
        headers: headers of every call, such as ``authorization: Bearer ${TOKEN}``; never shown.
        tls: how a ``grpcs`` or ``https`` connection is encrypted.
        compression: how request bodies are compressed, and what the server is asked to compress with.
        shared_memory: ``auto`` sends large tensors to a server on this host through system shared memory.
        shared_memory_threshold_bytes: the size of a tensor from which that pays: 0.7 of the wire's time at 256 KiB, more above
            (``benchmarks/triton_client.py --threshold``).
        repository: the model repository that ``turnout export`` writes into and ``turnout check`` compares; relative to the
            folder of turnout.yaml.
        configuration: ``model_config``: what config.pbtxt says beside what every backend knows.
        ensemble: the models of the repository that this one chains inside the server, in order; it has no file of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), populate_by_name=True)

    url: str | tuple[str, ...]
    model: str | None = None
    version: Annotated[str, Field(pattern=r"^([1-9][0-9]*)?$")] = ""
    timeout_seconds: float = Field(120.0, gt=0, allow_inf_nan=False)
    headers: Mapping[str, SecretStr] = Field(default_factory=dict)
    tls: TlsOptions | None = None
    compression: Literal["none", "gzip", "deflate"] = "none"
    shared_memory: Literal["auto", "off"] = "auto"
    shared_memory_threshold_bytes: int = Field(256 * 1024, ge=0)
    repository: Path = Path("model_repository")
    configuration: ModelConfigOptions = Field(ModelConfigOptions(), alias="model_config")
    ensemble: tuple[str, ...] = ()

    @field_validator("version", mode="before")
    @classmethod
    def _number_or_text(cls, version: object) -> object:
        return str(version) if isinstance(version, int) and not isinstance(version, bool) else version
