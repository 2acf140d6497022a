"""Names of models for turnout.yaml, and the constants that a load is given."""

from __future__ import annotations

import ast
import re

from turnout_scan.context.code_base import CodeBase
from turnout_scan.program.module import Module
from turnout_scan.values.call_sites import last_name
from turnout_scan.values.factories import passed
from turnout_scan.values.kinds import External, Load, TreeFunction

# They say what every model is.
_EMPTY_NAMES = frozenset(
    {
        "model",
        "net",
        "network",
        "session",
        "sess",
        "ort_session",
        "pipe",
        "pipeline",
        "client",
        "m",
        "_",
        "self",
        "nn",
        "load",
        "create_model",
        "create",
        "get",
        "reader",
        "load_model",
        "new_session",
        "module",
    }
)
_KIND = re.compile(r"(For[A-Z]\w+|Model|InferenceSession|InferenceServerClient)$")
_SOMEWHERE = "path/to"
_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null"})


def model_name(base: CodeBase, load: Load) -> str:
    """Return a name for the model: that of the variable it is assigned to, or of its class."""
    for name in (_assigned_name(load), _file_stem(base, load), _class_name(base, load)):
        cleaned = re.sub(r"\W+", "_", name).strip("_").lower()
        bare = cleaned.removesuffix("_model").removesuffix("_session").removeprefix("model_")
        if bare and bare not in _EMPTY_NAMES and bare[0].isalpha():
            return bare[:60]
    return "my_model"


def class_name(base: CodeBase, load: Load) -> str:
    """Return the name of the class in its own package, whatever the code calls it."""
    value = base.value(load.call.func, load.module) if load.within is None else None
    parts = (value.name if isinstance(value, External) else load.title).split(".")
    return parts[-2] if parts[-1] == "from_pretrained" and len(parts) > 1 else parts[-1]


def constant_text(base: CodeBase, node: ast.expr | None, module: Module, depth: int = 0) -> str | None:
    """Return the text that an expression is: a constant of the tree, or the default of a variable of the environment."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name) and depth < 5:
        return _named_text(base, node.id, module, module.scope(node).node, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        last, folder = (constant_text(base, one, module, depth + 1) for one in (node.right, node.left))
        return f"{folder or _SOMEWHERE}/{last}" if last is not None else None
    if isinstance(node, ast.Call) and node.args:
        name = last_name(node.func)
        if name in ("getenv", "get") and len(node.args) == 2:
            return constant_text(base, node.args[1], module, depth + 1)
        if name in ("Path", "str", "fspath", "PurePath") and len(node.args) == 1:
            return constant_text(base, node.args[0], module, depth + 1)
    return None


def text_within(base: CodeBase, load: Load) -> str | None:
    """Return the path or name that a function loads for the call ``load``, which passes a part of it."""
    inner = load.within
    function = base.value(load.call.func, load.module)
    if inner is None or not inner.call.args or not isinstance(function, TreeFunction):
        return None
    node = inner.call.args[0]
    for one in ast.walk(node):
        given = passed(function, load.call, one.id) if isinstance(one, ast.Name) else None
        text = constant_text(base, given, load.module)
        if text is not None:
            return text if one is node else f"{_SOMEWHERE}/{text}"
    return constant_text(base, node, inner.module)


def keywords_within(load: Load) -> list[ast.keyword]:
    """Return the keywords of the call in the function that ``load`` calls."""
    return load.within.call.keywords if load.within is not None else []


def argument(load: Load, place: int, *names: str) -> ast.expr | None:
    """Return an argument of the load, by place or name."""
    named = next((one.value for one in load.call.keywords if one.arg in names), None)
    return named if named is not None else next(iter(load.call.args[place : place + 1]), None)


def scalar(text: str) -> str:
    """Return ``text`` as it is written in YAML, in one line."""
    import json

    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text)


def _named_text(base: CodeBase, name: str, module: Module, scope_node: ast.AST, depth: int) -> str | None:
    scope = module.scopes.get(scope_node)
    while scope is not None:
        for binding in reversed(scope.names.get(name, [])):
            if binding.how == "value" and not binding.path:
                return constant_text(base, binding.value, module, depth + 1)
            other = base.program.find(module, binding.imported[0]) if binding.how == "import" else None
            if other is not None and other is not module:
                return _named_text(base, binding.imported[1], other, other.source.tree, depth + 1)
        scope = scope.parent
    return None


def _assigned_name(load: Load) -> str:
    for parent, child in load.module.around(load.call):
        if isinstance(parent, ast.Assign):
            target = parent.targets[0]
            return last_name(target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target)
        if isinstance(parent, ast.AnnAssign):
            return last_name(parent.target)
        if isinstance(parent, ast.FunctionDef):
            return re.sub(r"^(_|load|get|make|build|create|init)+_", "", parent.name)
        if isinstance(parent, ast.Dict):
            key = next((key for key, value in zip(parent.keys, parent.values, strict=True) if value is child), None)
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                return key.value
    return ""


def _file_stem(base: CodeBase, load: Load) -> str:
    text = text_within(base, load) if load.within is not None else constant_text(base, argument(load, 0), load.module)
    stem = re.split(r"[/\\]", text.rstrip("/\\"))[-1].rpartition(".") if text else ("", "", "")
    return stem[0] or stem[2]


def _class_name(base: CodeBase, load: Load) -> str:
    name = _KIND.sub("", class_name(base, load))
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
