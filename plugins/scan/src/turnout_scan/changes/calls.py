"""The line of Python that calls a model by its name, in place of a direct call."""

from __future__ import annotations

import ast
import re

from turnout_scan.changes.handles import handle
from turnout_scan.changes.names import model_name
from turnout_scan.context.code_base import CodeBase, Run

_LONGEST = 80
# The report may go to a log.
_SECRET = re.compile(r"token\b|key\b|secret|password|auth|credential", re.IGNORECASE)
_SETTINGS = frozenset(
    {"max_new_tokens", "max_length", "num_beams", "do_sample", "temperature", "top_p", "top_k", "return_dict", "verbose",
     "output_hidden_states", "output_attentions", "conf", "iou", "imgsz", "device", "min_length", "length_penalty",
     "repetition_penalty", "early_stopping", "use_cache", "pad_token_id", "eos_token_id", "num_return_sequences", "batch_size"}
)  # fmt: skip


def named_call(base: CodeBase, run: Run) -> str:
    """Return the line that takes the place of ``run``."""
    key = '["generated_ids"]' if run.method == "generate" else ""
    return f'{handle(base, run.module)}.model("{model_name(base, run.load)}").infer({_inputs(run)}){key}'


def _inputs(run: Run) -> str:
    call = run.call
    if run.load.family == "onnxruntime":
        feed = (
            call.args[1] if len(call.args) > 1 else next((one.value for one in call.keywords if one.arg == "input_feed"), None)
        )
        return short_source(feed, "inputs")
    spread = next((one.value for one in call.keywords if one.arg is None), None)
    if spread is not None:
        return f"dict({short_source(spread, 'inputs')})"
    named = [(one.arg, one.value) for one in call.keywords if one.arg not in _SETTINGS and not _SECRET.search(str(one.arg))]
    positional = [(_name(one, place), one) for place, one in enumerate(call.args) if not isinstance(one, ast.Starred)]
    pairs = ", ".join(f'"{name}": {short_source(value, str(name))}' for name, value in [*positional, *named])
    return f"{{{pairs}}}"


def _name(node: ast.expr, place: int) -> str:
    return node.id if isinstance(node, ast.Name) else ("input" if place == 0 else f"input_{place}")


def short_source(node: ast.expr | None, otherwise: str) -> str:
    """Return the source of ``node``, or ``otherwise`` if it is long or may hold a secret."""
    if node is None or any(isinstance(one, ast.keyword) and _SECRET.search(one.arg or "") for one in ast.walk(node)):
        return otherwise
    try:
        text = ast.unparse(node)
    except RecursionError:
        return otherwise
    return text if len(text) <= _LONGEST and "\n" not in text else otherwise
