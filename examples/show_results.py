"""Prints the results and the metrics of ``turnout run``: python examples/show_results.py RESULTS [LOG]."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

METRICS = re.compile(
    r"turnout_(inference_requests_total|inference_duration_seconds_(count|sum)|pipeline_duration_seconds_count)"
)


def show_picture(record: dict) -> None:
    """Print the record of one picture, one line for each region."""
    print(f"\n{record['image']}")
    for region in record["regions"]:
        box = ",".join(f"{edge:.0f}" for edge in region["box"])
        print(f"  [{box}]  {region.get('caption')}  | {region.get('answer')} |  mask of {region['mask']['area']:,} pixels")
    for failure in record["failures"]:
        print(f"  FAILED {failure['step']}: {failure['error']}")


def show_metrics(log: str) -> None:
    """Print the requests and seconds in ``log``, the metrics as Prometheus text."""
    print("\nmetrics")
    for line in log.splitlines():
        if METRICS.match(line) and not line.endswith(" 0.0"):
            print(f"  {line}")


def main() -> None:
    """Print the results file and the logs on the command line."""
    results, *log = map(Path, sys.argv[1:])
    for line in results.read_text().splitlines():
        show_picture(json.loads(line))
    print(f"\nannotated pictures: {results.parent}/*.png")
    for file in log:
        show_metrics(file.read_text())


main()
