"""Names and texts of strangers in what Turnout writes: YAML, comments, protobuf text, commands, names of files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from onnx import TensorProto, helper
from tests.hostile.case import Case, Prepare, Trial
from tests.hostile.sandbox import Sandbox

EITHER = frozenset({0, 1, 2, 3})
# A second model, or a key, in what init wrote is the fault; so is a file that does not load, or one of a refusal.
CHECKED = """
import os, subprocess, sys
allowed = int(sys.argv[1])
done = subprocess.run([os.path.join(os.path.dirname(sys.executable), "turnout"), *sys.argv[2:]])
if not os.path.exists("new.yaml"):
    sys.exit(done.returncode)
if done.returncode:
    sys.exit("FAULT: refused, and new.yaml was left")
from pathlib import Path
from turnout.plugins.discovery import find_plugins
from turnout.settings import load_settings
text = Path("new.yaml").read_text("utf-8")
loaded = load_settings(Path("new.yaml"), registry=find_plugins())
models = loaded.settings.models
if len(models) > allowed or "evil" in models:
    os.abort()
if any(set(model.backends) - {"triton", "onnxruntime", "direct"} for model in models.values()):
    os.abort()
for (name, backend), options in loaded.backend_options.items():
    path = getattr(options, "path", None)
    if getattr(options, "factory", None) or (path and not Path(path).exists()):
        os.abort()
for line in text.splitlines():
    if line.lstrip().startswith(("evil", "factory")) or (line.lstrip().startswith("#") and len(line) > 450):
        os.abort()
