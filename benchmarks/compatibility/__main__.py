"""Try each architecture on each backend, and write docs/reference/compatibility.json and its page.

    python -m benchmarks.compatibility              # all that have no result yet, one process each; about 25 s each
    python -m benchmarks.compatibility --again Detr # those whose name contains it, once more
    python -m benchmarks.compatibility --page       # only the page, from the results
    python -m benchmarks.compatibility --check      # exits with 1 if the page is not what the results say

In the environment .venvs/direct, in the root of the repository. A run that was ended goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.compatibility import campaign, page
from benchmarks.compatibility.listed import ARCHITECTURES


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="append", default=[], metavar="PART", help="Try these once more.")
    parser.add_argument("--only", action="append", default=[], metavar="PART", help="Try no others.")
    parser.add_argument("--work", type=Path, default=campaign.ROOT / "out/compatibility", help="The folder of single results.")
    parser.add_argument("--seconds", type=float, default=campaign.Limits().seconds, help="The limit for one architecture.")
    parser.add_argument("--jobs", type=int, default=1, help="How many run at the same time.")
    parser.add_argument("--page", action="store_true", help="Only write the page.")
    parser.add_argument("--check", action="store_true", help="Only compare the page with the results.")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    limits = campaign.Limits(seconds=given.seconds)
    if given.one:
        campaign.run_one(next(one for one in ARCHITECTURES if one.title == given.one), given.out, limits)
        return 0
    if not (given.page or given.check):
        chosen = [one for one in ARCHITECTURES if not given.only or any(part in one.title for part in given.only)]
        campaign.run_all(chosen, given.work, limits, again=tuple(given.again), jobs=given.jobs)
        campaign.merge(ARCHITECTURES, given.work, campaign.RESULTS)
    return page.check() if given.check else page.write()


if __name__ == "__main__":
    sys.exit(main())
