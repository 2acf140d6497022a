"""The functions that frameworks call: for requests, tasks and events of a page, and in threads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from turnout_scan.program.module import Module
from turnout_scan.values.call_sites import HAND_OVERS, last_name
from turnout_scan.values.classes import lineage
from turnout_scan.values.evaluator import Evaluator
from turnout_scan.values.kinds import External, TreeClass, TreeFunction


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A function that something outside of the tree calls again and again.

    Attributes:
        function, module: the function.
        title: what calls it: ``a request handler of flask``.
        threads: whether several threads call it at once.
        requests: whether each request, task or event calls it.
    """

    function: TreeFunction
    title: str
    threads: bool
    requests: bool = True


_VERBS = frozenset(
    {"route", "get", "post", "put", "delete", "patch", "api_route", "websocket", "head", "options", "task", "job"}
)
_ROUTERS = re.compile(
    r"(flask|fastapi|starlette|sanic|quart|bottle|aiohttp|celery|litestar|robyn|falcon|django_ninja|ninja|dramatiq|rq|huey)\b.*"
)
_SHARED_TASK = re.compile(r"(celery\.shared_task|dramatiq\.actor|rq\.decorators\.job)")
_VIEWS = re.compile(
    r"(tornado\.web\.RequestHandler|flask\.views\.\w+|flask_restful\.Resource|rest_framework\.\w+\.\w+|django\.views\..*View"
    r"|starlette\.endpoints\.\w+)"
)
_METHODS = frozenset({"get", "post", "put", "delete", "patch", "head", "dispatch", "dispatch_request"})
_GRADIO: Mapping[str, str] = {"gradio.Interface": "fn", "gradio.ChatInterface": "fn"}
_EVENTS = frozenset({"click", "change", "submit", "upload", "select", "input", "release", "then", "load", "edit", "clear"})
_POOLS = re.compile(
    r"(concurrent\.futures\.ThreadPoolExecutor|multiprocessing\.(pool\.ThreadPool|dummy\.Pool))"
    r"\.(map|submit|imap\w*|starmap|apply_async)"
)


def find_entries(evaluator: Evaluator) -> Iterator[Entry]:
    """Yield the entries of the program."""
    for module in evaluator.program.modules:
        for node in module.scopes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _decorated(evaluator, module, node)
            elif isinstance(node, ast.ClassDef):
                yield from _views(evaluator, module, node)
        for call in module.calls:
            yield from _handed_over(evaluator, module, call)


def _decorated(evaluator: Evaluator, module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Entry]:
    for decorator in node.decorator_list:
        plain = decorator.func if isinstance(decorator, ast.Call) else decorator
        value = evaluator.value(plain, module)
        name = value.name if isinstance(value, External) else ""
        is_route = isinstance(plain, ast.Attribute) and plain.attr in _VERBS
        # Of a router that is not known, such as create_app()'s, only the word that no other object uses.
        if _SHARED_TASK.fullmatch(name) or (
            is_route and (_ROUTERS.fullmatch(name) or (not name and last_name(plain) == "route"))
        ):
            owner = name.partition(".")[0] or "the app"
            task = last_name(plain) in ("task", "shared_task", "actor", "job")
            title = f"a {'task' if task else 'request handler'} of {owner}"
            # Coroutines of one worker share its thread; the processes of celery share nothing.
            threads = isinstance(node, ast.FunctionDef) and not task
            yield Entry(TreeFunction(module, node), title, threads)
            return


def _views(evaluator: Evaluator, module: Module, node: ast.ClassDef) -> Iterator[Entry]:
    if not node.bases:
        return
    bases = [one.name for one in lineage(evaluator, TreeClass(module, node)) if isinstance(one, External)]
    base = next((name for name in bases if _VIEWS.fullmatch(name)), None)
    for one in node.body if base else ():
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name in _METHODS:
            threads = isinstance(one, ast.FunctionDef) and not str(base).startswith("tornado")
            yield Entry(TreeFunction(module, one), f"a request handler of {str(base).partition('.')[0]}", threads)


def _handed_over(evaluator: Evaluator, module: Module, call: ast.Call) -> Iterator[Entry]:
    name = last_name(call.func)
    given = {one.arg: one.value for one in call.keywords}
    value = evaluator.value(call.func, module) if name in _INTERESTING else None
    dotted = value.name if isinstance(value, External) else ""
    if dotted in _GRADIO or (name in _EVENTS and dotted.startswith("gradio.")):
        yield from _entry(evaluator, module, given.get("fn") or next(iter(call.args), None), "an event of gradio")
    elif name in ("Thread", "Timer") and "target" in given:
        yield from _entry(evaluator, module, given["target"], "a thread", requests=False)
    elif name in ("add_url_rule", "add_api_route", "add_route"):
        handler = given.get("view_func") or given.get("endpoint") or next(reversed(call.args), None)
        yield from _entry(evaluator, module, handler, "a request handler")
    elif name in HAND_OVERS and len(call.args) > HAND_OVERS[name]:
        yield from _entry(evaluator, module, call.args[HAND_OVERS[name]], "a pool of threads", requests=False)
    elif _POOLS.fullmatch(dotted) and call.args:
        yield from _entry(evaluator, module, call.args[0], "a pool of threads", requests=False)


_INTERESTING = frozenset(
    {"Interface", "ChatInterface", *_EVENTS, "map", "imap", "imap_unordered", "starmap", "apply_async"}
)  # fmt: skip


def _entry(
    evaluator: Evaluator, module: Module, node: ast.expr | None, title: str, *, requests: bool = True
) -> Iterator[Entry]:
    value = evaluator.value(node, module) if node is not None else None
    if isinstance(value, TreeFunction):
        yield Entry(value, title, isinstance(value.node, ast.FunctionDef | ast.Lambda), requests)
