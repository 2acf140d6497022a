"""Requests that schemathesis makes from the document: bad ones get a 4xx, and none a server error."""

from __future__ import annotations

import pytest
from benchmarks.schemathesis_campaign import check_alive, run_campaign
from tests.plugins.web.demo_server import serving

import turnout
from turnout_web.openapi import operation_paths
from turnout_web.settings import ServeSettings

CASES = 300


def test_no_request_is_a_server_error_or_gets_an_answer_that_is_not_documented(demo_url: str) -> None:
    campaign = run_campaign(demo_url, CASES, seed=14)

    assert campaign.failures == []
    assert campaign.cases >= CASES
    check_alive(demo_url)


def test_an_answer_that_is_not_documented_is_found(demo_app: turnout.Turnout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation_paths, "_HEALTH", {"type": "array"})
    with serving(demo_app, ServeSettings()) as url:
        campaign = run_campaign(url, 1, seed=14)

    assert any("/health/ready" in failure for failure in campaign.failures)
