"""Everything that Turnout does on a CUDA device, on one of them, in less than eight minutes after the packages are installed.

Runs on a bare machine with Python 3.11 and pip: it makes an environment of its own, in ``.venvs/gpu``. Each part has its own
process and its own time; one that hangs or breaks CUDA ends alone. The JSON has the figures, the versions, and the reason for
each part that did not run.

    make gpu-check                                   # or: python3 benchmarks/gpu_check.py
    TORCH_INDEX="--index-url <an index>" make gpu-check
    python benchmarks/gpu_check.py --here            # in this environment, with the packages that it has
    python benchmarks/gpu_check.py --here --dry      # on the CPU, tiny: shows that every part runs

The exit code is 0; 1 if a part failed; 2 if there is no CUDA device, or the environment cannot be made.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
import venv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venvs" / "gpu"
# The longest that each part may take, in seconds; 7 minutes and 40 seconds in all.
PARTS = {
    "precision": 120,
    "device_tensors": 30,
    "batching": 110,
    "instances": 60,
    "onnxruntime_cuda": 50,
    "memory": 70,
    "gpu_metrics": 20,
}
DRY_SECONDS = 120
TAIL = 2_000


def main() -> int:
    arguments = _arguments()
    if arguments.part:
        return run_part(arguments.part, arguments.result, dry=arguments.dry)
    if not arguments.here:
        return _again_in_environment()
    facts = look()
    print(facts["line"], flush=True)
    record: dict[str, Any] = {"started": datetime.now(UTC).isoformat(timespec="seconds"), "dry": arguments.dry, **facts}
    chosen = arguments.parts or list(PARTS)
    if facts["device"] is None and not arguments.dry:
        record["parts"] = {name: {"status": "not run", "reason": facts["line"]} for name in chosen}
        return _write(arguments.out, record, 2)
    record["parts"] = {name: watched(name, dry=arguments.dry) for name in chosen}
    failed = [name for name, part in record["parts"].items() if part["status"] == "failed"]
    print(f"\n{len(failed)} of {len(chosen)} parts failed{': ' if failed else ''}{', '.join(failed)}")
    return _write(arguments.out, record, 1 if failed else 0)


# ---- the environment


def _again_in_environment() -> int:
    """Make the environment where it is missing, and run this script in it."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / ".done").exists():
        print(f"installing into {ENVIRONMENT}", flush=True)
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        bound = ["--constraint", str(ROOT / "constraints.txt")]
        index = shlex.split(os.environ.get("TORCH_INDEX", ""))
        plugins = [str(ROOT / "plugins" / name) for name in ("direct", "vision")]
        steps = [
            [*pip, *bound, *index, "torch"],
            [*pip, *bound, "-e", f"{ROOT / 'core'}[gpu]", *(word for plugin in plugins for word in ("-e", plugin))],
            # Without its dependency, the CPU wheel: both wheels are one module.
            [*pip, "--no-deps", "-e", str(ROOT / "plugins" / "onnxruntime")],
        ]
        if any(subprocess.run(step, check=False).returncode for step in steps):
            print("the environment cannot be made; see pip's message above", file=sys.stderr)
            return 2
        if subprocess.run([*pip, "onnxruntime-gpu"], check=False).returncode:
            print("no onnxruntime-gpu for this machine: its part will say so", flush=True)
            subprocess.run([*pip, *bound, "onnxruntime"], check=False)
        (ENVIRONMENT / ".done").touch()
    return subprocess.run([str(python), __file__, "--here", *sys.argv[1:]], check=False).returncode


def look() -> dict[str, Any]:
    """Return the device and the versions, read in a process of its own: CUDA must not start in this one."""
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import gpu_check; gpu_check.print_facts()"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    if ran.returncode:
        reason = ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else f"exit code {ran.returncode}"
        return {"device": None, "versions": {"python": platform.python_version()}, "line": f"torch cannot be used: {reason}"}
    return json.loads(ran.stdout.splitlines()[-1])


