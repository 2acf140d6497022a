"""Requests that schemathesis makes from the OpenAPI document of a server: none may be a server error, or crash it.

    turnout serve --port 8080 &
    python benchmarks/schemathesis_campaign.py --url http://127.0.0.1:8080 --cases 5000

Rounds with a seed of their own run until there were as many cases. An answer fails with a status of 500 or more, with a status,
a media type or a body that the document does not have, or if a method that a path does not have gets another answer than 405.
504 is no failure: the requests choose their time limit themselves. At the end the server must be live and answer a request.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
    "allow_header_conformance",
)
CONFIGURATION = 'checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "504"]\n'
# Operations without parameters have one case a round.
_OPERATIONS_WITH_CASES = 15
_LEAST, _MOST = 1, 200
_ROUND_SECONDS = 1_800


@dataclass(frozen=True, slots=True)
class Campaign:
    """The result of a campaign.

    Attributes:
        cases: the requests that were made.
        failures: each failed check once, as a line.
        seconds: the time that it took.
    """

    cases: int
    failures: Sequence[str]
    seconds: float


def run_campaign(url: str, cases: int, seed: int, phases: str = "fuzzing") -> Campaign:
    """Make at least ``cases`` requests to the server at ``url``."""
    start, made, failures = time.perf_counter(), 0, dict[str, None]()
    examples = min(_MOST, max(_LEAST, cases // _OPERATIONS_WITH_CASES))
    while made < cases:
        report = run_round(url, examples, seed, phases)
        if not report["complete"] or report["errors"]:
            failures |= dict.fromkeys(json.dumps(error)[:2_000] for error in report["errors"] or [report["stop_reason"]])
            break
        made += report["test_cases"]["generated"]
        failures |= dict.fromkeys(json.dumps(failure)[:2_000] for failure in report["failures"])
        seed += 1
    return Campaign(made, list(failures), time.perf_counter() - start)


def run_round(url: str, examples: int, seed: int, phases: str) -> dict[str, object]:
    """Run schemathesis once; return its report."""
    with tempfile.TemporaryDirectory() as folder:
        configuration, report = Path(folder, "schemathesis.toml"), Path(folder, "report.json")
        configuration.write_text(CONFIGURATION)
        command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(configuration), "run"]
        command += [f"{url}/openapi.json", "--url", url, "--phases", phases, "-n", str(examples), "--seed", str(seed)]
        command += ["--checks", ",".join(CHECKS), "--continue-on-failure", "--no-shrink", "--no-color"]
        command += ["--request-timeout", "60", "--report", "json", "--report-json-path", str(report)]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_ROUND_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
        if not report.exists():
            raise SystemExit(f"schemathesis made no report:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
        return json.loads(report.read_text())


def check_alive(url: str) -> None:
    """Raise if the server is not live, or refuses its own example of a pipeline."""
    with urllib.request.urlopen(f"{url}/health/live", timeout=30) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(f"{url}/v1/pipelines", timeout=30) as answer:
        pipelines = json.load(answer)["pipelines"]
    for pipeline in pipelines:
        place = url + pipeline["href"]
        with urllib.request.urlopen(f"{place}/example?as=body", timeout=30) as answer:
            body = answer.read()
        request = urllib.request.Request(place, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["ok"]


def main() -> int:
    """Run a campaign and print its result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--cases", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--phases", default="coverage,fuzzing")
    options = parser.parse_args()
    campaign = run_campaign(options.url, options.cases, options.seed, options.phases)
    check_alive(options.url)
    for failure in campaign.failures:
        print(failure)
    print(
        f"{campaign.cases} cases in {campaign.seconds:.0f} s, {len(campaign.failures)} failures; the server is live and answers"
    )
    return 1 if campaign.failures else 0


if __name__ == "__main__":
    sys.exit(main())
