"""What to type next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from turnout.commands.status.facts import ModelFacts


@dataclass(frozen=True, slots=True)
class NextStep:
    """A command, and why it is next."""

    command: str
    why: str


def next_step(facts: ModelFacts) -> NextStep:
    """Return what moves the model on, or keeps it where it is."""
    return next(_steps(facts))


def _steps(facts: ModelFacts) -> Iterator[NextStep]:
    """Yield what is left to do, the first thing first."""
    yield from _export(facts)
    yield from _prove(facts)
    server = facts.server
    if server is None:
        yield from _stay_here(facts)
    elif server == facts.backend:
        yield from _keep(facts, server)
    else:
        yield from _move(facts, server)
    yield NextStep("turnout check --deep", "nothing is left to do; this proves that it still works")


def _export(facts: ModelFacts) -> Iterator[NextStep]:
    if facts.version is not None:
        return
    why = f"no version stands in {facts.folder}"
    if facts.formats:
        chosen = "onnx" if "onnx" in facts.formats else facts.formats[0]
        yield NextStep(f"turnout export {facts.model} --format {chosen}", why)
    else:
        backends = ", ".join(facts.backends)
        yield NextStep("turnout plugins", f"{why}, and nothing here exports from {backends}; name the repository it is in")


def _prove(facts: ModelFacts) -> Iterator[NextStep]:
    if facts.exported:
        return
    number = facts.version.number if facts.version else 0
    why = f"version {number} was not proved to answer alike"
    if facts.verify is not None and facts.verify.current:
        why = f"turnout verify found: {facts.verify.text or facts.verify.verdict}"
    elif facts.verify is not None or (facts.export is not None and not facts.export.current):
        why = f"the files of version {number} were not there when answers were compared last"
    yield from _verify(facts, _partner(facts), why)


def _verify(facts: ModelFacts, partner: str | None, why: str) -> Iterator[NextStep]:
    yield from _start(facts, partner)
    yield from _start(facts, facts.backend)
    if partner is not None:
        yield NextStep(f"turnout verify {facts.model} --against {partner}", why)
    elif facts.recorded:
        yield NextStep(f"turnout verify {facts.model}", f"{why}; {facts.recorded} recorded answers can show it")
    else:
        yield NextStep(f"turnout record {facts.model} FILE...", f"{why}, and there is no other backend and no recorded answer")


def _partner(facts: ModelFacts) -> str | None:
    """Return the backend to compare with, or to fall back on: in this process if any is, of the exported version if any is."""
    others = [backend for backend in facts.backends if backend != facts.backend]
    if facts.backend in facts.sources:
        others = [backend for backend in others if backend not in facts.sources]
    return min(others, key=lambda backend: (backend in facts.remote, backend in facts.sources), default=None)


def _local(facts: ModelFacts) -> str:
    """Return what may answer where a server does not: in this process, of the exported version if any is."""
    here = [backend for backend in facts.backends if backend not in facts.remote]
    return min(here, key=lambda backend: backend in facts.sources, default=facts.backend)


def _start(facts: ModelFacts, backend: str | None) -> Iterator[NextStep]:
    if backend is not None and backend in facts.unreached:
        yield NextStep(facts.serve_commands.get(backend, "turnout check --deep"), f"the server of {backend!r} does not answer")


def _stay_here(facts: ModelFacts) -> Iterator[NextStep]:
    """Yield the way to the exported version in this process, then to a server."""
    here = _partner(facts)
    if facts.backend in facts.sources and here is not None:
        if not facts.alike(here):
            yield from _verify(facts, here, f"{here!r} was not compared with {facts.backend!r}")
        yield NextStep(f"turnout switch {facts.model} {here}", f"{here!r} answers as {facts.backend!r} does")
    yield NextStep("turnout check", f"no server is named; write 'triton: {{url: ...}}' under models.{facts.model}.backends")


def _move(facts: ModelFacts, server: str) -> Iterator[NextStep]:
    """Yield the way from what serves to the server: compared, caught, shadowed, tried by a few, moved."""
    model = facts.model
    yield from _start(facts, server)
    if not facts.alike(server):
        yield from _verify(facts, server, f"{server!r} was not compared with {facts.backend!r} on this version")
    if facts.fallback is None:
        yield NextStep(
            "turnout check", f"write 'fallback: {_local(facts)}' under models.{model} before a server is depended on"
        )
    if facts.shadowed == server:
        yield from _watch(facts, server)
    if facts.canary != server:
        first = f"the shadow is {shadow_text(facts)}" if facts.shadowed == server else _advice(facts, server)
        yield NextStep(f"turnout switch {model} {server} --weight 0.1", first)
    yield NextStep(
        f"turnout switch {model} {server}", f"{server!r} answers {facts.weight:g} of the requests; this gives it all"
    )


def _watch(facts: ModelFacts, server: str) -> Iterator[NextStep]:
    """Yield what to do while the shadow is not ready: look into wrong answers, else wait."""
    shadow = facts.shadow
    if shadow is not None and shadow.current and shadow.ready:
        return
    if shadow is not None and shadow.current and shadow.verdicts.get("mismatch"):
        yield NextStep(f"turnout verify {facts.model} --against {server}", f"the shadow is {shadow.promotion}")
    yield NextStep(f"turnout status {facts.model}", f"ask again when the shadow has seen more: {shadow_text(facts)}")


def _advice(facts: ModelFacts, server: str) -> str:
    return f"{server!r} was proved; 'shadow: {{backend: {server}}}' under models.{facts.model} would compare live answers first"


def shadow_text(facts: ModelFacts) -> str:
    """Return what is to be said of promotion."""
    if facts.shadow is None:
        return "nothing was compared yet"
    return facts.shadow.promotion if facts.shadow.current else "what it has shown is of other settings or another version"


def _keep(facts: ModelFacts, server: str) -> Iterator[NextStep]:
    """Yield what a served model still needs: somebody to answer for it, proof, batches, a measurement."""
    model, here = facts.model, _partner(facts)
    if not facts.caught:
        yield NextStep(
            "turnout check", f"write 'fallback: {here or 'BACKEND'}' under models.{model}: nothing answers for {server!r}"
        )
    yield from _start(facts, server)
    if not facts.alike(server):
        yield from _verify(facts, here, f"{server!r} was not compared on this version")
    for state in facts.servers:
        if state.backend == server and not state.ok:
            yield NextStep("turnout check --deep", state.text)
    if not facts.tuning:
        yield NextStep(
            f"turnout export {model} --config-only",
            f"write 'dynamic_batching: {{}}' under models.{model}: nothing merges requests",
        )
    if not facts.measured(server):
        other = facts.fallback or here or "BACKEND"
        why = f"write 'shadow: {{backend: {other}}}' under models.{model}: it measures both on live requests"
        yield NextStep(f"turnout status {model}", why)
