"""Texts of strangers on their way to the terminal: in every file, name and answer that a command reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from tests.hostile.case import Case, Prepare
from tests.hostile.hostile_programs import FACTORY, GRPC_SERVER, HTTP_SERVER, PLUGIN, PLUGINS, PROGRAM
from tests.hostile.hostile_texts import FILE_NAMES, TEXTS
from tests.hostile.sandbox import Sandbox

PLAIN = "pipelines: {p: [load_image]}\n"
ONNX = "models: {m: {backend: onnxruntime, backends: {onnxruntime: {path: m.onnx}}}}\n"
PLACES = {
    "key": "%s: 1\n",
    "model": "models: {%s: {}}\n",
    "backend": "models: {m: {backend: %s, backends: {triton: {url: 'x:1'}}}}\n",
    "option": "models: {m: {backend: triton, backends: {triton: {url: 'x:1', %s: 1}}}}\n",
    "url": "models: {m: {backend: triton, backends: {triton: {url: %s}}}}\n",
    "number": "models: {m: {backend: triton, max_batch_size: %s, backends: {triton: {url: 'x:1'}}}}\n",
    "tensor": "models: {m: {backend: triton, inputs: {%s: 'FP99[1]'}, backends: {triton: {url: 'x:1'}}}}\n",
    "datatype": "models: {m: {backend: triton, inputs: {x: %s}, backends: {triton: {url: 'x:1'}}}}\n",
    "step": "pipelines: {p: [%s]}\n",
    "pipeline": "pipelines: {%s: [nothing]}\n",
    "variable": "backend: '${A:-%s}'\nmodels: {m: {}}\n",
}

_WHERE = ("error", "body", "names", "reason")
_COMMANDS = (["status"], ["check", "--deep"], ["bench", "m", "--seconds", "1"], ["models", "--json"])
_STATE = ("turnout.yaml", ".turnout*")
_REFUSED, _ANY = frozenset({1, 2, 3}), frozenset({0, 1, 2, 3})


def cases() -> Iterator[Case]:
    """Yield the cases of this area. Each text is tried in some places: their product would say the same a thousand times."""
    for number, (name, text) in enumerate(TEXTS.items()):
        for place, settings in list(PLACES.items())[number % 9 :: 9]:
            yield _case(f"settings/{place}-{name}", partial(_settings, settings.replace("%s", _yaml_text(text, place))), _plain)
        yield _case(f"server/{_WHERE[number % 4]}-{name}", partial(_http, text, number), _good_http, _STATE, _ANY)
        yield from list(_more_cases(number, name, text))[number % 3 :: 3]
        if number % 2:
            yield _case(f"library/graph-{name}", partial(_graph, text[:3_000]), _good_graph, (), _ANY)
    for number, (name, text) in enumerate(FILE_NAMES.items()):
        usable = text.replace("\x00", "")
        more = ([], ["--json"], ["--out", "o.jsonl"])[number % 3]
        yield _case(f"files/picture-{name}", partial(_pictures, usable, more), _good_pictures, ("o.jsonl",))
        yield _case(f"files/repository-{name}", partial(_repository, usable), _good_repository, ("turnout.yaml",), _ANY)
        if number % 3 == 0:
            yield _case(f"files/settings-{name}", partial(_config_name, usable), _plain)


def _more_cases(number: int, name: str, text: str) -> Iterator[Case]:
    usable = text.replace("\x00", "")
    yield _case(f"files/evidence-{name}", partial(_evidence, text), _status)
    yield _case(f"command/arguments-{name}", partial(_arguments, usable, number), _plain)
    yield _case(f"command/plugin-{name}", partial(_plugin, text), _plain, (), _ANY)
    yield _case(f"program/logged-{name}", partial(_program, text), _good_program)
    if number % 7 == 1:  # it imports torch
        yield _case(f"program/raised-in-a-factory-{name}", partial(_factory, text), _good_factory)
    yield _case(f"server/grpc-{name}", partial(_grpc, usable), _good_http, _STATE)


def _case(name: str, hostile: Prepare, good: Prepare, changes: tuple[str, ...] = (), exits: frozenset[int] = _REFUSED) -> Case:
    return Case(f"terminal/{name}", hostile, good, exits, changes)


def _yaml_text(text: str, place: str) -> str:
    """Return a double-quoted scalar of YAML; inside of the single quotes of the last place there can be no escapes."""
    quoted = json.dumps(text)
    return quoted.strip('"').replace("'", "") if place == "variable" else quoted


def _settings(settings: str, sandbox: Sandbox) -> list[str]:
    (sandbox.work / "turnout.yaml").write_text(settings, "utf-8")
    return sandbox.turnout("check")


def _plain(sandbox: Sandbox) -> list[str]:
    return _settings(PLAIN, sandbox)


def _program(text: str, sandbox: Sandbox) -> list[str]:
    return sandbox.python(PROGRAM, json.dumps(text))


def _good_program(sandbox: Sandbox) -> list[str]:
    return sandbox.python("import turnout; from turnout.errors import InferenceError; print(InferenceError('good'))")


def _factory(text: str, sandbox: Sandbox) -> list[str]:
    (sandbox.work / "text.json").write_text(json.dumps(text), "utf-8")
    (sandbox.work / "makes.py").write_text(FACTORY, "utf-8")
    settings = "models: {m: {backend: direct, backends: {direct: {loader: factory, factory: 'makes:make'}}}}\n"
    (sandbox.work / "turnout.yaml").write_text(settings, "utf-8")
    return sandbox.turnout("check", "--deep")


def _good_factory(sandbox: Sandbox) -> list[str]:
    (sandbox.work / "makes.py").write_text("import torch\nmake = torch.nn.Identity\n", "utf-8")
    tensors = "inputs: {input: 'FP32[2]'}, outputs: {output: 'FP32[2]'}"
    settings = (
        f"models: {{m: {{backend: direct, {tensors}, backends: {{direct: {{loader: factory, factory: 'makes:make'}}}}}}}}\n"
    )
    (sandbox.work / "turnout.yaml").write_text(settings, "utf-8")
    return sandbox.turnout("check", "--deep")


def _http(text: str, number: int, sandbox: Sandbox) -> list[str]:
    return sandbox.python(HTTP_SERVER, json.dumps(text), _WHERE[number % 4], *_COMMANDS[number // 4 % 4])


def _good_http(sandbox: Sandbox) -> list[str]:
    return sandbox.python(HTTP_SERVER, json.dumps("good"), "error", "models")


def _grpc(text: str, sandbox: Sandbox) -> list[str]:
    return sandbox.python(GRPC_SERVER, json.dumps(text), "check", "--deep")


def _evidence(text: str, sandbox: Sandbox) -> list[str]:
    """Both kinds of evidence, with the text wherever a text may be."""
    state = sandbox.work / ".turnout"
    state.mkdir()
    facts = {
        "runtime": text,
        "reference": text,
        "backends": {text: text},
        "files": {text: text},
        "text": text,
        "max_abs_error": {text: 1},
    }
    for topic in ("verify", "export"):
        entry = {"format": 1, "model": "m", "topic": topic, "verdict": text, "at": text, "facts": facts}
        (state / f"m.{topic}.json").write_text(json.dumps(entry), "utf-8")
    (state / "m.shadow.json").write_text(json.dumps({"format": 1, "model": "m", "shadow": text, "primary": text}), "utf-8")
    _status(sandbox)
    return sandbox.turnout("export", text[:50].replace("\x00", "") or "x")


def _status(sandbox: Sandbox) -> list[str]:
    (sandbox.work / "turnout.yaml").write_text(ONNX, "utf-8")
    return sandbox.turnout("status")


def _arguments(text: str, number: int, sandbox: Sandbox) -> list[str]:
    _plain(sandbox)
    text = text[:3_000]
    lines = (
        [text],
        ["check", text],
        ["check", f"--{text}"],
        ["verify", text],
        ["run", text, "x.jpg"],
        ["run", "p", text],
        ["run", "p", "x.jpg", "--set", text],
        ["switch", text, text],
        ["models", "--config", text],
        ["bench", "m", "--seconds", text],
        ["init", text],
    )
    return sandbox.turnout(*lines[number % len(lines)])


def _pictures(name: str, more: list[str], sandbox: Sandbox) -> list[str]:
    (sandbox.work / "turnout.yaml").write_text(PLAIN, "utf-8")
    (sandbox.work / f"{name}.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (sandbox.work / f"{name}.{name}"[:100]).write_bytes(b"no picture")
    return sandbox.turnout("run", "p", ".", *more)


def _good_pictures(sandbox: Sandbox) -> list[str]:
    from PIL import Image

    (sandbox.work / "turnout.yaml").write_text(PLAIN, "utf-8")
    Image.new("RGB", (8, 8)).save(sandbox.work / "a.png")
    return sandbox.turnout("run", "p", ".")


def _repository(name: str, sandbox: Sandbox) -> list[str]:
    """A repository whose folders, files and configuration have the name."""
    config = 'name: "%s" platform: "onnxruntime_onnx" input [{name: "%s" data_type: TYPE_FP32 dims: [-1]}]'
    text = json.dumps(name)[1:-1].replace("\\u", "\\\\u")
    for folder in (name, "plain"):
        (sandbox.work / "r" / folder / "1").mkdir(parents=True)
        (sandbox.work / "r" / folder / "1" / f"{name}.onnx").write_bytes(b"no model")
        (sandbox.work / "r" / folder / "config.pbtxt").write_text(config % (text, text), "utf-8")
    return sandbox.turnout("init", "--from-repository", "r")


def _good_repository(sandbox: Sandbox) -> list[str]:
    from onnx import TensorProto, helper, save

    folder = sandbox.work / "r" / "good"
    (folder / "1").mkdir(parents=True)
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "good", tensors[:1], tensors[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), folder / "1" / "model.onnx")
    texts = (f'{kind} [{{name: "{name}" data_type: TYPE_FP32 dims: [1]}}]' for kind, name in (("input", "x"), ("output", "y")))
    (folder / "config.pbtxt").write_text(f'backend: "onnxruntime" max_batch_size: 1 {" ".join(texts)}', "utf-8")
    return sandbox.turnout("init", "--from-repository", "r")


def _graph(text: str, sandbox: Sandbox) -> list[str]:
    """A graph about whose tensor ONNX Runtime's C++ prints a warning with its name."""
    return _command_with_graph(text, 3, sandbox)


