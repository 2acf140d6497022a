"""A change calls the Turnout app by a name that hides none of the module, and by the same name throughout."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.plugins.scan.marked import write_tree

from turnout_scan.scan import scan

ROOT = Path(__file__).parents[4]
MODEL = """
import torch
from flask import Flask
net = torch.jit.load("net.pt")
app = Flask(__name__)
@app.post("/run")
def run(x): return net(x)
"""
NAMES = {
    "a variable": "service = 1",
    "a variable of a function": "def f():\n    service = 1\n    return service",
    "a parameter": "def f(*, service): return service",
    "a function": "def service(): ...",
    "a class": "class service: ...",
    "an import": "import service.client",
    "an import by another name": "import client as service",
    "an exception": "try: ...\nexcept ValueError as service: ...",
    "a loop": "for service, _ in (): ...",
    "with": "with open('x') as service: ...",
    "a walrus": "print(service := 1)",
    "a match": "match app:\n    case [*service]: ...",
    "the rest of a match": "match app:\n    case {**service}: ...",
    "a global": "def f():\n    global service",
    "a name of nowhere": "print(service)",
    "a comprehension": "rows = [service for service in ()]",
}


def lines(folder: Path) -> list[str]:
    rules = ("load-at-import", "direct-call")
    return [one.change.python for one in scan([folder]).found if one.rule in rules and one.change.python]


def check(folder: Path, name: str, library: str = "turnout") -> None:
    opened, called = lines(folder)
    assert f'\n{name} = {library}.open("turnout.yaml")' in opened
    assert called.startswith(f"{name}.model(")


def test_the_app_of_a_framework_keeps_its_name(tmp_path: Path) -> None:
    write_tree(tmp_path, {"app.py": MODEL})

    check(tmp_path, "service")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_the_module_is_not_taken(name: str, tmp_path: Path) -> None:
    write_tree(tmp_path, {"app.py": f"{MODEL}{NAMES[name]}\n"})

    check(tmp_path, "turnout_app")


@pytest.mark.parametrize("text", ["dict(service=1)", "app.service = 1", "x = 'service'", "services = 1"])
def test_what_is_no_name_of_the_module_takes_none(text: str, tmp_path: Path) -> None:
    write_tree(tmp_path, {"app.py": f"{MODEL}{text}\n"})

    check(tmp_path, "service")


def test_there_is_always_another_name(tmp_path: Path) -> None:
    write_tree(tmp_path, {"app.py": f"{MODEL}service = turnout_app = turnout_app_2 = 1\n"})

    check(tmp_path, "turnout_app_3")


def test_a_star_brings_names(tmp_path: Path) -> None:
    write_tree(
        tmp_path, {"app.py": f"from names import *\n{MODEL}", "names.py": "import torch\nfrom names import *\nservice = 1\n"}
    )

    check(tmp_path, "turnout_app")


def test_a_module_that_opens_turnout_keeps_its_name(tmp_path: Path) -> None:
    write_tree(tmp_path, {"app.py": f'import turnout\nmodels = turnout.open("turnout.yaml")\n{MODEL}'})

    assert [line.partition(".")[0] for line in lines(tmp_path)] == ["models"]


@pytest.mark.parametrize("text", ["turnout = 5", "def turnout(): ...", "import voters as turnout"])
def test_a_module_with_a_turnout_of_its_own(text: str, tmp_path: Path) -> None:
    write_tree(tmp_path, {"app.py": f"{MODEL}{text}\n"})

    check(tmp_path, "service", "turnout_library")


def test_each_line_for_the_apps_before_their_move_binds_a_new_name() -> None:
    for file in sorted(ROOT.glob("examples/*_app/before/app.py")):
        own = {node.id for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Name)}
        opened = [one for one in lines(file.parent) if "turnout.open" in one]
        assert opened
        for text in opened:
            assigned = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
            assert [ast.unparse(node.targets[0]) for node in assigned] == ["service"]
            assert "service" not in own
