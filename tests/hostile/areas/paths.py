"""Paths that come out of a model repository, and links in it: nothing outside is written, removed or published."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from onnx import TensorProto, helper
from tests.hostile.case import Case, Prepare, Trial
from tests.hostile.sandbox import Sandbox

MARK = "# Written by turnout export from turnout.yaml; edit that one. An edited file is kept. sha256: "
VICTIM = "a file of the user\n"
WRITTEN = ("models/m/*", "models/best/*", ".turnout/*")
EITHER = frozenset({0, 1, 2, 3})
_YAML = """\
models:
  m:
    backend: triton
    max_batch_size: 4
    inputs: {x: 'FP32[4]'}
    outputs: {y: 'FP32[4]'}
    backends: {triton: {url: 'localhost:1', repository: models}}
  best:
    backend: onnxruntime
    backends: {onnxruntime: {path: source/best.onnx}, triton: {url: 'localhost:1', repository: models}}
"""


def cases() -> Iterator[Trial]:
    """Yield a case for each name in each field that names a path, and for each link."""
    for member, name in _names().items():
        yield Case(f"paths/warmup_data/{member}", _config(_warmup(name)), _good_config, EITHER, WRITTEN)
        yield Case(f"paths/checked_data/{member}", _config(_warmup(name), "check"), _good_check, EITHER)
        yield Case(f"paths/recorded_hash/{member}", _config("", record={name: _digest(VICTIM)}), _good_config, EITHER, WRITTEN)
        yield Case(f"paths/model_file/{member}", _file_name(name), _good_init, EITHER, ("new.yaml",))
        yield Case(f"paths/weights/{member}", _weights(name), _good_export)
    for member, name in (
        ("of_the_user", "notes.txt"),
        ("the_only_version", "1/model.onnx"),
        ("in_warmup", "warmup/0-mine.0.raw"),
    ):
        yield Case(
            f"paths/recorded_own/{member}", _recorded(name), _good_config, EITHER, ("models/m/config.pbtxt", ".turnout/*")
        )
    for member, name in (("parent", "../m"), ("absolute", "/etc"), ("dot", "."), ("empty", "")):
        yield Case(f"paths/ensemble/{member}", _ensemble(name), _good_init, EITHER, ("new.yaml",))
    for member, prepare in _links().items():
        yield Case(f"paths/link/{member}", prepare, _good_export, EITHER, WRITTEN)


def _names() -> dict[str, str]:
    return {
        "parents": "../../../../outside/victim.txt",
        "parents_of_the_folder": "../../../outside/victim.txt",
        "absolute": "{outside}/victim.txt",
        "through_a_link": "link/victim.txt",
        "link": "victim_link",
        "dots_between": "a/../../../../outside/victim.txt",
        "device": "/dev/zero",
        "nul": "a\\000b",
        "long": "a/" * 3000 + "b",
        "pipe": "pipe",
    }


def _project(sandbox: Sandbox) -> Path:
    """Write turnout.yaml, a model with a version, and links out of its folder; return the model's folder."""
    model = sandbox.work / "models" / "m"
    for folder in (model / "1", model / "warmup", sandbox.work / "source"):
        folder.mkdir(parents=True)
    (sandbox.work / "turnout.yaml").write_text(_YAML)
    _save(model / "1" / "model.onnx")
    _save(sandbox.work / "source" / "best.onnx")
    return model


def _add_links(folder: Path, outside: Path) -> None:
    (folder / "link").symlink_to(outside)
    (folder / "victim_link").symlink_to(outside / "victim.txt")
    os.mkfifo(folder / "pipe")


