"""The call of a session's engine, without the Python around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from turnout import ModelSignature

_CPU = ["CPUExecutionProvider"]


def engine_run(session: Any, signature: ModelSignature) -> Callable[..., list[Any]]:
    """Return ``run(output_names, inputs, run_options)`` of ``session``.

    ``InferenceSession.run`` (1.32) looks again for missing inputs and for tensors of other devices, which costs 1 us a call,
    and 2 us with cold caches. So on the CPU, without optional inputs, its engine is called directly; else ``run`` is, and also
    if a release keeps its engine elsewhere.
    """
    engine: Any = getattr(session, "_sess", None)
    has_optional = any(spec.optional for spec in signature.inputs)
    is_direct = hasattr(engine, "run") and session.get_providers() == _CPU and not has_optional
    run: Callable[..., list[Any]] = engine.run if is_direct else session.run
    return run
