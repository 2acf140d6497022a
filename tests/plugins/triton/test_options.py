"""Options of backend triton in turnout.yaml."""

from __future__ import annotations

import pytest

import turnout
from turnout.errors import SettingsError
from turnout_triton.options import TritonOptions


def read_options(**options: object) -> TritonOptions:
    source = {"models": {"m": {"backend": "triton", "backends": {"triton": {"url": "localhost:8001", **options}}}}}
    with turnout.open(source) as app:
        return app._loaded.backend_options["m", "triton"]


def test_a_url_is_enough() -> None:
    options = read_options()

    assert (options.url, options.model, options.version, options.timeout_seconds) == ("localhost:8001", None, "", 120)
    assert (options.compression, options.shared_memory, options.shared_memory_threshold_bytes) == ("none", "auto", 256 * 1024)
    assert options.cuda_shared_memory is False


def test_every_option_can_be_set() -> None:
    tls = {"ca": "ca.pem", "certificate": "c.pem", "key": "k.pem", "server_name": "triton"}
    said = {"version": 3, "headers": {"A": "b"}, "tls": tls, "compression": "gzip", "cuda_shared_memory": True}
    options = read_options(url=["grpcs://a:1", "grpcs://b:1"], **said)

    assert options.url == ("grpcs://a:1", "grpcs://b:1")
    assert options.version == "3"
    assert options.headers["A"].get_secret_value() == "b"
    assert options.tls.server_name == "triton"
    assert options.cuda_shared_memory is True


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"version": "latest"}, "version"),
        ({"version": 0}, "version"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": float("inf")}, "timeout_seconds"),
        ({"timeout_seconds": True}, "timeout_seconds"),
        ({"version": True}, "version"),
        ({"compression": "brotli"}, "compression"),
        ({"shared_memory": "on"}, "shared_memory"),
        ({"shared_memory_threshold_bytes": -1}, "shared_memory_threshold_bytes"),
        ({"shared_memory_threshold_bytes": True}, "shared_memory_threshold_bytes"),
        ({"cuda_shared_memory": "auto"}, "cuda_shared_memory"),
        ({"tls": {"certificate": "c.pem"}}, "mutual TLS needs both 'certificate' and 'key'"),
        ({"urls": []}, "Did you mean 'url'"),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_with_its_path(options, text) -> None:
    with pytest.raises(SettingsError, match=r"models\.m\.backends\.triton") as caught:
        read_options(**options)

    assert text in str(caught.value)


def test_headers_are_never_shown() -> None:
    options = read_options(headers={"authorization": "Bearer s3cr3t"})

    assert "s3cr3t" not in repr(options) + str(options) + options.model_dump_json()
