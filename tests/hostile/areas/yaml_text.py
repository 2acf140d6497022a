"""Texts of turnout.yaml, and mappings, that a parser, a message or a substitution may not survive."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.case import Case, Prepare, Trial
from tests.hostile.sandbox import Sandbox

GOOD = "backend: direct\nmodels:\n  m: {backends: {direct: {loader: torchscript, path: m.pt}}}\n"
LINE = 65_000
LINES = 49_000
_OPEN = "import json, sys, turnout, turnout.errors\n{build}\ntry: turnout.open(values)\n{catch}\n"
_CATCH = "except turnout.errors.TurnoutError as error: print(error, file=sys.stderr); sys.exit(2)"


def cases() -> Iterator[Trial]:
    """Yield a case for each text, each environment, each mapping, and each edit."""
    for member, text in _texts().items():
        yield Case(f"yaml_text/text/{member}", _file(text), _models)
    for member, (text, variables) in _environments().items():
        # The addresses of servers are options of a plugin, which reads them when it is to use them.
        command = "check" if member == "url" else "models"
        yield Case(f"yaml_text/variable/{member}", _file(text, variables, command), _models)
    for member, build in _mappings().items():
        yield Case(f"yaml_text/mapping/{member}", _program(build), _good_program)
    yield Case(
        "yaml_text/edit/switch_a_long_file",
        _switch("    # x\n" * 40_000),
        _switch("    # x\n" * 40_000),
        frozenset({0}),
        ("turnout.yaml", ".turnout/*"),
    )
    equal, different = _switch_back("    # x\n" * 40_000), _switch_back("".join(f"    # {n}\n" for n in range(40_000)))
    yield Case("yaml_text/edit/back_over_equal_lines", equal, different, frozenset({0, 1, 2, 3}), ("*",))


def _texts() -> dict[str, str]:
    return _sizes() | _constructs() | _numbers() | _many()


def _sizes() -> dict[str, str]:
    return {
        "megabytes": "a: 1\n" * 3_000_000,
        "comments_only": "# nothing here\n",
        "million_comments": "#\n" * 1_000_000,
        "null_only": "null\n",
        "ends_of_documents": "...\n" * LINES,
        "empty_lines": "a: 1\n" + "\n" * LINES + "b: 2\n",
        "million_empty_lines": "a: 1\n" + "\n" * 1_000_000 + "b: 2\n",
        "long_line": "a: " + "b" * 900_000 + ": c\n",
        "long_key": f'? "{"k" * LINE}"\n: 1\n',
        "long_model": f"models:\n  ? {'m' * LINE}\n  : {{}}\n",
        "long_backend": f"backend: {'b' * LINE}\n" + GOOD.partition("\n")[2],
        "long_variable_name": f"backend: ${{{'A' * LINE}}}\n",
        "long_default": f"backend: ${{A:-{'b' * LINE}}}\n",
        "dollars": f"backend: '{'$' * LINE}'\n",
        "folded": "backend: >\n" + "  abcdefghijkl\n" * LINES,
        "quoted_lines": 'backend: "a\n' + "  \\u0041\\u0041\n" * LINES + '"\n',
        "escaped_breaks": 'a: "' + "\\\n" * LINES + '"\n',
        "block_chomp": "a: |+\n" + "\n" * LINES,
        "spaces": f"a:{' ' * LINE}\n" * 15,
        "tabs": "\t" * LINE + "a",
    }


def _constructs() -> dict[str, str]:
    return {
        "anchor": f"&{'a' * LINE} x\n",
        "many_anchors": "".join(f"- &a{number} x\n" for number in range(10_000)),
        "alias": f"a: *{'a' * LINE}\n",
        "tag": f"!<{'a' * LINE}> x\n",
        "verbatim_tag_of_python": "a: !!python/object/apply:os.system ['id']\n",
        "merge_key": "a: {<<: {b: 1}}\n",
        "merge_tower": "".join(f"a{number}: {{<<: [*b, *b]}}\n" for number in range(1000)),
        "directives": "%FOO bar\n" * 40_000 + "---\na: 1\n",
        "yaml_directive": f"%YAML {'1' * LINE}.2\n---\na: 1\n",
        "tag_directive": f"%TAG ! {'1' * LINE}\n---\na: 1\n",
        "documents": "---\n" * 10_000,
        "brackets": "[" * LINE,
        "braces": "{" * LINE,
        "brackets_and_commas": "a: " + "[" * 20 + "," * 10_000,
        "dashes": "- " * 30_000 + "a\n",
        "question_marks": "? " * 30_000 + "a\n",
        "colons": ": " * 30_000 + "\n",
        "keys_without_values": "{" + "a " * 30_000 + "\n",
        "unclosed_quote": "a: '" + "x\n" * LINES,
        "unclosed_bracket": "a: [\n" + "'a',\n" * 15_000,
        "indents": "".join(" " * number + "a:\n" for number in range(1000)),
        "surrogate": 'a: "\\ud800"\n',
        "too_large_character": 'a: "\\UFFFFFFFF"\n',
        "byte_order_marks": "\ufeff\ufeffa: 1\n",
        "next_line": "a: 1\x85b: \u2028c\u2029: 2\n",
        "directions": "a: \u202eevil\u202c\n\u2066b: 1\n",
        "escape_codes": 'backend: "\\e[2J\\e]0;title\\a"\n',
        "nul_character": "a: \0\n",
        "key_with_escapes": '"\\e[2J\\r\\n": 1\n',
        "model_with_a_line_break": 'models:\n  "m\\nbackend: evil": {}\n',
    }


def _numbers() -> dict[str, str]:
    texts = {
        "integer": "9" * LINE,
        "hexadecimal": f"0x{'f' * LINE}",
        "float": f"1e{'9' * LINE}",
        "infinite": "1e99999",
        "nan": ".nan",
        "negative": "-1",
        "of_thirty_digits": "9" * 30,
        "date": "2001-12-14t21:59:43.10-05:00",
        "base_60": "190:20:30",
        "truth": "yes",
    }
    named = {f"number_{name}": f"executor_threads: {text}\n{GOOD}" for name, text in texts.items()}
    buckets = ", ".join(["1e308"] * 9_000)
    return named | {"many_numbers": f"metrics: {{latency_buckets_seconds: [{buckets}]}}\n{GOOD}"}


def _many() -> dict[str, str]:
    model = "backends: {direct: {loader: torchscript, path: x}}"
    models = "".join(f"  model_{number:04}: {{{model}}}\n" for number in range(700))
    sizes = ",".join(["1"] * 30_000)
    return {
        "unknown_keys": "".join(f"k{number:05}: 1\n" for number in range(4_900)),
        "keys_twice": "a: 1\n" * 4_900,
        "keys_that_are_numbers": "".join(f"{number}: 1\n" for number in range(4_900)),
        "values": "a: [" + "a," * 25_000 + "]\n",
        "bad_names": "models:\n" + "".join(f"  _{number}: {{}}\n" for number in range(4_000)),
        "backends": "models:\n  a:\n    backend: b5x\n    backends:\n" + "".join(f"      b{n}: {{}}\n" for n in range(4_900)),
        "steps": "pipelines:\n  p:\n" + "".join(f"    - load_imag{number}\n" for number in range(4_900)),
        "near_names": f"backend: direct\nmodels:\n{models}pipelines:\n  p:\n"
        + "".join(f"    - caption: {{model: modl_{number:04}}}\n" for number in range(700)),
        "axes": f"models:\n  m:\n    {model}\n    inputs:\n" + "".join(f"      a{n}: 'FP32[{sizes}]'\n" for n in range(15)),
        "tensors": f"models:\n  m:\n    {model}\n    inputs:\n" + "".join(f"      a{number}: x\n" for number in range(4_900)),
        "tolerances": f"models:\n  m:\n    {model}\n    tolerance:\n" + "".join(f"      a{n}: x\n" for n in range(4_900)),
    }


def _environments() -> dict[str, tuple[str, dict[str, str]]]:
    many = "".join(f"  m{number}: {{backend: '${{A}}'}}\n" for number in range(2000))
    url = "models:\n  m: {backend: triton, backends: {triton: {url: '${A}'}}}\n"
    return {
        "used_often": (f"backend: '{'${A}' * 2000}'\n", {"A": "x" * 100_000}),
        "used_often_and_short": (f"backend: '{'${A}' * 2000}'\n", {"A": "x" * 1000}),
        "in_many_models": (f"models:\n{many}", {"A": "xyz " * 10_000}),
        "name_of_a_backend": (f"backend: ${{A}}\n{GOOD.partition(chr(10))[2]}", {"A": "x" * 60_000}),
        "escape_codes": (f"backend: ${{A}}\n{GOOD.partition(chr(10))[2]}", {"A": "\x1b[2J"}),
        "yaml": ("backend: ${A}\nmodels: {}\n", {"A": "x\nmodels: {m: {backend: evil}}"}),
        "url": (url, {"A": f"http://{'x' * 60_000}:1e999"}),
    }


def _mappings() -> dict[str, str]:
    tower = "values = {}\nfor _ in range(20): values = {f'k{number}': values for number in range(10)}"
    return {
        "tower": tower,
        "tower_of_lists": "values = []\nfor _ in range(20): values = [values] * 10\nvalues = {'models': values}",
        "itself": "values = {}; values['models'] = values",
        "huge_number": "values = {'executor_threads': 10**5000}",
        "huge_number_as_key": "values = {10**5000: 1}",
        "long_text": "values = {'backend': 'x' * 50_000_000}",
        "long_key": "values = {'x' * 50_000_000: 1}",
        "dollars": "values = {'backend': '$$' * 500_000}",
        "half_a_character": "values = {'models': {chr(0xd800): {}}}",
        "nan": "values = {'executor_threads': float('nan')}",
        "bytes": "values = {'backend': bytes(1000)}",
        "deep": "values = json.loads('[' * 900 + ']' * 900); values = {'models': values}",
        "no_text": "class Silent:\n  def __repr__(self): raise KeyError('x')\nvalues = {'models': Silent(), Silent(): 1}",
    }


def _file(text: str, variables: dict[str, str] | None = None, command: str = "models") -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        (sandbox.work / "turnout.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        set_variables = [f"{name}={value}" for name, value in (variables or {}).items()]
        return ["env", *set_variables, *sandbox.turnout(command)]

    return prepare


def _models(sandbox: Sandbox) -> list[str]:
    return _file(GOOD, {"A": "direct"})(sandbox)


def _program(build: str) -> Prepare:
    return lambda sandbox: sandbox.python(_OPEN.format(build=build, catch=_CATCH))


def _good_program(sandbox: Sandbox) -> list[str]:
    return sandbox.python(_OPEN.format(build="values = {'backend': 'direct', 'models': {}}", catch=_CATCH))


def _switch(comments: str) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        (sandbox.work / "turnout.yaml").write_text(_two_backends(comments))
        return sandbox.turnout("switch", "m", "onnxruntime", "--force")

    return prepare


def _two_backends(comments: str) -> str:
    options = "      direct: {loader: torchscript, path: m.pt}\n      onnxruntime: {path: m.onnx}\n"
    return f"models:\n  m:\n    backend: direct\n{comments}    backends:\n{options}"


def _switch_back(comments: str) -> Prepare:
    """Return a command that switches, edits two distant lines, and switches back."""
    program = (
        "import pathlib, subprocess, sys\n"
        "file = pathlib.Path('turnout.yaml')\n"
        "subprocess.run([*sys.argv[1:], 'onnxruntime', '--force'], check=True)\n"
        "lines = file.read_text().splitlines(True); lines[5] = lines[20_000] = '    # y\\n'; file.write_text(''.join(lines))\n"
        "sys.exit(subprocess.run([*sys.argv[1:], '--back']).returncode)"
    )

    def prepare(sandbox: Sandbox) -> list[str]:
        _switch(comments)(sandbox)
        return sandbox.python(program, *sandbox.turnout("switch", "m"))

    return prepare
