"""Texts of strangers on their way to the terminal: in every file, name and answer that a command reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from tests.hostile.case import Case, Prepare
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
SERVER = """
import json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

text, where = json.loads(sys.argv[1]), sys.argv[2]
class Hostile(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        status, body = 400, {"error": text}
        if where == "body":
            status, body = 500, text
        if where == "names" and "/v2" in self.path:
            status, body = 200, {"name": text, "versions": [text], "platform": text, "ready": True, "extensions": [text],
                "inputs": [{"name": text, "datatype": text, "shape": [-1]}],
                "outputs": [{"name": text, "datatype": "FP32", "shape": [-1]}]}
        body = (body if isinstance(body, str) else json.dumps(body)).encode("utf-8", "surrogatepass")
        self.send_response(status, "" if where != "reason" else text.replace("\\r", " ").replace("\\n", " ")[:200].encode("latin1", "replace").decode("latin1"))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *arguments):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
threading.Thread(target=server.serve_forever, daemon=True).start()
open("turnout.yaml", "w").write(
    "models: {m: {backend: triton, backends: {triton: {url: 'http://127.0.0.1:%d', repository: none}}}}" % server.server_port)
from turnout.cli import main
main(sys.argv[3:])
"""
GRPC = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import grpc

text = json.loads(sys.argv[1])
class Hostile(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: context.abort(grpc.StatusCode.INTERNAL, text))
server = grpc.server(ThreadPoolExecutor(4), handlers=[Hostile()])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
open("turnout.yaml", "w").write(
    "models: {m: {backend: triton, backends: {triton: {url: '127.0.0.1:%d', repository: none}}}}" % port)
from turnout.cli import main
main(sys.argv[2:])
"""
FACTORY = """
import json, pathlib, warnings
text = json.loads(pathlib.Path("text.json").read_text())
def make():
    warnings.warn(text)
    raise type(text[:100].replace("\\0", "") or "X", (Exception,), {})(text)
"""
PROGRAM = """
import json, logging, sys
import turnout
from turnout.errors import InferenceError
text = json.loads(sys.argv[1])
logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
log = logging.getLogger("turnout.middleware.outage_log")
log.warning("failed: %s", text)
log.warning("failed: " + text.replace("%", "%%"))
try:
    try:
        raise ValueError(text)
    except ValueError as error:
        raise InferenceError(f"failed: {error}", next_step=text) from error
except InferenceError as error:
    print(error)
    print(repr(error))
    log.error("again", exc_info=False)
    sys.exit(2 if len(sys.argv) > 1 else 0)
"""


def cases() -> Iterator[Case]:
    """Yield the cases of this area."""
    for name, text in TEXTS.items():
        quoted = json.dumps(json.dumps(text))[1:-1].replace("\\\\", "\\").replace('\\"', '"')
        for place, settings in PLACES.items():
            # Each text in a place or two: their product would say the same two hundred times.
            if (sum(map(ord, name)) + len(place)) % 5 == 0:
                yield _case(
                    f"settings/{place}-{name}", partial(_settings, settings.replace("%s", _yaml_text(quoted, place))), _plain
                )
        yield _case(f"program/{name}", partial(_program, text), _good_program)
        if name in ("forged", "long"):  # each of them imports torch
            yield _case(f"program/factory-{name}", partial(_factory, text), _good_factory)
    for number, (name, text) in enumerate(TEXTS.items()):
        where = ("error", "body", "names", "reason")[number % 4]
        commands = (["status"], ["check", "--deep"], ["bench", "m", "--seconds", "1"], ["models", "--json"])
        yield _case(
            f"http/{where}-{name}",
            partial(_http, text, where, commands[number // 4 % 3]),
            _good_http,
            changes=("turnout.yaml", ".turnout*"),
            exits={0, 1, 2, 3},
        )
        if number % 3 == 0 and "\x00" not in text:
            yield _case(f"grpc/{name}", partial(_grpc, text), _good_http, changes=("turnout.yaml", ".turnout*"))
        yield _case(f"evidence/{name}", partial(_evidence, text), _status)
        yield _case(f"arguments/{name}", partial(_arguments, text.replace("\x00", ""), number), _plain)
    for number, (name, text) in enumerate(FILE_NAMES.items()):
        usable = text.replace("\x00", "")
        yield _case(
            f"pictures/{name}",
            partial(_pictures, usable, ["run", "p", ".", *([], ["--json"], ["--out", "o.jsonl"])[number % 3]]),
            _good_pictures,
            changes=("o.jsonl",),
        )
        yield _case(
            f"repository/{name}", partial(_repository, usable), _good_repository, changes=("turnout.yaml",), exits={0, 1, 2, 3}
        )
        yield _case(f"plugin/{name}", partial(_plugin, text), _plain, exits={0, 1, 2})
        yield _case(f"config/{name}", partial(_config_name, usable), _plain)


def _case(name: str, hostile: Prepare, good: Prepare, changes: tuple[str, ...] = (), exits: set[int] | None = None) -> Case:
    return Case(f"terminal/{name}", hostile, good, frozenset(exits or {1, 2, 3}), changes=changes)


def _yaml_text(quoted: str, place: str) -> str:
    """Return a double-quoted scalar of YAML; inside of the single quotes of the last place there can be no escapes."""
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


def _http(text: str, where: str, command: list[str], sandbox: Sandbox) -> list[str]:
    return sandbox.python(SERVER, json.dumps(text), where, *command)


def _good_http(sandbox: Sandbox) -> list[str]:
    return sandbox.python(SERVER, json.dumps("good"), "error", "models")


def _grpc(text: str, sandbox: Sandbox) -> list[str]:
    return sandbox.python(GRPC, json.dumps(text), "check", "--deep")


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


def _pictures(name: str, command: list[str], sandbox: Sandbox) -> list[str]:
    (sandbox.work / "turnout.yaml").write_text(PLAIN, "utf-8")
    (sandbox.work / f"{name}.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (sandbox.work / f"{name}.{name}"[:100]).write_bytes(b"no picture")
    return sandbox.turnout(*command)


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
    folder = sandbox.work / "r" / "good"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.onnx").write_bytes(b"")
    tensors = 'input [{name: "x" data_type: TYPE_FP32 dims: [1]}] output [{name: "y" data_type: TYPE_FP32 dims: [1]}]'
    (folder / "config.pbtxt").write_text(f'backend: "onnxruntime" max_batch_size: 1 {tensors}', "utf-8")
    return sandbox.turnout("init", "--from-repository", "r")


def _plugin(text: str, sandbox: Sandbox) -> list[str]:
    """A plugin whose import fails with the text, listed by ``turnout plugins``."""
    info = sandbox.work / "site" / "turnout_hostile-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: turnout-hostile\nVersion: 1\n", "utf-8")
    (info / "entry_points.txt").write_text("[turnout]\nhostile = turnout_hostile\n", "utf-8")
    code = f"import json, logging\ntext = json.loads({json.dumps(text)!r})\nlogging.getLogger('turnout_hostile').warning(text)\nraise ImportError(text)\n"
    (sandbox.work / "site" / "turnout_hostile.py").write_text(code, "utf-8")
    program = "import sys; sys.path.insert(0, 'site'); sys.dont_write_bytecode = True\nfrom turnout.cli import main\nmain(sys.argv[1:])"
    return sandbox.python(program, "plugins")


def _config_name(name: str, sandbox: Sandbox) -> list[str]:
    file = sandbox.work / f"{name}.yaml"
    file.write_text("bakend: x\n", "utf-8")
    return sandbox.turnout("check", f"--config={file.name}")
