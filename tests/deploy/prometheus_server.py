"""A real Prometheus for a test."""

from __future__ import annotations

import json
import math
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.deploy.processes import Process, free_port, wait_until


@dataclass(frozen=True)
class Sample:
    """One series at one time."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Series:
    """One series over time: pairs of a time and a value, without NaN."""

    labels: dict[str, str]
    points: list[tuple[float, float]]


class PromQLError(AssertionError):
    """Prometheus refused a query."""


def config(jobs: Mapping[str, Sequence[str]], *, interval: str = "1s", rules: Sequence[Path] = ()) -> dict[str, Any]:
    """Return a configuration that scrapes each job's targets, which are ``host:port``, and evaluates the files of rules."""
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(file) for file in rules],
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": list(targets)}]} for name, targets in jobs.items()
        ],
    }


class Prometheus(Process):
    """A Prometheus on a free port of loopback, with its data below ``folder``; a context manager.

    ``Prometheus(tmp_path, config({"turnout": ["127.0.0.1:9464"], "triton": ["127.0.0.1:8002"]}))``. It is ready when the
    constructor returns. A machine without it skips the test.
    """

    def __init__(self, folder: Path, configuration: Mapping[str, Any]) -> None:
        binary = shutil.which("prometheus")
        if binary is None:
            pytest.skip("prometheus is not installed: apt-get install prometheus")
        self._file = folder / "prometheus.json"
        self._write(configuration)
        self.url = f"http://127.0.0.1:{free_port()}"
        super().__init__(
            [
                binary,
                f"--config.file={self._file}",
                f"--storage.tsdb.path={folder / 'prometheus-data'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
                "--web.enable-lifecycle",
                "--query.lookback-delta=5s",
                "--enable-feature=exemplar-storage",
                "--log.level=warn",
            ],
            folder / "prometheus.log",
        )
        self.wait_for(f"{self.url}/-/ready")

    def _write(self, configuration: Mapping[str, Any]) -> None:
        self._targets = {
            job["job_name"]: sum(len(group["targets"]) for group in job.get("static_configs", ()))
            for job in configuration["scrape_configs"]
        }
        # JSON is YAML.
        self._file.write_text(json.dumps(configuration, indent=1))

    def reload(self, configuration: Mapping[str, Any]) -> None:
        """Use another configuration from now on."""
        self._write(configuration)
        self._open(urllib.request.Request(f"{self.url}/-/reload", method="POST"))

    def query(self, promql: str, at: float | None = None) -> list[Sample]:
        """Return the samples of an instant query, NaN left out; a scalar is one sample without labels."""
        found = self.api("query", query=promql, **({} if at is None else {"time": at}))
        if found["resultType"] == "scalar":
            return [Sample({}, float(found["result"][1]))]
        samples = [Sample(one["metric"], float(one["value"][1])) for one in found["result"]]
        return [sample for sample in samples if not math.isnan(sample.value)]

    def value(self, promql: str, at: float | None = None) -> float:
        """Return the value of a query with one sample."""
        samples = self.query(promql, at)
        assert len(samples) == 1, f"{promql}: {len(samples)} samples: {samples}"
        return samples[0].value

    def raw(self, selector: str, seconds: float, at: float | None = None) -> list[Series]:
        """Return the scraped samples of the last ``seconds``, unchanged."""
        found = self.api("query", query=f"{selector}[{math.ceil(1000 * seconds)}ms]", **({} if at is None else {"time": at}))
        return _series(found["result"])

    def query_range(self, promql: str, start: float, end: float, step: float = 1.0) -> list[Series]:
        """Return the series of a query with at least one value between two times that is not NaN."""
        found = self.api("query_range", query=promql, start=start, end=end, step=step)
        return [series for series in _series(found["result"]) if series.points]

    def wait_for_value(self, promql: str, accept: Callable[[float], bool] = bool, seconds: float = 30) -> float:
        """Wait until a query has a sample that ``accept`` takes; return its value."""
        accepted: list[float] = []

        def arrived() -> bool:
            accepted.extend(sample.value for sample in self.query(promql) if accept(sample.value))
            return bool(accepted)

        wait_until(arrived, seconds=seconds, what=f"the value of {promql}")
        return accepted[0]

    def wait_for_next_scrape(self, job: str) -> float:
        """Wait until every target of ``job`` was scraped after this moment; return the time then."""
        now = time.time()
        # The timestamp of anything but a plain selector is the time of the query.
        targets = self._targets[job]
        self.wait_for_value(f'count(timestamp(up{{job="{job}"}}) * up > {now})', lambda scraped: scraped == targets)
        return time.time()

    def api(self, path: str, **parameters: object) -> Any:
        """Return the ``data`` of ``/api/v1/<path>``: ``query``, ``targets``, ``alerts``, ``rules``, ...

        Raises:
            PromQLError: Prometheus refused the parameters.
        """
        text = urllib.parse.urlencode(parameters, doseq=True)
        return json.loads(self._open(f"{self.url}/api/v1/{path}?{text}"))["data"]

    def _open(self, request: str | urllib.request.Request) -> bytes:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                body: bytes = answer.read()
        except urllib.error.HTTPError as error:
            raise PromQLError(f"{request}: {error.read().decode()}") from error
        return body


def _series(results: Sequence[Mapping[str, Any]]) -> list[Series]:
    return [
        Series(one["metric"], [(float(at), float(value)) for at, value in one["values"] if value != "NaN"]) for one in results
    ]
