"""The token, the names of a server without one, and pages of other origins."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import pytest
from starlette.testclient import TestClient

import turnout
from turnout_web.application import create_application
from turnout_web.settings import ServeSettings

TOKEN = "a-long-token-of-a-test"
GUARDED = ("/metrics", "/v2", "/v2/models/x", "/v1/pipelines", "/openapi.json", "/nothing")


@pytest.fixture
def app() -> Iterator[turnout.Turnout]:
    with turnout.open({"models": {}}, listen=False) as opened:
        yield opened


def _client(app: turnout.Turnout, **settings: object) -> TestClient:
    return TestClient(create_application(app, ServeSettings(**settings)), "http://127.0.0.1", raise_server_exceptions=False)


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", GUARDED)
def test_each_path_but_the_probes_asks_for_the_token(app: turnout.Turnout, path: str) -> None:
    client = _client(app, token=TOKEN)

    refused = client.get(path)
    let_in = client.get(path, headers=_bearer(TOKEN))

    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="turnout"'
    assert refused.headers["content-type"] == "application/problem+json"
    assert let_in.status_code != 401


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"])
def test_probes_need_no_token(app: turnout.Turnout, path: str) -> None:
    assert _client(app, token=TOKEN).get(path).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        _bearer("another"),
        _bearer(TOKEN + "x"),
        _bearer(TOKEN[:-1]),
        _bearer(""),
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer"},
        {"authorization": ""},
        {"x-token": TOKEN},
    ],
    ids=str,
)
def test_a_wrong_token_is_refused_and_is_in_no_text(
    app: turnout.Turnout, headers: Mapping[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    client = _client(app, token=TOKEN)
    caplog.set_level(logging.DEBUG)

    refused = client.get("/metrics", headers=headers)

    assert refused.status_code == 401
    assert TOKEN not in refused.text + caplog.text + str(refused.headers)
    assert client.get("/metrics", headers=_bearer(TOKEN)).status_code == 200


def test_two_tokens_are_refused_though_one_is_right(app: turnout.Turnout) -> None:
    client = _client(app, token=TOKEN)

    refused = client.get("/metrics", headers=[("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer x")])

    assert refused.status_code == 401


def test_the_scheme_is_read_in_any_case(app: turnout.Turnout) -> None:
    assert _client(app, token=TOKEN).get("/metrics", headers={"authorization": f"bEARER  {TOKEN} "}).status_code == 200


def test_the_settings_do_not_show_the_token() -> None:
    assert TOKEN not in repr(ServeSettings(token=TOKEN))


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1", "127.8.9.1:1", "[::1]:8080", "a.localhost"])
def test_a_server_without_a_token_answers_under_the_names_of_loopback(app: turnout.Turnout, host: str) -> None:
    assert _client(app).get("/metrics", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org", "localhost.example.org:80", "10.0.0.1", "[::2]", ""])
def test_a_server_without_a_token_refuses_other_names(app: turnout.Turnout, host: str) -> None:
    client = _client(app)

    refused = client.get("/metrics", headers={"host": host})

    assert refused.status_code == 421
    assert "--allow-host" in refused.json()["detail"]
    assert client.get("/metrics").status_code == 200


def test_other_names_are_allowed_by_name_or_with_a_token(app: turnout.Turnout) -> None:
    named = _client(app, allow_hosts=("app.test",)).get("/metrics", headers={"host": "App.test:80"})
    guarded = _client(app, token=TOKEN).get("/metrics", headers={"host": "app.test"} | _bearer(TOKEN))
    public = _client(app, host="0.0.0.0").get("/metrics", headers={"host": "app.test"})

    assert [named.status_code, guarded.status_code, public.status_code] == [200, 200, 200]


def test_pages_of_other_origins_may_not_read_answers(app: turnout.Turnout) -> None:
    asked = _client(app).get("/metrics", headers={"origin": "https://other.test"})

    assert "access-control-allow-origin" not in asked.headers


def test_a_page_of_an_allowed_origin_may_ask_and_reads_refusals_too(app: turnout.Turnout) -> None:
    client = _client(app, token=TOKEN, allow_origins=("https://page.test",))
    asking = {"origin": "https://page.test"}

    before = client.options("/v2", headers=asking | {"access-control-request-method": "POST"})
    refused = client.get("/v2", headers=asking)
    other = client.get("/v2", headers={"origin": "https://other.test"} | _bearer(TOKEN))

    assert before.status_code == 200
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://page.test"
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    "origin", ["https://example.org", "http://127.0.0.1:1", "http://localhost", "null", "", "127.0.0.1", "\xe9"]
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_form_of_another_web_page_is_refused_without_a_token(app: turnout.Turnout, origin: str, host: str) -> None:
    client = _client(app, host=host)

    refused = client.post("/v1/pipelines/x", data={"a": "b"}, headers={"origin": origin.encode("latin-1")})

    assert refused.status_code == 403
    assert "--allow-origin" in refused.json()["detail"]
    assert client.post("/v1/pipelines/x", data={"a": "b"}).status_code == 404


@pytest.mark.parametrize("origin", ["http://127.0.0.1", "https://127.0.0.1"])
def test_the_page_of_the_server_itself_may_ask(app: turnout.Turnout, origin: str) -> None:
    assert _client(app).post("/v1/pipelines/x", data={"a": "b"}, headers={"origin": origin}).status_code == 404


@pytest.mark.parametrize("settings", [{"allow_origins": ("https://example.org",)}, {"allow_origins": ("*",)}])
def test_an_allowed_page_may_send_a_form(app: turnout.Turnout, settings: dict[str, object]) -> None:
    sent = _client(app, **settings).post("/v1/pipelines/x", data={"a": "b"}, headers={"origin": "https://example.org"})

    assert sent.status_code == 404
