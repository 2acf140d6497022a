"""URLs, and knowing this host."""

from __future__ import annotations

import pytest

from turnout.errors import ConfigurationError
from turnout_triton.client.endpoints import Endpoint, parse_endpoint


@pytest.mark.parametrize(
    ("url", "endpoint", "text"),
    [
        ("localhost:8001", Endpoint("grpc", "localhost", 8001), "grpc://localhost:8001"),
        ("http://localhost:8000/", Endpoint("http", "localhost", 8000), "http://localhost:8000"),
        ("grpcs://triton.example:443", Endpoint("grpcs", "triton.example", 443), "grpcs://triton.example:443"),
        (" https://[::1]:8443 ", Endpoint("https", "::1", 8443), "https://[::1]:8443"),
        ("10.0.0.7:1", Endpoint("grpc", "10.0.0.7", 1), "grpc://10.0.0.7:1"),
        ("https://triton.example", Endpoint("https", "triton.example", 443), "https://triton.example:443"),
        ("http://triton.example/", Endpoint("http", "triton.example", 80), "http://triton.example:80"),
        ("http://[::1]/a", Endpoint("http", "::1", 80, "/a"), "http://[::1]:80/a"),
        ("grpcs://triton.example", Endpoint("grpcs", "triton.example", 443), "grpcs://triton.example:443"),
        ("http://host:8000/triton", Endpoint("http", "host", 8000, "/triton"), "http://host:8000/triton"),
        ("https://host/a/b//", Endpoint("https", "host", 443, "/a/b"), "https://host:443/a/b"),
        ("http://host:1/größe%20x", Endpoint("http", "host", 1, "/gr%C3%B6%C3%9Fe%20x"), "http://host:1/gr%C3%B6%C3%9Fe%20x"),
    ],
)
def test_a_url_is_scheme_host_and_port(url, endpoint, text) -> None:
    assert parse_endpoint(url, "m") == endpoint
    assert str(endpoint) == text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        ":8001",
        "ftp://localhost:1",
        "HTTP://localhost:1",
        "localhost:8001/v2",
        "grpcs://host/triton",
        "grpc://host",
        "http://host:8000/a b",
        "http://host:8000/a?b=c",
        "https://",
        "::1:8001",
        "local host:1",
        "localhost:80\n",
        "localhost:x",
    ],
)
def test_any_other_url_is_refused_with_the_right_form(url) -> None:
    if url.strip() == url:
        with pytest.raises(ConfigurationError, match=r"model 'm': 'url' of backend 'triton' is .*write 'host:port'"):
            parse_endpoint(url, "m")


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@localhost:1",
        "user:hunter2@localhost:1",
        "grpc://hunter2@localhost:1",
        "grpcs://u:hun ter2/@:@localhost:1",
    ],
)
def test_a_user_in_a_url_is_refused_without_being_repeated(url) -> None:
    with pytest.raises(ConfigurationError, match=r"has a user .* '([a-z]+://)?localhost:1'.*under 'headers'") as caught:
        parse_endpoint(url, "m")

    assert "ter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8"])
def test_loopback_is_this_host(host) -> None:
    assert Endpoint("grpc", host, 1).on_this_host()


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid"])
def test_other_hosts_are_not_this_host(host) -> None:
    assert not Endpoint("grpc", host, 1).on_this_host()


@pytest.mark.parametrize(
    "host", ["localhost", "a.localhost", "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "0.0.0.0", "ip6-localhost"]
)
def test_loopback_is_known_without_a_resolver(host) -> None:
    assert Endpoint("grpc", host, 1).is_loopback


@pytest.mark.parametrize("host", ["10.0.0.7", "localhost.example", "triton", "2001:db8::1", "1270.0.0.1"])
def test_other_hosts_are_not_loopback(host) -> None:
    assert not Endpoint("grpc", host, 1).is_loopback
