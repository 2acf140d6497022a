"""The agreement of a config with an ONNX file, by the rules of Triton's own backend.

It compares datatypes, the sizes of an input that the file fixes, and all sizes of an output. A container must not refuse what a
laptop serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from turnout_triton.server.hosted.onnx_config import DATATYPES

Entry = Mapping[str, Any]


def check_agreement(config: Mapping[str, Any], inputs: Sequence[Any], outputs: Sequence[Any], file: Path) -> None:
    """Raise ValueError if Triton's own backend would not load ``file``, whose nodes are ``inputs`` and ``outputs``."""
    batched = int(config["max_batch_size"]) > 0
    declared = {entry["name"] for entry in config["input"]}
    missing = [node.name for node in inputs if declared and node.name not in declared]
    if missing:
        raise ValueError(f"config.pbtxt does not declare input {missing[0]!r} of {str(file)!r}; add it to config.pbtxt")
    for kind, entries, nodes in (("input", config["input"], inputs), ("output", config["output"], outputs)):
        _check_side(kind, entries, nodes, file, batched=batched)


def _check_side(kind: str, entries: Iterable[Entry], nodes: Sequence[Any], file: Path, *, batched: bool) -> None:
    by_name = {node.name: node for node in nodes}
    for entry in entries:
        node = by_name.get(entry["name"])
        if node is None:
            continue
        datatype = DATATYPES.get(node.type, node.type)
        given = _dims(entry, batched=batched)
        sizes = [size if isinstance(size, int) and size >= 0 else -1 for size in node.shape]
        if datatype != entry["data_type"] or not _fits(given, sizes, exact=kind == "output", batched=batched):
            raise ValueError(
                f"config.pbtxt declares {kind} {entry['name']!r} as {entry['data_type']} {given}, {str(file)!r} has {datatype} "
                f"{sizes}, and NVIDIA's backend compares {'them exactly' if kind == 'output' else 'what the file fixes'}; "
                f"correct config.pbtxt{', or outputs in turnout.yaml if the file is wrong' if kind == 'output' else ''}"
            )


def _dims(entry: Entry, *, batched: bool) -> list[int]:
    """Return the shape that the backend gets, batch axis included."""
    dims = entry["reshape"].get("shape", []) if "reshape" in entry else entry["dims"]
    return [*([-1] if batched else []), *(int(size) for size in dims)]


def _fits(given: list[int], sizes: list[int], *, exact: bool, batched: bool) -> bool:
    # ONNX Runtime reports no sizes both for rank 0 and for an unknown rank.
    if not sizes or (given == [-1, 1] and len(sizes) == 1 and batched):
        return True
    if batched and sizes[0] != -1:
        return False
    return len(given) == len(sizes) and all(
        ours == size or (size == -1 and not exact) for ours, size in zip(given, sizes, strict=True)
    )