"""
_EVIL = "x\\n  evil:\\n    backends: {direct: {factory: 'os:abort'}}\\n  #"
"""A text that, as it is in a block of YAML, is a model whose factory runs."""


def cases() -> Iterator[Trial]:
    """Yield a case for each place from which ``turnout init`` and other commands write foreign texts.

    Texts share a case where one does not hide another: a repository has a model for each. Some have their own besides.
    """
    names = [name for name in _texts().values() if _is_file_name(name)]
    texts = [name for name in names if "\udcff" not in name]
    yield _init("together", "files", len(texts), _files(texts), "--", *map(_file, texts))
    yield _init("together", "a_name_that_is_no_text", 1, _files(["a\udcffb"]), "--", _file("a\udcffb"))
    yield _init("together", "models", len(names) + 1, _models(names), "--from-repository=models")
    yield _init("together", "tensors", len(_texts()) + 1, _tensors(), "--from-repository=models")
    yield _init("together", "numbers", len(_numbers()) + 1, _configs(_numbers()), "--from-repository=models")
    for member in _LINES:
        name = _texts()[member]
        yield _init("model", member, 2, _models([name]), "--from-repository=models")
        yield _init("repository", member, 1, _repository(name), f"--from-repository={name}")
        yield Case(f"names/export/{member}", _export(name), _good_export, EITHER, ("models/*", ".turnout/*"))
    for member in _SHELL:
        yield Case(f"names/command/{member}", _command(_texts()[member]), _good_command, EITHER, (".turnout/*",))
    for member, config in _strings().items():
        yield _init("config", member, 2, _configs({"hostile": config}), "--from-repository=models")
    for member, content in _checkpoints().items():
        yield _init("checkpoint", member, 1, _checkpoint(content), "ckpt")


_LINES = ("line_break", "carriage_return", "next_line", "line_separator", "surrogate", "variable")
_SHELL = (
    "line_break",
    "double_quote",
    "single_quote",
    "shell",
    "substitution",
    "backquote",
    "option",
    "space",
    "four_kilobytes",
)


def _texts() -> dict[str, str]:
    return {
        "line_break": _EVIL.replace("\\n", "\n"),
        "carriage_return": _EVIL.replace("\\n", "\r"),
        "next_line": _EVIL.replace("\\n", "\x85"),
        "line_separator": _EVIL.replace("\\n", "\u2028"),
        "paragraph_separator": _EVIL.replace("\\n", "\u2029"),
        "form_feed": _EVIL.replace("\\n", "\x0c"),
        "tab": "a\tb",
        "single_quote": "a'b",
        "double_quote": 'a"b',
        "backslash_n": "a\\nb",
        "backslash": "a\\",
        "comment": "a #b",
        "colon": "a: b",
        "dollar": "x$y",
        "variable": "${HOME}",
        "variable_with_default": "${NO_SUCH:-x}",
        "dollars": "$$x$$",
        "no": "no",
        "null": "null",
        "tilde": "~",
        "exponent": "1e3",
        "octal": "0o17",
        "date": "2020-01-01",
        "infinity": ".inf",
        "merge": "<<",
        "equals": "=",
        "anchor": "&a",
        "alias": "*a",
        "tag": "!!python/object/apply:os.abort []",
        "document": "---",
        "document_end": "...",
        "directive": "%YAML 1.1",
        "flow": "{a: [b",
        "block": "|",
        "question": "? a",
        "dash": "- a",
        "option": "--help",
        "space": " ",
        "escape": "a\x1b[2Jb",
        "delete": "a\x7fb",
        "c1": "a\x9bb",
        "right_to_left": "a\u202egnp.exe",
        "zero_width": "a\u200bb",
        "byte_order_mark": "\ufeffa",
        "no_character": "a\uffffb",
        "emoji": "a\U0001f600b",
        "surrogate": "a\udcffb",
        "accents": "größe",
        "pile": "a" + "\u0301" * 60,
        "shell": "a; touch ../outside/executed",
        "substitution": "$(touch ../outside/executed)",
        "backquote": "`touch ../outside/executed`",
        "percent": "%s%n%(x)s{0}{name}",
        "long": "n" * 250,
        "four_kilobytes": "n" * 4096,
        "nul": "a\0b",
        "parent": "../outside/executed",
        "empty": "",
    }


def _is_file_name(name: str) -> bool:
    try:
        return name not in {"", ".", ".."} and "/" not in name and "\0" not in name and len(os.fsencode(name)) < 251
    except UnicodeEncodeError:
        return False


def _file(name: str) -> str:
    return f"{name}.onnx"


def _init(kind: str, member: str, models: int, prepare: Callable[[Sandbox], None], *arguments: str) -> Case:
    """Return a case of ``turnout init``, of which at most so many ``models`` may come."""

    def command(sandbox: Sandbox) -> list[str]:
        prepare(sandbox)
        return sandbox.python(CHECKED, str(models), "init", "--config", "new.yaml", *arguments)

    return Case(f"names/{kind}/{member}", command, _good_init, EITHER, ("new.yaml",))


def _good_init(sandbox: Sandbox) -> list[str]:
    _models([])(sandbox)
    return sandbox.python(CHECKED, "1", "init", "--config", "new.yaml", "--from-repository", "models")


def _files(names: Sequence[str]) -> Callable[[Sandbox], None]:
    def prepare(sandbox: Sandbox) -> None:
        for name in names:
            _save(sandbox.work / _file(name))

    return prepare


def _models(names: Sequence[str]) -> Callable[[Sandbox], None]:
    def prepare(sandbox: Sandbox) -> None:
        for name in ("good", *names):
            _save(sandbox.work / "models" / name / "1" / "model.onnx")

    return prepare


def _repository(name: str) -> Callable[[Sandbox], None]:
    return lambda sandbox: _save(sandbox.work / name / "good" / "1" / "model.onnx")


def _tensors() -> Callable[[Sandbox], None]:
    def prepare(sandbox: Sandbox) -> None:
        for member, name in _texts().items():
            _save(sandbox.work / "models" / member / "1" / "model.onnx", _text(name))

    return prepare


def _configs(texts: Mapping[str, str]) -> Callable[[Sandbox], None]:
    def prepare(sandbox: Sandbox) -> None:
        _models(list(texts))(sandbox)
        for member, text in texts.items():
            (sandbox.work / "models" / member / "config.pbtxt").write_bytes(text.encode("utf-8", "surrogateescape"))

    return prepare


def _checkpoint(content: str) -> Callable[[Sandbox], None]:
    def prepare(sandbox: Sandbox) -> None:
        (sandbox.work / "ckpt").mkdir()
        (sandbox.work / "ckpt" / "config.json").write_bytes(content.encode("utf-8", "surrogateescape"))
        (sandbox.work / "ckpt" / "model.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")

    return prepare


def _export(name: str) -> Prepare:
    """Return the preparation of an export that writes config.pbtxt with tensors of this name, and reads it again."""

    def prepare(sandbox: Sandbox) -> list[str]:
        _save(sandbox.work / "best.onnx", _text(name))
        (sandbox.work / "turnout.yaml").write_text(
            "models:\n  m:\n    backend: onnxruntime\n    backends:\n      onnxruntime: {path: best.onnx}\n"
            "      triton: {url: 'localhost:1', repository: models}\n"
        )
        return sandbox.python(EXPORTED, _text(name).encode("utf-8", "replace").hex())

    return prepare


def _good_export(sandbox: Sandbox) -> list[str]:
    return _export("x")(sandbox)


EXPORTED = """
import os, subprocess, sys
done = subprocess.run([os.path.join(os.path.dirname(sys.executable), "turnout"), "export", "m"])
if os.path.exists("models/m/config.pbtxt"):
    from pathlib import Path
    from turnout_triton.repository.config_file import read_config
    config = read_config(Path("models/m/config.pbtxt")).config
    if [tensor.name for tensor in config.input] != [bytes.fromhex(sys.argv[1]).decode()] or len(config.output) != 1:
        os.abort()
    if config.parameters or config.backend not in ("", "onnxruntime"):
        os.abort()
