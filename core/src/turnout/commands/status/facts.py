"""Facts about a model that can be read without opening it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """The newest version in the model repository.

    Attributes:
        number: the version.
        file: its model file, relative to the folder of turnout.yaml if it is below that folder.
        written: the UTC time of the last write to its files.
        fingerprint: that of its folder, which proofs are held against: the SHA-256 of its files' names and SHA-256s.
    """

    number: int
    file: str
    written: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ParityProof:
    """Evidence of a comparison, held against the newest version.

    Attributes:
        verdict: ``match``, ``mismatch``, ``error``, or ``dropped`` if nothing was compared.
        at: the UTC time of the comparison.
        current: it is about the files of the newest version.
        agreed: the arms that gave the same answers, the reference first.
        text: the arms that were compared and their mismatches, in one line.
        other_version: the version that it is about, if that is not the newest; None for the newest, or if it names none.
    """

    verdict: str
    at: str
    current: bool
    agreed: tuple[str, ...] = ()
    text: str = ""
    other_version: int | None = None

    @property
    def holds(self) -> bool:
        """True if it proves the newest version."""
        return self.verdict == "match" and self.current


@dataclass(frozen=True, slots=True)
class ShadowState:
    """The results of a shadow.

    Attributes:
        primary: the backend whose answers the callers got.
        shadow: the backend that was compared with it.
        verdicts: the number of requests by verdict.
        p95_ratio: the shadow's 95th percentile latency over the primary's; None without answers.
        updated: the UTC time of the last comparison.
        current: it is about the present arms, tolerances and version.
        ready: the shadow may be promoted.
        promotion: ``ready``, or the reason against it.
    """

    primary: str
    shadow: str
    verdicts: Mapping[str, int]
    p95_ratio: float | None
    updated: str
    current: bool
    ready: bool
    promotion: str


@dataclass(frozen=True, slots=True)
class ServerState:
    """The present state of a model on a server.

    Attributes:
        backend: the backend that uses the server.
        reached: the server responded; None if the check sent it no request.
        ok: the server's configuration of the model matches turnout.yaml.
        text: the findings, in one line.
    """

    backend: str
    reached: bool | None
    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The facts that a stage and a next step are derived from.

    Attributes:
        model: the model's name.
        backend: the backend that serves it.
        backends: every backend with options in turnout.yaml.
        sources: the backends that models are exported from.
        remote: the backends that use a server.
        serve_commands: the command that starts a server on this machine, by backend.
        formats: the formats that the model can be exported in, the preferred first.
        fallback: the backend that answers if another is unavailable; it may be the serving one, before the model moves.
        canary: the backend that takes a share of the requests; None without a canary.
        weight: the share of the canary.
        shadowed: the backend that is compared with ``backend``; None without a shadow.
        tuning: the settings that merge requests or run several at once.
        folder: the model's folder in the repository.
        recorded: the number of recorded requests.
        version: the newest version; None if there is none.
        export: the proof that the exporter gave.
        verify: the last result of ``turnout verify``.
        shadow: the results of the shadow.
        servers: the present states on the servers.
        proved: the backends that were proved to give the same answers, and have not changed since.
        missing: the command that installs a backend of turnout.yaml whose plugin is not installed, by backend.
        known_servers: those of ``missing`` that use a server.
    """

    model: str
    backend: str
    backends: tuple[str, ...]
    sources: frozenset[str] = frozenset()
    remote: frozenset[str] = frozenset()
    serve_commands: Mapping[str, str] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
    fallback: str | None = None
    canary: str | None = None
    weight: float = 0.0
    shadowed: str | None = None
    tuning: tuple[str, ...] = ()
    folder: str = ""
    recorded: int = 0
    version: PublishedVersion | None = None
    export: ParityProof | None = None
    verify: ParityProof | None = None
    shadow: ShadowState | None = None
    servers: tuple[ServerState, ...] = ()
    proved: frozenset[str] = frozenset()
    missing: Mapping[str, str] = field(default_factory=dict)
    known_servers: frozenset[str] = frozenset()

    @property
    def server(self) -> str | None:
        """The remote backend that the model moves to: one that is in use already, else the first; None without any."""
        candidates = (self.backend, self.canary, self.shadowed, *self.backends)
        return next((backend for backend in candidates if backend in self.remote), None)

    @property
    def unreachable(self) -> frozenset[str]:
        """The backends whose server did not respond."""
        return frozenset(state.backend for state in self.servers if state.reached is False)

    @property
    def has_fallback(self) -> bool:
        """True if another backend answers while the serving one is unavailable."""
        return self.fallback is not None and self.fallback != self.backend

    @property
    def is_exported(self) -> bool:
        """True if there is a version whose answers were proved."""
        return self.version is not None and any(proof is not None and proof.holds for proof in (self.export, self.verify))

    def has_parity(self, backend: str) -> bool:
        """Return whether ``backend`` was proved to give the same answers as another arm on this version."""
        return backend in self.proved

    def has_latency(self, backend: str) -> bool:
        """Return whether the latency of ``backend`` was measured next to another backend's, on live requests."""
        shadow = self.shadow
        if shadow is None or not shadow.current or shadow.p95_ratio is None:
            return False
        return backend in (shadow.primary, shadow.shadow)
