"""Trees that are wrong in every way: nothing crashes, nothing hangs, and what is not read is listed with its reason."""

from __future__ import annotations

import json
import os
import random
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plugins.scan.marked import lines_found

from turnout_scan.scan import ScanResult, scan
from turnout_scan.sources import walk

GOOD = "import torch\nnet = torch.jit.load('m.pt')\n"


def reasons(result: ScanResult) -> dict[str, str]:
    return {one.file.name: one.reason for one in result.skipped}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with one good file, which every scan must read."""
    (tmp_path / "good.py").write_text(GOOD, "utf-8")
    return tmp_path


FILES: dict[str, tuple[bytes, str]] = {
    "syntax": (b"import torch\ndef f(:\n", "line 2: "),
    "python 2": (b"import torch\nprint 'a'\n", "cannot parse it"),
    "newer python": (b"import torch\ntype X[T: (int, str)] = list[T] ?\n", "cannot parse it"),
    "binary": (bytes(range(256)) * 20, "NUL bytes"),
    "utf-16": ("import torch\n".encode("utf-16"), "NUL bytes"),
    "not utf-8": (b"import torch\nx = '\xff'\n", "line 2 is not utf-8"),
    "unknown encoding": (b"# -*- coding: klingon -*-\nimport torch\n", "encoding is unknown"),
    "a codec that is no text": (b"# coding: rot13\nvzcbeg gbepu\n", "encoding is unknown"),
    "a slow codec": (b"# coding: punycode\n" + b"a" * 100, "for no source"),
    "a codec with a path": (b"# coding: ../../etc/passwd\nimport torch\n", "encoding is unknown"),
    "brackets": (b"import torch\nx = " + b"(" * 5000 + b")" * 5000, "cannot parse it"),
    "operators": (b"import torch\nx = " + b"-" * 100_000 + b"1", "nested too deep"),
    "attributes": (b"import torch\nx = a" + b".b" * 50_000, "nested too deep"),
    "additions": (b"import torch\nx = " + b"a+" * 50_000 + b"a", "nested too deep"),
    "elifs": (b"import torch\nif a: pass\n" + b"elif a: pass\n" * 5000, "nested too deep"),
    "lambdas": (b"import torch\nx = " + b"lambda:" * 20_000 + b"1", "nested too deep"),
    "a long number": (b"import torch\nx = " + b"9" * 10_000, "cannot parse it"),
    "large": (b"import torch\n" + b"x = 1\n" * 400_000, "2097152 bytes at most"),
    "half a character": (b"import torch\nx = '\\ud800'\nnet = torch.jit.load('\\ud800')\n", ""),
    "empty": (b"", ""),
    "a mark of byte order": (b"\xef\xbb\xbfimport torch\n", ""),
    "latin-1": (b"# coding: latin-1\nimport torch\nx = '\xe4'\n", ""),
    "line ends": (b"import torch\r\nx = 1\rnet = torch.jit.load('m')\n\x0c\nclass A: pass\n", ""),
    "no end": (b"import torch # turnout: ignore[", ""),
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_skipped_with_its_reason_and_the_others_are_read(name: str, tree: Path) -> None:
    content, reason = FILES[name]
    (tree / "bad.py").write_bytes(content)

    result = scan([tree])

    assert ("good.py", 2) in {(one.file.name, one.place.line) for one in result.found}
    if name == "elifs" and not result.skipped:
        assert result.files == 2  # newer parsers take them
    elif reason:
        assert reason in reasons(result)["bad.py"]
        assert result.files == 1
    else:
        assert (result.skipped, result.files) == ((), 2)


NOTEBOOKS: dict[str, tuple[str, str]] = {
    "no json": ("{", "no notebook"),
    "a list": ("[]", "no notebook"),
    "cells of another kind": ('{"cells": [1, null, "x", {"cell_type": "code", "source": 3}, {"cell_type": "code"}]}', ""),
    "nested": ("[" * 100_000, ""),
    "code that is wrong": ('{"cells": [{"cell_type": "code", "source": ["def f(:"]}]}', "cannot parse"),
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_hostile_notebook_is_skipped_and_the_others_are_read(name: str, tree: Path) -> None:
    text, _ = NOTEBOOKS[name]
    (tree / "bad.ipynb").write_text(text, "utf-8")

    result = scan([tree])

    assert len(result.found) == 1
    assert set(reasons(result)) <= {"bad.ipynb"}
    assert ("bad.ipynb" in reasons(result)) == (name != "cells of another kind")


def test_a_notebook_has_cells_and_magics(tree: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": "net = torch.jit.load('no')"},
        {"cell_type": "code", "source": ["%pip install torch\n", "import torch\n", "!ls\n", "torch.jit.load?\n"]},
        {"cell_type": "code", "source": "%%bash\nfor x in y; do net(x); done"},
        {"cell_type": "code", "source": "%%time\nnet = torch.jit.load('m.pt')\nfor crop in crops:\n    net(crop)"},
    ]
    (tree / "book.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}), "utf-8")

    result = scan([tree / "book.ipynb"])

    assert {(one.rule, one.place.cell, one.place.line) for one in result.found} == {
        ("direct-call", 4, 4),
        ("loop-over-items", 4, 4),
        ("missing-no-grad", 4, 4),
    }


def test_links_in_circles_end(tree: Path) -> None:
    (tree / "inner").mkdir()
    (tree / "inner" / "loop").symlink_to(tree)
    (tree / "self").symlink_to(tree / "self")
    (tree / "self.py").symlink_to(tree / "self.py")
    (tree / "again.py").symlink_to(tree / "good.py")
    (tree / "gone.py").symlink_to(tree / "nowhere.py")

    result = scan([tree, tree])

    assert len(result.found) == 1
    assert reasons(result).keys() >= {"loop", "self.py", "gone.py"}
    assert result.files == 1


@pytest.mark.timeout(20)
def test_a_pipe_a_device_and_a_folder_named_py_are_not_opened(tree: Path) -> None:
    os.mkfifo(tree / "pipe.py")
    (tree / "null.py").symlink_to("/dev/zero")
    (tree / "folder.py").mkdir()

    result = scan([tree])

    assert len(result.found) == 1
    assert reasons(result) == {"pipe.py": "it is no regular file", "null.py": "it is no regular file"}


def test_folders_of_others_are_listed_and_not_entered(tree: Path) -> None:
    for folder in (".git", "node_modules", "venv", "lib/site-packages", "made", "__pycache__"):
        (tree / folder).mkdir(parents=True)
        (tree / folder / "x.py").write_text(GOOD, "utf-8")
    (tree / "made" / "pyvenv.cfg").touch()
    (tree / "env").mkdir()
    for name in ("__init__.py", "y.py"):
        (tree / "env" / name).write_text(GOOD, "utf-8")

    result = scan([tree])

    assert {one.file.parent.name for one in result.found} == {tree.name, "env"}
    assert reasons(result).keys() == {".git", "node_modules", "venv", "site-packages", "made"}


def test_folders_that_are_nested_deep_are_listed(tree: Path) -> None:
    deep = tree.joinpath(*["d"] * (walk.DEEPEST + 3))
    deep.mkdir(parents=True)
    (deep / "x.py").write_text(GOOD, "utf-8")

    result = scan([tree])

    assert len(result.found) == 1
    assert f"deeper than {walk.DEEPEST}" in reasons(result)["d"]


def test_more_files_than_the_limit_are_not_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MOST_FILES", 3)
    for number in range(5):
        (tree / f"a{number}.py").write_text(GOOD, "utf-8")

    result = scan([tree])

    assert result.files == 3
    assert "more than 3 Python files" in reasons(result)[tree.name]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_cannot_be_read_is_listed(tree: Path) -> None:
    (tree / "secret.py").write_text(GOOD, "utf-8")
    (tree / "secret.py").chmod(0)

    assert "ermission" in reasons(scan([tree]))["secret.py"]


def test_a_name_that_is_not_utf_8_is_a_name(tree: Path) -> None:
    name = os.fsdecode(b"b\xff\x1b[31m.py")
    (tree / name).write_text(GOOD, "utf-8")

    assert name in {one.file.name for one in scan([tree]).found}


CIRCLES: dict[str, dict[str, str]] = {
    "imports": {
        "a.py": "import torch\nfrom b import *\nfrom b import x\nx(1)\n",
        "b.py": "import torch\nfrom a import *\nfrom a import x\n",
    },
    "names": {"a.py": "import torch\nx = y\ny = x\nx(y)\nx = x\nx.to(x)\n"},
    "functions": {"a.py": "import torch\ndef f(g): return g(f)\ndef h(x): return f(h)\nf(f)(h(f))\nx = lambda y: x(y)\nx(x)\n"},
    "classes": {"a.py": "import torch\nclass A(B): ...\nclass B(A):\n    x = property(lambda self: self.x)\nB().x.y(A().x)\n"},
    "attributes": {
        "a.py": (
            "import torch\nclass A:\n    def __init__(self): self.a = self.b; self.b = self.a\n"
            "    def f(self): return self.a(self.f())\n"
        )
    },
    "packages": {
        "p/__init__.py": "import torch\nfrom . import q\nfrom .q import z\n",
        "p/q.py": "import torch\nfrom . import z\nfrom .. import p\nz()\n",
    },
    "containers": {"a.py": "import torch\nx = [x, {'a': x}, *x]\nfor x in x: x(x)\n"},
    "globals": {"a.py": "import torch\ndef f():\n    global f, m\n    m = f = f()\nm()\n"},
    "relative beyond the top": {
        "a.py": "import torch\nfrom .... import x\nfrom ...y import z\nimport a\nfrom a import a\na.a.a(x)\n"
    },
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", CIRCLES)
def test_names_in_circles_end(name: str, tree: Path) -> None:
    for file, text in CIRCLES[name].items():
        (tree / file).parent.mkdir(exist_ok=True)
        (tree / file).write_text(text, "utf-8")

    result = scan([tree])

    assert result.skipped == ()
    assert ("good.py", 2) in {(one.file.name, one.place.line) for one in result.found}


def chain(size: int) -> str:
    return (
        "import torch\nn0 = torch.jit.load('m.pt')\n"
        + "".join(f"n{i} = n{i - 1}\n" for i in range(1, size))
        + f"n{size - 1}(1)\n"
    )


def calls(size: int) -> str:
    lines = "".join(f"def f{i}(x): return f{i - 1}(f{i - 1}(x))\n" for i in range(1, size))
    return f"import torch\ndef f0(x): return torch.jit.load(x)\n{lines}f{size - 1}('m')(1)\n"


def one_name(size: int) -> str:
    return "import torch\ndef get(x): return x\n" + "".join(f"get(get({i}))\n" for i in range(size))


def rebound(size: int) -> str:
    return "import torch\nnet = torch.jit.load('m')\n" + "".join("net = net.eval()\nnet(1)\n" for _ in range(size))


def table(size: int) -> str:
    return (
        "import torch\nx = {"
        + "".join(f"'{i}': torch.jit.load('{i}')," for i in range(size))
        + "}\nfor y in x.values(): y(1)\n"
    )


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("shape", "size"), [(chain, 3000), (calls, 40), (one_name, 5000), (rebound, 1000), (table, 3000)])
def test_the_time_does_not_explode(shape: Callable[[int], str], size: int, tree: Path) -> None:
    (tree / "big.py").write_text(shape(size), "utf-8")
    start = time.process_time()

    result = scan([tree])

    assert time.process_time() - start < 20
    assert result.files == 2


@pytest.mark.timeout(120)
def test_mutated_sources_never_raise(tree: Path) -> None:
    texts = [file.read_bytes() for file in sorted(Path(__file__).parent.glob("rules/test_*.py"))]
    cases = [textwrap.dedent(case.decode()) for text in texts for case in text.split(b'"""')[1::2]]
    chance = random.Random(14)
    for number in range(150):
        lines = "\n".join(chance.choice(cases) for _ in range(3)).split("\n")
        # A line less leaves names unknown; a byte more is mostly a syntax error.
        del lines[chance.randrange(len(lines))]
        content = bytearray("\n".join(lines).encode())
        for _ in range(chance.choice((0, 0, 1, 3))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        (tree / f"m{number}.py").write_bytes(bytes(content))

    result = scan([tree])

    assert result.files + len(result.skipped) == 151
    assert result.files > 15
    assert result.found


def test_nothing_of_the_tree_is_imported_or_run(tree: Path) -> None:
    (tree / "evil.py").write_text(f"import torch\nopen({str(tree / 'ran')!r}, 'w')\nraise SystemExit(3)\n", "utf-8")
    (tree / "torch.py").write_text("raise SystemExit(4)\n", "utf-8")
    before = set(sys.modules)

    scan([tree])

    assert not (tree / "ran").exists()
    assert not {name for name in set(sys.modules) - before if name.partition(".")[0] in ("torch", "evil", "good")}


def test_a_deep_but_legal_file_is_scanned(tree: Path) -> None:
    nested = "".join(f"{' ' * depth}if a:\n" for depth in range(90)) + f"{' ' * 90}net(1)\n"
    (tree / "deep.py").write_text(GOOD + nested + f"x = {'a.b' + '.c' * 700}\ny = {'f(' * 90}net{')' * 90}\n", "utf-8")

    assert ("deep.py", 93) in lines_found(tree, "direct-call")
