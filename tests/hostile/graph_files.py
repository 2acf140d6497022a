"""Files of torch that run code: each function returns the content of a ``.pt2`` file whose payload creates ``mark``.

Those in ``RUNS_WHEN_LOADED`` and ``RUNS_WHEN_CALLED`` work with ``torch.export.load`` of torch 2.13; the others try a loader.
"""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

Entries = dict[str, bytes]
GRAPH = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"
SAMPLES = "data/sample_inputs/model.pt"


class Net(torch.nn.Module):
    """A linear layer whose batch is free."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x)


class Creates:
    """An object whose unpickling creates a file."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> Any:
        return os.mknod, (str(self._mark),)


@functools.cache
def good_file() -> bytes:
    """Return a good ``.pt2`` file."""
    stream = io.BytesIO()
    free = {"x": {0: torch.export.Dim("batch")}}
    torch.export.save(torch.export.export(Net().eval(), (torch.ones(2, 4),), dynamic_shapes=free), stream)
    return stream.getvalue()


def entries_of(content: bytes) -> Entries:
    """Return the entries of an archive by their names below its folder."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def archive_of(entries: Entries, root: str = "net") -> bytes:
    """Return the archive of ``entries``."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in entries.items():
            archive.writestr(f"{root}/{name}", data)
    return stream.getvalue()


def changed(change: Callable[[Any], None], entry: str = GRAPH) -> bytes:
    """Return a good file in which ``change`` altered the JSON in ``entry``."""
    entries = entries_of(good_file())
    value = json.loads(entries[entry])
    change(value)
    return archive_of({**entries, entry: json.dumps(value).encode()})


def with_entries(more: Entries) -> bytes:
    """Return a good file with ``more`` entries."""
    return archive_of({**entries_of(good_file()), **more})