sys.exit(done.returncode)
"""


def _command(name: str) -> Prepare:
    """Return the preparation of commands that get ``name``, after which a shell gets the commands that messages suggest."""

    def prepare(sandbox: Sandbox) -> list[str]:
        _good_export(sandbox)
        return sandbox.python(TYPED, name)

    return prepare


def _good_command(sandbox: Sandbox) -> list[str]:
    _good_export(sandbox)
    return sandbox.python(TYPED.replace("max(codes)", "0"), "x")


TYPED = """
import os, subprocess, sys
turnout, name = os.path.join(os.path.dirname(sys.executable), "turnout"), sys.argv[1]
codes = []
init = ["init", "--config=new.yaml"]
for words in (["switch", name, "triton"], ["switch", "m", name], [*init, name], [*init, "--from-repository", name]):
    done = subprocess.run([turnout, *words], stderr=subprocess.PIPE)
    sys.stderr.buffer.write(done.stderr)
    codes.append(done.returncode)
    for line in done.stderr.decode("utf-8", "replace").splitlines():
        step = line.removeprefix("next: ")
        # A turnout that does nothing: whatever else the suggested line runs is the fault.
        if step != line and "turnout" in step:
            subprocess.run(["/bin/sh", "-c", step.replace(turnout, ":")], capture_output=True)
sys.exit(max(codes))
"""


def _text(name: str) -> str:
    # A name in protobuf is UTF-8; ONNX Runtime refuses an empty one.
    return name.encode("utf-8", "replace").decode()


def _quoted(text: str) -> str:
    """Return ``text`` as a text of protobuf's, with every byte escaped."""
    return '"' + "".join(f"\\{byte:03o}" for byte in text.encode("utf-8", "surrogateescape")) + '"'


_IO = 'input { name: "x" data_type: TYPE_FP32 dims: 4 }\noutput { name: "y" data_type: TYPE_FP32 dims: 4 }\n'
_HEAD = f'backend: "onnxruntime"\nmax_batch_size: 4\n{_IO}'


