"""Count the findings of ``turnout scan`` in folders, such as packages of site-packages, with the CPU seconds.

    python benchmarks/scan_packages.py .venvs/direct/lib/python3.11/site-packages/rich [FOLDER...]

Each finding is printed with its line of code, so that a person can judge it.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from turnout_scan.scan import scan


def main(folders: list[str]) -> None:
    for folder in map(Path, folders):
        start = time.process_time()
        result = scan([folder])
        seconds = time.process_time() - start
        for one in result.found:
            line = one.file.read_text("utf-8", errors="replace").split("\n")[one.place.line - 1].strip()
            print(f"  {one.rule}  {one.file.relative_to(folder)}:{one.place.line}  {line[:100]}")
        counts = dict(Counter(one.rule for one in result.found))
        total = f"{result.files} files, {len(result.skipped)} skipped, {len(result.found)} found"
        print(f"{folder.name}: {total} {counts}, {seconds:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