def _pickle_of(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def _python(mark: Path) -> str:
    return f"__import__('os').mknod({str(mark)!r})"


def sample_inputs(mark: Path) -> bytes:
    return with_entries({SAMPLES: _pickle_of(Creates(mark))})


def marked_weight(mark: Path) -> bytes:
    entries = entries_of(good_file())
    config = json.loads(entries[WEIGHTS])
    for payload in config["config"].values():
        payload["use_pickle"] = True
        entries[f"data/weights/{payload['path_name']}"] = _pickle_of(Creates(mark))
    return archive_of({**entries, WEIGHTS: json.dumps(config).encode()})


def _constant(record: str, content: bytes, **payload: Any) -> bytes:
    named = {"path_name": record, "is_param": False, "use_pickle": False, "tensor_meta": None, **payload}
    config = json.dumps({"config": {"secret": named}}).encode()
    return with_entries({CONSTANTS: config, f"data/constants/{record}": content})


def opaque_constant(mark: Path) -> bytes:
    import pickle

    # Nothing reads use_pickle of such a constant; True only keeps torch from looking for a tensor first.
    return _constant("opaque_obj_0", pickle.dumps(Creates(mark)), use_pickle=True)


def pickled_constant(mark: Path) -> bytes:
    return _constant("tensor_0", _pickle_of(Creates(mark)), use_pickle=True)


def other_case_of_letters(mark: Path) -> bytes:
    entries = entries_of(good_file())
    del entries[SAMPLES]
    return archive_of({**entries, SAMPLES.upper(): _pickle_of(Creates(mark))})


def legacy_weights(mark: Path) -> bytes:
    return with_entries({"data/weights/model.pt": _pickle_of(Creates(mark))})


def legacy_constants(mark: Path) -> bytes:
    return with_entries({"data/constants/model.pt": _pickle_of(Creates(mark))})


def legacy_format(mark: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("version", "8.20")
        archive.writestr("serialized_exported_program.json", entries_of(good_file())[GRAPH])
        for name in ("state_dict", "constants", "example_inputs"):
            archive.writestr(f"serialized_{name}.pt", _pickle_of(Creates(mark)))
    return stream.getvalue()


def expression(mark: Path) -> bytes:
    def change(graph: Any) -> None:
        for meta in graph["graph_module"]["graph"]["tensor_values"].values():
            for size in meta["sizes"]:
                if "as_expr" in size:
                    size["as_expr"]["expr_str"] = _python(mark)

    return changed(change)


def guard(mark: Path) -> bytes:
    return changed(lambda graph: graph["guards_code"].append(_python(mark)))


def _first_node(graph: Any) -> Any:
    return graph["graph_module"]["graph"]["nodes"][0]


def _call(target: str, texts: dict[str, str]) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        node = json.loads(json.dumps(_first_node(graph)))
        arguments = [{"name": name, "arg": {"as_string": text}, "kind": 1} for name, text in texts.items()]
        node |= {"target": target, "inputs": arguments, "name": "called", "outputs": [{"as_tensor": {"name": "called"}}]}
        graph["graph_module"]["graph"]["nodes"].insert(0, node)
        values = graph["graph_module"]["graph"]["tensor_values"]
        values["called"] = values["linear"]

    return change


def function_of_python(mark: Path) -> bytes:
    return changed(_call("torch.os.mknod", {"path": str(mark)}))


def method_of_operator(mark: Path) -> bytes:
    return changed(_call("_operator.attrgetter", {"name": str(mark)}))


def library(mark: Path) -> bytes:
    return changed(_call("torch.ops.load_library", {"path": f"{mark}.so"}))


def operator_that_writes(mark: Path) -> bytes:
    def change(graph: Any) -> None:
        node = json.loads(json.dumps(_first_node(graph)))
        tensor = {"name": "self", "arg": {"as_tensor": {"name": "x"}}, "kind": 1}
        text = {"name": "mode", "arg": {"as_string": str(mark)}, "kind": 1}
        node |= {"target": "torch.ops.aten.save.default", "inputs": [tensor, text], "name": "saved", "outputs": []}
        graph["graph_module"]["graph"]["nodes"].insert(0, node)

    return changed(change)


def operator_that_maps_a_file(mark: Path) -> bytes:
    def change(graph: Any) -> None:
        inner = graph["graph_module"]["graph"]
        node = json.loads(json.dumps(_first_node(graph)))
        arguments = {"filename": {"as_string": str(mark)}, "shared": {"as_bool": True}, "size": {"as_int": 8}}
        node["inputs"] = [{"name": name, "arg": value, "kind": 1} for name, value in arguments.items()]
        node |= {"target": "torch.ops.aten.from_file.default", "name": "mapped", "outputs": [{"as_tensor": {"name": "mapped"}}]}
        inner["nodes"].insert(0, node)
        inner["tensor_values"]["mapped"] = inner["tensor_values"]["linear"]

    return changed(change)


def _rename(old: str, new: str) -> bytes:
    entries = entries_of(good_file())
    text = entries[GRAPH].decode().replace(f'"name": "{old}"', f'"name": {json.dumps(new)}')
    return archive_of({**entries, GRAPH: text.replace(f'"{old}": {{"dtype"', f'{json.dumps(new)}: {{"dtype"').encode()})


def name_of_a_node(mark: Path) -> bytes:
    return _rename("x", f"x=[{_python(mark)}]")


def name_of_an_argument(mark: Path) -> bytes:
    def change(graph: Any) -> None:
        graph["graph_module"]["module_call_graph"][0]["signature"]["forward_arg_names"] = [f"x=[{_python(mark)}]"]

    return changed(change)


def name_of_a_parameter(mark: Path) -> bytes:
    # A dot would begin the name of a submodule.
    name = f'w"+str(exec(str(bytes({list(_python(mark).encode())}),"ascii")))+"'
    entries = entries_of(good_file())
    new = {key: entries[key].decode().replace('"linear.weight"', json.dumps(name)).encode() for key in (GRAPH, WEIGHTS)}
    return archive_of({**entries, **new})


def _tree(context: Any, kind: str = "builtins.list") -> bytes:
    def change(graph: Any) -> None:
        node = {"type": kind, "context": context, "children_spec": [{"type": None, "context": None, "children_spec": []}]}
        graph["graph_module"]["module_call_graph"][0]["signature"]["out_spec"] = json.dumps([1, node])

    return changed(change)


def enum_of_a_module(mark: Path) -> bytes:
    return _tree(json.dumps({"__enum__": True, "fqn": f"{mark.name}:Kind", "name": "A"}))


def default_of_a_module(mark: Path) -> bytes:
    context = {"default_factory_module": mark.name, "default_factory_name": "Kind", "dict_context": []}
    return _tree(context, "collections.defaultdict")


def key_of_a_sample(mark: Path) -> bytes:
    return with_entries({SAMPLES: _pickle_of(((torch.ones(2, 4),), {f'"+{_python(mark)}+"': torch.ones(1)}))})


def custom_object(mark: Path) -> bytes:
    return _constant("custom_obj_0", b"no TorchScript", use_pickle=True)


def aot_library(mark: Path) -> bytes:
    parts = {"net.wrapper.so": _library(mark), "net.wrapper_metadata.json": json.dumps({"AOTI_DEVICE_KEY": "cpu"}).encode()}
    return with_entries({f"data/aotinductor/model/{name}": data for name, data in parts.items()})


def _library(mark: Path) -> bytes:
    compiler = shutil.which("cc")
    if compiler is None:
        return b"\x7fELF"
    program = f'#include <fcntl.h>\n__attribute__((constructor)) void run(void) {{ creat("{mark}", 0600); }}\n'
    with TemporaryDirectory() as folder:
        library = Path(folder) / "model.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)], input=program.encode(), check=True)
        return library.read_bytes()


def outside_of_the_folder(mark: Path) -> bytes:
    return with_entries({f"data/aotinductor/model/../../../../../../..{mark}": b"x"})


def absolute_name(mark: Path) -> bytes:
    return with_entries({f"{mark}": b"x"})


def backslashes(mark: Path) -> bytes:
    return with_entries({"data\\weights\\weight_0": b"x"})


def record_outside(mark: Path) -> bytes:
    return changed(lambda config: config["config"]["linear.weight"].update(path_name="../../models/model.json"), WEIGHTS)


def two_folders(mark: Path) -> bytes:
    stream = io.BytesIO(good_file())
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("other/models/model.json", b"{}")
    return stream.getvalue()


def twice(mark: Path) -> bytes:
    import warnings

    stream = io.BytesIO(archive_of(entries_of(good_file())))
    with zipfile.ZipFile(stream, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(f"net/{SAMPLES}", _pickle_of(Creates(mark)))
    return stream.getvalue()


def compressed(mark: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries_of(good_file()).items():
            archive.writestr(f"net/{name}", data + bytes(60_000_000 if name == "data/weights/weight_0" else 0))
    return stream.getvalue()


def extra_program(mark: Path) -> bytes:
    return with_entries({"models/other.json": entries_of(good_file())[GRAPH]})


def power(mark: Path) -> bytes:
    return _expression("Pow(Integer(10), Integer(1000000000))")


def tower(mark: Path) -> bytes:
    return _expression("Pow(" * 9 + "Integer(10)" + ", Integer(16))" * 9)


def shift(mark: Path) -> bytes:
    return _expression("LShift(Integer(1), Integer(99999999999))")


def _expression(text: str) -> bytes:
    def change(graph: Any) -> None:
        sizes = graph["graph_module"]["graph"]["tensor_values"]["x"]["sizes"]
        sizes[0]["as_expr"]["expr_str"] = text

    return changed(change)


def deep_expression(mark: Path) -> bytes:
    return _expression("(" * 5_000 + "s0" + ")" * 4_900)


def deep_sum(mark: Path) -> bytes:
    return _expression("-" * 9_000 + "s0")


def many_symbols(mark: Path) -> bytes:
    return changed(lambda graph: graph["range_constraints"].update({"u999999999999": {"min_val": 0, "max_val": 9}}))


def large_memory(mark: Path) -> bytes:
    entries = entries_of(good_file())
    config = json.loads(entries[WEIGHTS])
    config["config"]["linear.weight"]["tensor_meta"]["sizes"] = [{"as_int": 2**20}, {"as_int": 2**14}]
    return archive_of({**entries, WEIGHTS: json.dumps(config).encode(), "data/weights/weight_0": b""})


def deep_json(mark: Path) -> bytes:
    return with_entries({GRAPH: b"[" * 200_000})


def long_json(mark: Path) -> bytes:
    return with_entries({GRAPH: b"[" + b"0," * 2_000_000 + b"0]"})


def key_twice(mark: Path) -> bytes:
    entries = entries_of(good_file())
    return archive_of(
        {**entries, GRAPH: entries[GRAPH][:-1] + b', "guards_code": [' + json.dumps(_python(mark)).encode() + b"]}"}
    )


def no_archive(mark: Path) -> bytes:
    return b"\x1b[2J no archive"


def escapes_in_names(mark: Path) -> bytes:
    return with_entries({"data/\x1b]0;owned\x07": b"x"})


RUNS_WHEN_LOADED = (
    sample_inputs,
    marked_weight,
    opaque_constant,
    pickled_constant,
    other_case_of_letters,
    legacy_weights,
    legacy_constants,
    legacy_format,
    expression,
    name_of_a_node,
    aot_library,
)
"""Torch itself runs the payload of these while it loads the file, or makes a module of it."""
RUNS_WHEN_CALLED = (guard, key_twice, operator_that_maps_a_file, name_of_a_parameter)
"""Torch itself runs the payload of these at the first request."""
OTHERS = (
    function_of_python,
    name_of_an_argument,
    key_of_a_sample,
    twice,
    operator_that_writes,
    method_of_operator,
    library,
    enum_of_a_module,
    default_of_a_module,
    custom_object,
    outside_of_the_folder,
    absolute_name,
    backslashes,
    record_outside,
    two_folders,
    compressed,
    extra_program,
    power,
    tower,
    shift,
    deep_expression,
    deep_sum,
    many_symbols,
    large_memory,
    deep_json,
    long_json,
    no_archive,
    escapes_in_names,
)
