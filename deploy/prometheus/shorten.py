"""Shortens every duration of the rule files, so that an alert which takes minutes fires in seconds: to try them, and for tests.

The expressions stay as they are. Prometheus must scrape and evaluate as much more often::

    python deploy/prometheus/shorten.py --by 60 --into /tmp/rules
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

RULES = Path(__file__).parent
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = r"\d+(?:ms|s|m|h|d)\b"
# In a range, in a subquery, after offset, and in the keys that are durations. Names such as ratio5m stay.
_PLACES = re.compile(rf"(?:(?<=\[)|(?<=\boffset )|(?<=\bfor: )|(?<=\binterval: )){_DURATION}|(?<=:){_DURATION}(?=\])")


def shorten(rules: str, factor: float) -> str:
    """Return the text of a rule file with each duration divided by ``factor``.

    Raises:
        ValueError: a duration would be less than a millisecond.
    """
    return _PLACES.sub(lambda found: _divide(found[0], factor), rules)


def write_shortened(folder: Path, factor: float) -> list[Path]:
    """Write all rule files, shortened, to ``folder``; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sorted(RULES.glob("*.rules.yml")):
        target = folder / source.name
        target.write_text(shorten(source.read_text("utf-8"), factor), "utf-8")
        written.append(target)
    return written


def _divide(duration: str, factor: float) -> str:
    number, unit = re.fullmatch(r"(\d+)(\w+)", duration).groups()  # type: ignore[union-attr]  # _PLACES finds no other text
    milliseconds = round(int(number) * _MILLISECONDS[unit] / factor)
    if milliseconds < 1:
        raise ValueError(f"{duration} divided by {factor:g} is less than a millisecond; choose a smaller --by")
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def main() -> None:
    """Write the shortened files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--by", type=float, default=60, metavar="FACTOR", help="divide each duration by this (60: minutes become seconds)"
    )
    parser.add_argument("--into", type=Path, required=True, metavar="FOLDER", help="the folder for the shortened files")
    given = parser.parse_args()
    if given.by < 1:
        parser.error(f"--by must be 1 or more, got {given.by:g}")
    written = write_shortened(given.into, given.by)
    sys.stdout.write("".join(f"{file}\n" for file in written))


if __name__ == "__main__":
    main()