def _good_graph(sandbox: Sandbox) -> list[str]:
    return _command_with_graph("y", 2, sandbox)


def _command_with_graph(name: str, size: int, sandbox: Sandbox) -> list[str]:
    from onnx import TensorProto, helper, save

    tensors = [helper.make_tensor_value_info(text, TensorProto.FLOAT, [rows]) for text, rows in (("x", 2), (name, size))]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], [name])], "g", tensors[:1], tensors[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), sandbox.work / "m.onnx")
    (sandbox.work / "turnout.yaml").write_text(ONNX.replace("m.onnx", "m.onnx, log_severity_level: warning"), "utf-8")
    return sandbox.turnout("check", "--deep")


def _plugin(text: str, sandbox: Sandbox) -> list[str]:
    """A plugin whose import fails with the text, listed by ``turnout plugins``."""
    info = sandbox.work / "site" / "turnout_hostile-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: turnout-hostile\nVersion: 1\n", "utf-8")
    (info / "entry_points.txt").write_text("[turnout]\nhostile = turnout_hostile\n", "utf-8")
    (sandbox.work / "site" / "turnout_hostile.py").write_text(PLUGIN.format(json.dumps(text)), "utf-8")
    return sandbox.python(PLUGINS)


def _config_name(name: str, sandbox: Sandbox) -> list[str]:
    file = sandbox.work / f"{name}.yaml"
    file.write_text("bakend: x\n", "utf-8")
    return sandbox.turnout("check", f"--config={file.name}")
