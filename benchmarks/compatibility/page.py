"""docs/reference/compatibility.md: its tables are written from the results of the trials."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from docs.generated_page import with_blocks

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/compatibility.md"
RESULTS = ROOT / "docs/reference/compatibility.json"
COMMAND = "python -m benchmarks.compatibility --page"
TITLES: Mapping[str, str] = {
    "classify": "Classification",
    "detect": "Detection",
    "segment": "Segmentation",
    "estimate_depth": "Depth",
    "embed": "Embeddings of pictures and texts",
    "other": "Points, masks of points, other pictures",
    "generate": "Texts about pictures",
}
FORMATS = {"onnx": "ONNX", "torchscript": "TorchScript"}
RUNS = {"direct": "`direct`", "libtorch": "TorchScript", "onnxruntime": "`onnxruntime`", "triton": "`triton`"}

# The start of a message about the model of a trial.
MODEL = re.compile(r"^model '[^']*'( \([\w ]*\))?:? ")

Result = Mapping[str, Any]


def write(page: Path = PAGE, results: Path = RESULTS) -> int:
    """Write the blocks of the page."""
    page.write_text(written(page.read_text("utf-8"), _read(results)), "utf-8")
    return 0


def check(page: Path = PAGE, results: Path = RESULTS) -> int:
    """Return 1 if the page is not what the results say."""
    text = page.read_text("utf-8")
    if written(text, _read(results)) == text:
        return 0
    print(f"{page} is not what {results} says; run: {COMMAND}", file=sys.stderr)
    return 1


def written(page: str, results: Result) -> str:
    """Return the text of the page with its blocks written from ``results``."""
    return with_blocks(page, {"results": tables(results), "reasons": reasons(results["architectures"])}, COMMAND)


def tables(results: Result) -> Iterator[str]:
    """Yield the lines of the versions, the counts, and one table for each task."""
    found = results["architectures"]
    yield ", ".join(f"{package} {version}" for package, version in results["versions"].items()) + "."
    yield ""
    yield f"{len(found)} architectures; equal to transformers: " + ", ".join(_count(found, run) for run in RUNS) + "."
    for task, title in TITLES.items():
        rows = [result for result in found if result["task"] == task]
        if not rows:
            continue
        yield from ("", f"### {title}", "")
        yield "| class | `direct` | ONNX | TorchScript | `onnxruntime` | `triton` | batches | sizes |"
        yield "|---|---|---|---|---|---|---|---|"
        for result in rows:
            yield f"| `{result['name']}`{_parts(result)} | {' | '.join(_cells(result))} |"


def reasons(found: Sequence[Result]) -> Iterator[str]:
    """Yield one line for each refusal, each failure and each difference."""
    for result in found:
        title = f"`{result['name']}`{_parts(result)}"
        for what, reason in _reasons_of(result):
            yield f"- {title}, {what}: {_plain(reason)}"


def is_wrong(run: Result) -> bool:
    """Return whether a run gave other answers than transformers, failed, or has rows that depend on each other."""
    sizes = run.get("sizes")
    wrong_sizes = isinstance(sizes, Mapping) and sizes["verdict"] in ("different", "failed")
    return run.get("verdict") in ("different", "failed") or "rows_reason" in run or wrong_sizes


def _count(found: Sequence[Result], run: str) -> str:
    equal = sum(1 for result in found if result.get(run, {}).get("verdict") == "equal" and not is_wrong(result[run]))
    return f"{equal} on {RUNS[run]}" if run != "libtorch" else f"{equal} as {RUNS[run]}"


def _parts(result: Result) -> str:
    return str(result["title"]).removeprefix(result["name"])


def _cells(result: Result) -> Iterator[str]:
    if "failure" in result:
        yield from ["no result"] * 7
        return
    yield _figure(result["direct"])
    yield _format_cell(result["onnx"], {})
    yield _format_cell(result["torchscript"], result.get("libtorch", {}))
    yield _figure(result["onnxruntime"])
    served = result.get("triton", {"verdict": "absent"})
    yield _figure(served) + (" (TorchScript)" if served.get("format") == "torchscript" else "")
    yield _batches_cell(result)
    yield _sizes_cell(result)


def _figure(run: Result) -> str:
    if run["verdict"] == "absent":
        return "-"
    if run["verdict"] == "failed":
        return "**fails**"
    difference = run["difference"]
    text = f"{difference:.0e}" if isinstance(difference, float) and difference else str(difference).removesuffix(".0")
    return f"**different**, {text}" if run["verdict"] == "different" else text


def _format_cell(export: Result, run: Result) -> str:
    if export["verdict"] != "written":
        return "refused"
    return "yes" + (f", {_figure(run)}" if run else "")


def _batches_cell(result: Result) -> str:
    runs = [result[run] for run in RUNS if run in result]
    if any("rows_reason" in run for run in runs):
        return "**dependent**"
    return "independent" if any("rows" in run for run in runs) else "-"


def _sizes_cell(result: Result) -> str:
    """Return which sizes the file takes that a server gets: ONNX, or TorchScript where there is no ONNX."""
    if result["direct"].get("sizes", {}).get("verdict") != "equal":
        return "the config's"
    runs = [result[run] for run in ("onnxruntime", "libtorch", "triton") if run in result]
    if any(isinstance(run.get("sizes"), Mapping) and run["sizes"]["verdict"] != "equal" for run in runs):
        return "**wrong for other sizes**"
    free = [title for format, title in FORMATS.items() if result[format].get("sizes") == "free"]
    return {2: "any", 0: "any on `direct`"}.get(len(free), f"any, {''.join(free)} only")


def _reasons_of(result: Result) -> Iterator[tuple[str, str]]:
    if "failure" in result:
        yield "the trial", result["failure"]
        return
    for format, title in FORMATS.items():
        export = result[format]
        if export["verdict"] == "refused":
            yield title, export["reason"]
        elif "free_reason" in export:
            yield f"{title} with free sizes", export["free_reason"]
    for run, title in RUNS.items():
        yield from _faults(result.get(run, {}), title)
    if result["direct"].get("sizes", {}).get("verdict") == "fixed" and result["task"] != "generate":
        yield "other sizes", result["direct"]["sizes"]["reason"]


def _faults(run: Result, title: str) -> Iterator[tuple[str, str]]:
    sizes = run.get("sizes", {})
    if run.get("verdict") == "failed":
        yield title, run["reason"]
    if "rows_reason" in run:
        yield f"{title}, batches", run["rows_reason"]
    if isinstance(sizes, Mapping) and sizes.get("verdict") in ("failed", "different"):
        yield f"{title}, other sizes", sizes.get("reason", f"differs by {sizes.get('difference')}")


def _plain(reason: str) -> str:
    """Return ``reason`` without the name of the trial's model, as code, which Markdown leaves unchanged."""
    return "`" + " ".join(MODEL.sub("", reason).replace("`", "'").split()) + "`"


def _read(results: Path) -> Result:
    found: Result = json.loads(results.read_text("utf-8"))
    return found