def _save(file: Path, location: str = "") -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in "xy")
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4], [1.0] * 4)
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if location:
        tensor = model.graph.initializer[0]
        tensor.ClearField("float_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
    file.write_bytes(model.SerializeToString())


def _config(fields: str, command: str = "export", record: dict[str, str] | None = None) -> Prepare:
    """Return a preparation of a config.pbtxt with ``fields``, and with the mark of a generated one."""

    def prepare(sandbox: Sandbox) -> list[str]:
        model = _project(sandbox)
        _add_links(model / "warmup", sandbox.outside)
        _add_links(model, sandbox.outside)
        files = {name.format(outside=sandbox.outside): digest for name, digest in (record or {}).items()}
        noted = f"# Written with it, by SHA-256: {_json(files)}\n" if files else ""
        body = f'{noted}name: "m"\nmax_batch_size: 4\n{fields.replace("{outside}", str(sandbox.outside))}\n'
        (model / "config.pbtxt").write_text(f"{MARK}{_digest(body)}\n{body}")
        return sandbox.turnout("export", "m", "--config-only") if command == "export" else sandbox.turnout("check", "m")

    return prepare


def _recorded(name: str) -> Prepare:
    """Return a preparation in which a stranger's record claims that an export wrote a file of the model's folder."""

    def prepare(sandbox: Sandbox) -> list[str]:
        file = _project(sandbox) / name
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            file.write_text(VICTIM)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        noted = f"# Written with it, by SHA-256: {_json({name: digest})}\n"
        body = f'{noted}name: "m"\nmax_batch_size: 4\n'
        (sandbox.work / "models" / "m" / "config.pbtxt").write_text(f"{MARK}{_digest(body)}\n{body}")
        return sandbox.turnout("export", "m", "--config-only")

    return prepare


def _json(files: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": "{digest}"' for name, digest in files.items()).replace("\\000", "\\u0000") + "}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _warmup(name: str) -> str:
    data = f'inputs {{ key: "x" value {{ data_type: TYPE_FP32 dims: 4 input_data_file: "{name}" }} }}'
    return f'model_warmup {{ name: "w" batch_size: 1 {data} }}'


def _good_config(sandbox: Sandbox) -> list[str]:
    return _config("")(sandbox)


def _good_check(sandbox: Sandbox) -> list[str]:
    model = _project(sandbox)
    (model / "config.pbtxt").write_text('name: "m"\nmax_batch_size: 4\nbackend: "onnxruntime"\n')
    return sandbox.turnout("models")


def _file_name(name: str) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        model = _project(sandbox)
        _add_links(model / "1", sandbox.outside)
        own = name.format(outside=sandbox.outside)
        (model / "config.pbtxt").write_text(f'name: "m"\nbackend: "onnxruntime"\ndefault_model_filename: "{own}"\n')
        return sandbox.turnout("init", "--from-repository", "models", "--config", "new.yaml")

    return prepare


def _good_init(sandbox: Sandbox) -> list[str]:
    _project(sandbox)
    return sandbox.turnout("init", "--from-repository", "models", "--config", "new.yaml")


def _ensemble(name: str) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        model = _project(sandbox)
        tensor = 'name: "x" data_type: TYPE_FP32 dims: 4'
        step = f'step [ {{ model_name: "{name}" model_version: -1 }} ]'
        text = f'platform: "ensemble"\ninput [ {{ {tensor} }} ]\noutput [ {{ {tensor} }} ]\nensemble_scheduling {{ {step} }}\n'
        (model / "config.pbtxt").write_text(text)
        return sandbox.turnout("init", "--from-repository", "models", "--config", "new.yaml")

    return prepare


def _weights(name: str) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        _project(sandbox)
        _add_links(sandbox.work / "source", sandbox.outside)
        _save(sandbox.work / "source" / "best.onnx", name.format(outside=sandbox.outside).replace("\\000", "\0"))
        return sandbox.turnout("export", "best")

    return prepare


def _good_export(sandbox: Sandbox) -> list[str]:
    _project(sandbox)
    return sandbox.turnout("export", "best")


def _links() -> dict[str, Prepare]:
    """Return links, and other things, at places where ``turnout export`` writes or cleans up."""
    links = {
        "config": ("models/m/config.pbtxt", "victim.txt"),
        "dangling_config": ("models/m/config.pbtxt", "new.txt"),
        "state": (".turnout", "."),
        "ignore": (".turnout/.gitignore", "new.txt"),
        "evidence": (".turnout/m.export.json", "victim.txt"),
        "published_evidence": ("models/m/turnout.export.json", "victim.txt"),
        "lock": (".turnout/lock", "victim.txt"),
        "version": ("models/m/2", "."),
        "stage": (".models.publishing-abcdefgh", "."),
        "model_folder": ("models/m", "."),
        "dangling_model_folder": ("models/m", "new"),
        "model_folder_in_a_circle": ("models/m", str(Path("..", "work", "models", "m"))),
    }
    made = {name: _put(_link(place, target)) for name, (place, target) in links.items()}
    # The same places for the other model, which gets a version.
    others = {
        f"{name}_of_a_version": _put(
            _link(place.replace("models/m", "models/best").replace("m.export", "best.export"), target), "best"
        )
        for name, (place, target) in links.items()
    }
    things = {
        "pipe_like_a_stage": _pipe_like_a_stage,
        "folder_like_a_stage": _folder_like_a_stage,
        "deep_folders": _deep_folders,
    }
    return made | others | {f"{name}_{model}": _put(thing, model) for name, thing in things.items() for model in ("m", "best")}


def _link(place: str, target: str) -> Callable[[Sandbox], None]:
    def put(sandbox: Sandbox) -> None:
        link = sandbox.work / place
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.exists():
            link.rename(link.with_name("other"))
        link.symlink_to(sandbox.outside / target)

    return put


def _pipe_like_a_stage(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.work / ".models.publishing-abcdefgh")


def _folder_like_a_stage(sandbox: Sandbox) -> None:
    (sandbox.work / ".models.publishing-abcdefgh" / "version").mkdir(parents=True)
    (sandbox.work / ".models.publishing-abcdefgh" / "mine.txt").write_text("x")


def _deep_folders(sandbox: Sandbox) -> None:
    for model in ("m", "best"):
        (sandbox.work / "models" / model / "/".join("a" * 700)).mkdir(parents=True)


def _put(thing: Callable[[Sandbox], None], model: str = "m") -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        _project(sandbox)
        thing(sandbox)
        return sandbox.turnout("export", model, *(["--config-only"] if model == "m" else []))

    return prepare
