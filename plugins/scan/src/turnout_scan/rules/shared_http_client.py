"""Clients of ``tritonclient.http`` that several threads use."""

from __future__ import annotations

from collections.abc import Iterator

from turnout_scan.changes.change import Change
from turnout_scan.changes.handles import handle
from turnout_scan.changes.settings import settings_for
from turnout_scan.context.code_base import CodeBase
from turnout_scan.rules.finding import Finding, Rule
from turnout_scan.values.kinds import Bound, Client, Load


def _find(base: CodeBase) -> Iterator[Finding]:
    users: dict[Load, list[str]] = {}
    for module in base.program.modules:
        for call in module.calls:
            value = base.value(call.func, module)
            function = module.function(call)
            if not isinstance(value, Bound) or not isinstance(value.of, Client) or function is None:
                continue
            reached = base.in_threads.get(function)
            if reached is not None and _is_shared(base, value.of.load):
                users.setdefault(value.of.load, []).append(f"{module.file.name}:{module.place(call).line} ({reached.title})")
    for load, places in users.items():
        what = f"one {load.title} is used by several threads, at {', '.join(dict.fromkeys(places[:3]))}"
        yield Finding(load.module, load.call, what, _change(base, load))


def _is_shared(base: CodeBase, load: Load) -> bool:
    """Return whether the client outlives the function that uses it."""
    function = load.module.function(load.call)
    return base.runs_once(load.call, load.module) or function not in base.in_threads


def _change(base: CodeBase, load: Load) -> Change:
    text = "Use the backend triton, whose client threads share; or open one client for each thread, in threading.local()."
    line = f'{handle(base, load.module)}.model("my_model").infer({{"pixel_values": pixel_values}})'
    return Change(text, settings_for(base, load), line)


RULE = Rule(
    "shared-http-client",
    "high",
    "No method of tritonclient.http's client is thread-safe: threads that share one hang without an exception.",
    _find,
)
