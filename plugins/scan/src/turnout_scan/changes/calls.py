"""The line of Python that takes the place of a direct call: a model by its name, or a pipeline that uses it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from turnout_scan.changes.handles import handle
from turnout_scan.changes.names import argument, constant_text, model_name
from turnout_scan.context.code_base import CodeBase, Run
from turnout_scan.program.module import Module
from turnout_scan.values.kinds import Family, Load

_LONGEST = 80
# The report may go to a log.
_SECRET = re.compile(r"token\b|key\b|secret|password|auth|credential", re.IGNORECASE)
_SETTINGS = frozenset(
    {"max_new_tokens", "max_length", "num_beams", "do_sample", "temperature", "top_p", "top_k", "return_dict", "verbose",
     "output_hidden_states", "output_attentions", "conf", "iou", "imgsz", "device", "min_length", "length_penalty",
     "repetition_penalty", "early_stopping", "use_cache", "pad_token_id", "eos_token_id", "num_return_sequences", "batch_size"}
)  # fmt: skip


SPLIT = (
    "Split it: a step prepares the arrays and reads the answer, and the model is a name. "
    "turnout-vision has such steps for pictures."
)
RAW: Mapping[Family, str] = {"pipeline": "image", "ultralytics": "image", "sentence_transformers": "text"}
"""The families whose objects take pictures or texts as they are, by what most of them take; a model takes arrays."""

_TEXT_TASKS = re.compile(
    r"(text-(?!to-(image|video|audio|speech))|token|sentiment|question|table|fill|zero-shot-c|summar|transl|feature)"
)
_SOUND_TASKS = re.compile(r"(audio|automatic-speech|zero-shot-audio)")


def pipeline_call(base: CodeBase, load: Load, module: Module) -> str:
    """Return the line of ``module`` that runs a pipeline of turnout.yaml, in place of an object that prepares its inputs."""
    task = constant_text(base, argument(load, 0, "task"), load.module) if load.family == "pipeline" else None
    kind = RAW.get(load.family, "image")
    if task is not None:
        kind = "audio" if _SOUND_TASKS.match(task) else "text" if _TEXT_TASKS.match(task) else "image"
    call = f'{handle(base, module)}.run("describe", {kind}={kind})'
    return f"{call}  # with a pipeline of turnout.yaml that uses {model_name(base, load)}"


def named_call(base: CodeBase, run: Run) -> str:
    """Return the line that takes the place of ``run``."""
    if run.load.family in RAW:
        return pipeline_call(base, run.load, run.module)
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