def _strings() -> dict[str, str]:
    """Return configs with texts that could become another line, a variable or a command."""
    evil = _quoted(_EVIL.replace("\\n", "\n"))
    io, head = _IO, _HEAD
    return {
        "name": f"name: {evil}\n{head}",
        "backend": f"backend: {evil}\n{io}",
        "platform": f"platform: {evil}\n{io}",
        "default_model_filename": f"{head}default_model_filename: {evil}\n",
        "input": f'backend: "onnxruntime"\ninput {{ name: {evil} data_type: TYPE_FP32 dims: 4 }}\n',
        "output_of_a_plan": f'platform: "tensorrt_plan"\ninput {{ name: {evil} data_type: TYPE_FP32 dims: 4 }}\n{io}',
        "label_filename": f'{head}output {{ name: "z" data_type: TYPE_FP32 dims: 4 label_filename: {evil} }}\n',
        "parameter": f"{head}parameters {{ key: {evil} value {{ string_value: {evil} }} }}\n",
        "variable_in_a_parameter": f'{head}parameters {{ key: "${{HOME}}" value {{ string_value: "${{HOME}} $$ $x" }} }}\n',
        "metric_tag": f"{head}metric_tags {{ key: {evil} value: {evil} }}\n",
        "profile": f"{head}instance_group {{ kind: KIND_GPU profile: {evil} }}\n",
        "accelerator": f"{head}optimization {{ execution_accelerators {{ gpu_execution_accelerator {{ name: {evil} }} }} }}\n",
        "warmup": f"{head}model_warmup {{ name: {evil} batch_size: 1 }}\n",
        "comment": f"# {_EVIL}\n{head}",
        "comment_with_carriage_returns": "# a\r  evil:\r    backends: {}\n" + head,
        "syntax_error": _EVIL.replace("\\n", "\n"),
        "unknown_field": f"{head}evil {{ factory: {evil} }}\n",
        "no_text": f"{head}# \udcff\udcfe\n",
        "byte_order_mark": "\ufeff" + head,
        "escape": f"{head}\x1b]0;owned\x07",
        "empty": "",
        "long_name": f"name: {_quoted('n' * 500_000)}\n",
        "long_key": f"{head}parameters {{ key: {_quoted('n' * 500_000)} value {{ string_value: 'x' }} }}\n",
        "many_parameters": head
        + "".join(f'parameters {{ key: "{n}" value {{ string_value: "x" }} }}\n' for n in range(20_000)),
        "ensemble": f'platform: "ensemble"\n{io}ensemble_scheduling {{ step {{ model_name: {evil} model_version: -1 }} }}\n',
        "ensemble_of_a_variable": f'platform: "ensemble"\n{io}ensemble_scheduling {{ step [ '
        '{ model_name: "${HOME}" model_version: -1 }, { model_name: "$x" model_version: -1 } ] }\n',
    }


def _numbers() -> dict[str, str]:
    """Return configs with numbers that do not fit their fields, or turnout.yaml."""
    io, head = _IO, _HEAD
    numbers = ("-1", "0", "2147483648", "9223372036854775807", "18446744073709551616", "1e9")
    fields = {
        "max_batch_size": "max_batch_size: <n>\n" + io,
        "delay": head + "dynamic_batching { max_queue_delay_microseconds: <n> }\n",
        "preferred": head + "dynamic_batching { preferred_batch_size: [ <n>, <n> ] }\n",
        "levels": head + "dynamic_batching { priority_levels: <n> default_priority_level: <n> }\n",
        "queue": head + "dynamic_batching { default_queue_policy { max_queue_size: <n> default_timeout_microseconds: <n> } }\n",
        "count": head + "instance_group { count: <n> gpus: [ <n> ] }\n",
        "version": head + "version_policy { specific { versions: [ <n> ] } }\n",
        "latest": head + "version_policy { latest { num_versions: <n> } }\n",
        "dims": 'backend: "onnxruntime"\ninput { name: "x" data_type: TYPE_FP32 dims: [ <n>, <n>, <n> ] }\n',
        "level": head + "optimization { graph { level: <n> } }\n",
    }
    return {f"{name}_{n}": text.replace("<n>", n) for name, text in fields.items() for n in numbers}


def _checkpoints() -> dict[str, str]:
    evil = _EVIL
    return {
        "architecture": f'{{"architectures": ["{evil}"], "model_type": "{evil}"}}',
        "auto_map": '{"auto_map": {"AutoModel": "evil.py--x.Y"}, "model_type": "x"}',
        "labels": f'{{"id2label": {{"0": "{evil}", "1": "\\u001b[2J"}}}}',
        "surrogate": '{"model_type": "\\ud800"}',
        "not_json": evil,
        "no_text": "\udcff\udcfe",
        "deep": "[" * 100_000,
        "empty": "",
    }


def _save(file: Path, name: str = "x") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    x, y = (helper.make_tensor_value_info(one, TensorProto.FLOAT, ["batch", 4]) for one in (name, "y"))
    weights = helper.make_tensor("w of y", TensorProto.FLOAT, [4], [1.0] * 4)
    graph = helper.make_graph([helper.make_node("Add", [name, "w of y"], ["y"])], "g", [x], [y], [weights])
    file.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())
