"""Every hostile case of the catalogue in ``tests/hostile``, and what it did.

A case is a program that meets one hostile input, in a folder of its own: it must end with a message, within one second and
200 MB more than with a good input, without a traceback, a control character, foreign code, or a change outside its folder.

    python benchmarks/hostile.py                # all areas, in the environment .venvs/direct
    python benchmarks/hostile.py archives names # these areas, and cases whose names begin so
    python benchmarks/hostile.py --list
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.hostile.case import Trial
from tests.hostile.catalogue import every_case


def main() -> int:
    arguments = _arguments()
    cases = [
        case for case in every_case() if not arguments.names or any(_is_below(case.name, name) for name in arguments.names)
    ]
    if arguments.list:
        print("\n".join(case.name for case in cases))
        return 0
    failed = [case.name for case in cases if not _passes(case)]
    print(f"{len(cases)} cases, {len(failed)} with a problem")
    return 1 if failed or not cases else 0


def _passes(case: Trial) -> bool:
    start = time.monotonic()
    with TemporaryDirectory() as folder:
        problems = case.problems(Path(folder))
    print(f"{'ok  ' if not problems else 'FAIL'} {case.name} ({time.monotonic() - start:.1f} s)", flush=True)
    for problem in problems:
        print(f"       {problem}", flush=True)
    return not problems


def _is_below(case: str, name: str) -> bool:
    return case == name or case.startswith(f"{name}/")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="areas and cases to try; all of them if none is named")
    parser.add_argument("--list", action="store_true", help="list the cases and end")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
