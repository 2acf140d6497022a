"""The command that a user types next to move a model to a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from turnout.commands.status.facts import ModelFacts


@dataclass(frozen=True, slots=True)
class NextStep:
    """A command that can be typed, or an edit of turnout.yaml in words; and the reason for it."""

    command: str
    why: str


def next_step(facts: ModelFacts, server_advice: str) -> NextStep:
    """Return the first step that is not done; a final check if all are.

    Args:
        facts: the facts about the model.
        server_advice: the way to get a server, for a model that names none.
    """
    return next(_steps(facts, server_advice))


def _steps(facts: ModelFacts, server_advice: str) -> Iterator[NextStep]:
    """Yield the steps that are not done, in order."""
    yield from _export(facts)
    yield from _prove(facts)
    server = facts.server
    if server is None:
        yield from _stay_local(facts, server_advice)
    elif server == facts.backend:
        yield from _complete(facts, server)
    else:
        yield from _move(facts, server)
    yield NextStep("turnout check --deep", "every step is done; this checks that the model still works")


def _export(facts: ModelFacts) -> Iterator[NextStep]:
    if facts.version is not None:
        return
    why = f"{facts.folder} has no version"
    if not facts.formats and facts.remote.issuperset(facts.backends):
        return  # a server alone has it: an ensemble, or a model of another machine's repository
    if facts.formats:
        yield NextStep(f"turnout export {facts.model} --format {facts.formats[0]}", why)
        return
    absent = {backend: command for backend, command in facts.missing.items() if backend not in facts.known_servers}
    backends = ", ".join(facts.backends)
    yield from _install(replace(facts, missing=absent), f"{why}, and no installed plugin exports from {backends}")
    edit = f"correct the options of {backends} under models.{facts.model}, or add a backend to export from"
    yield NextStep(edit, f"{why}, and what the options name is missing or cannot be exported")


def _prove(facts: ModelFacts) -> Iterator[NextStep]:
    if facts.is_exported:
        return
    number = facts.version.number if facts.version else 0
    what = f"version {number}" if facts.version else f"{facts.backend!r}"
    why = f"no evidence shows that {what} gives the same answers"
    if facts.verify is not None and facts.verify.current:
        why = f"turnout verify found: {facts.verify.text or facts.verify.verdict}"
    elif any(proof and not proof.current and proof.other_version is None for proof in (facts.verify, facts.export)):
        why = f"the files of version {number} have changed since the last comparison"
    yield from _verify(facts, _partner(facts), why)


def _verify(facts: ModelFacts, partner: str | None, why: str) -> Iterator[NextStep]:
    yield from _start(facts, partner)
    yield from _start(facts, facts.backend)
    if partner is not None:
        yield NextStep(f"turnout verify {facts.model} --against {partner}", why)
    elif facts.recorded:
        yield NextStep(f"turnout verify {facts.model}", f"{why}; {facts.recorded} recorded answers can show it")
    else:
        yield from _install(facts, why)
        why = f"{why}, and the model has no other backend and no recorded answer"
        yield NextStep("turnout record --help", f"{why}: record what a pipeline, or your own arrays, send to {facts.model!r}")


def _install(facts: ModelFacts, why: str) -> Iterator[NextStep]:
    """Yield the installation of a backend that turnout.yaml has options for."""
    for backend, command in facts.missing.items():
        yield NextStep(command, f"{why}; the plugin of {backend!r} is not installed")


def _partner(facts: ModelFacts) -> str | None:
    """Return the backend to compare with or fall back on: preferably a local one, preferably one of the exported version."""
    others = [backend for backend in facts.backends if backend != facts.backend and backend not in facts.missing]
    if facts.backend in facts.sources:
        others = [backend for backend in others if backend not in facts.sources]
    return min(others, key=lambda backend: (backend in facts.remote, backend in facts.sources), default=None)


def _local_fallback(facts: ModelFacts) -> str:
    """Return the local backend to fall back on, preferably one of the exported version."""
    local = [backend for backend in facts.backends if backend not in facts.remote and backend not in facts.missing]
    return min(local, key=lambda backend: backend in facts.sources, default=facts.backend)


def _start(facts: ModelFacts, backend: str | None) -> Iterator[NextStep]:
    if backend is None:
        return
    yield from _configure(facts, backend)
    if backend in facts.unreachable:
        command = facts.serve_commands.get(backend, "turnout check --deep")
        yield NextStep(command, f"the server of {backend!r} does not respond")


def _stay_local(facts: ModelFacts, server_advice: str) -> Iterator[NextStep]:
    """Yield the steps to the exported version in this process, then to a server."""
    local = _partner(facts)
    if facts.backend in facts.sources and local is not None:
        if not facts.has_parity(local):
            yield from _verify(facts, local, f"{local!r} was not compared with {facts.backend!r}")
        yield NextStep(f"turnout switch {facts.model} {local}", f"{local!r} gives the same answers as {facts.backend!r}")
    servers = {backend: command for backend, command in facts.missing.items() if backend in facts.known_servers}
    yield from _install(replace(facts, missing=servers), "the model can move to a server")
    yield NextStep(server_advice, "no server is configured")


def _move(facts: ModelFacts, server: str) -> Iterator[NextStep]:
    """Yield the steps to the server: compare, add a fallback, shadow, give it a share, switch."""
    model = facts.model
    yield from _start(facts, server)
    if not facts.has_parity(server):
        yield from _verify(facts, server, f"{server!r} was not compared with {facts.backend!r} on this version")
    if facts.fallback is None:
        edit = f"write 'fallback: {_local_fallback(facts)}' under models.{model}"
        yield NextStep(edit, "requests must not depend on the server alone")
    if facts.shadowed == server:
        yield from _watch(facts, server)
    if facts.canary != server:
        why = f"the shadow is {_shadow_text(facts)}" if facts.shadowed == server else _shadow_advice(facts, server)
        yield NextStep(f"turnout switch {model} {server} --weight 0.1", why)
    yield NextStep(
        f"turnout switch {model} {server}", f"{server!r} answers {facts.weight:g} of the requests; this gives it all of them"
    )


def _configure(facts: ModelFacts, server: str) -> Iterator[NextStep]:
    """Yield the writing of a configuration that the server needs: before it starts, since it reads that only once."""
    command = f"turnout export {facts.model} --config-only"
    for state in facts.servers:
        if state.backend == server and not state.ok and command in state.text and "--force-config" not in state.text:
            yield NextStep(command, "a server would run the model with other settings than those of turnout.yaml")


def _watch(facts: ModelFacts, server: str) -> Iterator[NextStep]:
    """Yield a step while the shadow is not ready: look into mismatches, or wait."""
    shadow = facts.shadow
    if shadow is not None and shadow.current and shadow.ready:
        return
    if shadow is not None and shadow.current and shadow.verdicts.get("mismatch"):
        yield NextStep(f"turnout verify {facts.model} --against {server}", f"the shadow is {shadow.promotion}")
    yield NextStep("let the app run until the shadow has compared more answers", _shadow_text(facts))


def _shadow_advice(facts: ModelFacts, server: str) -> str:
    shadow = f"'shadow: {{backend: {server}}}' under models.{facts.model}"
    return f"the answers of {server!r} match; {shadow} would compare live answers first"


def _shadow_text(facts: ModelFacts) -> str:
    """Return the state of the shadow's promotion, in one line."""
    if facts.shadow is None:
        return "nothing was compared yet"
    return facts.shadow.promotion if facts.shadow.current else "its results are about other settings or another version"


def _complete(facts: ModelFacts, server: str) -> Iterator[NextStep]:
    """Yield the steps that a served model still needs: a fallback, a proof, batching, a measured latency."""
    model, local = facts.model, _partner(facts)
    if not facts.has_fallback:
        edit = f"write 'fallback: {local}'" if local else "add a local backend, and 'fallback:' with its name,"
        yield NextStep(f"{edit} under models.{model}", f"nothing answers if {server!r} is unavailable")
    yield from _start(facts, server)
    if not facts.has_parity(server):
        yield from _verify(facts, local, f"{server!r} was not compared on this version")
    for state in facts.servers:
        if state.backend == server and not state.ok:
            yield NextStep("turnout check --deep", state.text)
    if not facts.tuning:
        edit = f"write 'dynamic_batching: {{}}' under models.{model}, then turnout export {model} --config-only"
        yield NextStep(edit, "requests are not merged")
    if not facts.has_latency(server):
        other = facts.fallback if facts.has_fallback else local
        edit = f"write 'shadow: {{backend: {other}}}' under models.{model}"
        yield NextStep(edit, "it measures both on live requests, and its latency was not measured yet")