def print_facts() -> None:
    """Print what ``look`` returns."""
    from importlib.metadata import PackageNotFoundError, version

    import torch

    def version_of(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    packages = ("torch", "transformers", "onnxruntime", "onnxruntime-gpu", "numpy", "turnout")
    versions: dict[str, Any] = {name: version_of(name) for name in packages}
    versions |= {"python": platform.python_version(), "cuda": torch.version.cuda}
    if not torch.cuda.is_available():
        line = f"no CUDA device: torch {torch.__version__} finds none (nvidia-smi shows what the driver finds)"
        print(json.dumps({"device": None, "versions": versions, "line": line}))
        return
    found = torch.cuda.get_device_properties(0)
    device = {"name": found.name, "memory_megabytes": found.total_memory // 10**6, "count": torch.cuda.device_count()}
    device |= {"capability": f"{found.major}.{found.minor}", "driver": _driver()}
    versions["cudnn"] = torch.backends.cudnn.version()
    line = f"{found.name}, driver {device['driver']}, CUDA {torch.version.cuda}, torch {torch.__version__}"
    print(json.dumps({"device": device, "versions": versions, "line": line}))


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError as error:
        return f"unknown: {error}"
    return ran.stdout.split("\n")[0].strip() or "unknown"


# ---- the parts


def watched(name: str, *, dry: bool) -> dict[str, Any]:
    """Run a part in a process of its own, within its time, and return what belongs in the record."""
    start, limit = time.monotonic(), DRY_SECONDS if dry else PARTS[name]
    with tempfile.TemporaryDirectory() as folder:
        result, log = Path(folder) / "result.json", Path(folder) / "log"
        command = [sys.executable, __file__, "--part", name, "--result", str(result), *(["--dry"] * dry)]
        with log.open("w") as output:
            try:
                code = subprocess.run(command, stdout=output, stderr=output, timeout=limit, check=False).returncode
                fault = f"its process ended with {code}"
            except subprocess.TimeoutExpired:
                fault = f"it was not done after {limit} s"
        part = json.loads(result.read_text()) if result.exists() else {"status": "failed", "reason": fault}
        if part["status"] == "failed":
            part["output"] = log.read_text(errors="replace")[-TAIL:]
    part["seconds"] = round(time.monotonic() - start, 1)
    print(f"\n{name}: {part['status']} in {part['seconds']} s {part.get('reason', '')}".rstrip(), flush=True)
    print("\n".join([*part.pop("lines", []), *part.get("notes", []), *part.get("output", "").splitlines()]), flush=True)
    return part


def run_part(name: str, result: Path, *, dry: bool) -> int:
    """Run a part in this process and write its result."""
    found = outcome(name, dry=dry)
    # Whole or not at all: the time may end while it is written.
    unfinished = result.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(found))
    unfinished.rename(result)
    return 0


def outcome(name: str, *, dry: bool) -> dict[str, Any]:
    """Return the result of a part: passed, failed or not run, with its figures or the reason."""
    sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
    import importlib
    import traceback
    from dataclasses import asdict

    from gpu_parts.place import NotRunError, Place, use_sources

    use_sources()
    place = Place("cpu", "tiny") if dry else Place("cuda", "base")
    try:
        found = importlib.import_module(f"gpu_parts.{name}").run(place)
    except NotRunError as reason:
        return {"status": "not run", "reason": str(reason)}
    except Exception as error:  # noqa: BLE001  # the record has every failure
        traceback.print_exc()
        return {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
    # A dry run has sizes and a device that the bars are not for.
    missed = [] if dry else [one.measure for one in found.measured if not one.met]
    figures = [asdict(one) | {"met": one.met} for one in found.measured]
    more = {"measured": figures, "notes": list(found.notes), "lines": [str(one) for one in found.measured]}
    return (
        {"status": "failed", "reason": f"over its bar: {', '.join(missed)}", **more} if missed else {"status": "passed", **more}
    )


def _write(file: Path, record: dict[str, Any], code: int) -> int:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written: {file}")
    return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--here", action="store_true", help="in this environment, not in one of its own")
    parser.add_argument("--dry", action="store_true", help="tiny sizes on the CPU")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "gpu-check.json", help="where the JSON goes")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
