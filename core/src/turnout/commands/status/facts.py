"""What is known of a model, without opening it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Version:
    """The newest version in the model repository.

    Attributes:
        number: the version.
        file: its file, relative to the folder of turnout.yaml where it is below that.
        written: when its files were last written, in UTC.
        sha256: the fingerprint of its folder.
    """

    number: int
    file: str
    written: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A result that was kept as evidence.

    Attributes:
        verdict: ``match``, ``mismatch``, ``error``, or ``dropped`` where nothing was compared.
        at: when.
        current: it is of the version that stands in the repository now.
        agreed: the arms that answered alike, the reference first.
        text: what it is of, and what was wrong, in one line.
    """

    verdict: str
    at: str
    current: bool
    agreed: tuple[str, ...] = ()
    text: str = ""

    @property
    def holds(self) -> bool:
        """Whether it proves the present version."""
        return self.verdict == "match" and self.current

    def covers(self, backend: str) -> bool:
        """Tell whether ``backend`` was compared with another arm, and both answered alike."""
        return self.holds and backend in self.agreed and len(self.agreed) > 1


@dataclass(frozen=True, slots=True)
class ShadowState:
    """What a shadow has shown.

    Attributes:
        primary: the backend whose answers counted.
        shadow: the backend that was compared.
        verdicts: how many requests ended with each verdict.
        p95_ratio: the shadow's 95th percentile over the primary's; None without answers.
        updated: when the last comparison ended.
        current: it is of the arms, the tolerances and the version as they are now.
        ready: the shadow may be promoted.
        promotion: ``ready``, or why not.
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
    """What a server says now.

    Attributes:
        backend: the backend that asks it.
        reached: it answered; None if that cannot be told.
        ok: it serves the model as turnout.yaml says.
        text: what was found, in one line.
    """

    backend: str
    reached: bool | None
    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model.

    Attributes:
        model: its name.
        backend: what serves it.
        backends: everything that turnout.yaml could have serve it.
        sources: those that the model is exported from.
        remote: those that ask a server.
        serve_commands: the command that starts a server here, by backend.
        formats: what the model can be exported as.
        fallback: what answers where another backend is unavailable; the serving one may be named before the model moves.
        canary: the backend that takes a share; None if none does.
        weight: that share.
        shadowed: the backend that is compared with ``backend``; None if none is.
        tuning: what the settings say of batches and instances, in Triton's words.
        folder: the model's folder in the repository.
        recorded: how many requests are recorded.
        version: the newest version; None if there is none.
        export: what the exporter proved.
        verify: what ``turnout verify`` found last.
        shadow: what a shadow has shown.
        servers: what the servers say now.
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
    version: Version | None = None
    export: Proof | None = None
    verify: Proof | None = None
    shadow: ShadowState | None = None
    servers: tuple[ServerState, ...] = ()

    @property
    def server(self) -> str | None:
        """The backend of the server that the model moves to: the one that takes part already, else the first; None without."""
        asked = (self.backend, self.canary, self.shadowed, *self.backends)
        return next((backend for backend in asked if backend in self.remote), None)

    @property
    def unreached(self) -> frozenset[str]:
        """The backends whose server did not answer just now."""
        return frozenset(state.backend for state in self.servers if state.reached is False)

    @property
    def caught(self) -> bool:
        """Whether another backend answers where the serving one is unavailable."""
        return self.fallback is not None and self.fallback != self.backend

    @property
    def exported(self) -> bool:
        """Whether a version stands, and its answers were proved."""
        return self.version is not None and any(proof is not None and proof.holds for proof in (self.export, self.verify))

    def alike(self, backend: str) -> bool:
        """Tell whether ``backend`` was proved to answer this version's requests as another arm does."""
        shadow = self.shadow
        shown = shadow is not None and shadow.current and shadow.ready and backend in (shadow.primary, shadow.shadow)
        return shown or (self.verify is not None and self.verify.covers(backend))

    def measured(self, backend: str) -> bool:
        """Tell whether the latency of ``backend`` was measured beside another backend's."""
        shadow = self.shadow
        if shadow is None or not shadow.current or shadow.p95_ratio is None:
            return False
        return backend in (shadow.primary, shadow.shadow)
