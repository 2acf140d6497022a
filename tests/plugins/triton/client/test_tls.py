"""TLS and mutual TLS: Triton's own over gRPC, a proxy's in front of it over HTTP."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import trustme
from tests.plugins.triton.client.proxies import proxy

from turnout import InferenceRequest
from turnout.errors import BackendUnavailableError, ConfigurationError, TurnoutError
from turnout_triton.options import TlsOptions
from turnout_triton.server import LocalServer, ServerOptions, readiness

X = np.arange(6, dtype=np.float32).reshape(2, 3)


class Files:
    """The PEM files of an authority, its server ``triton.example`` and a client; and another authority."""

    def __init__(self, folder: Path) -> None:
        self.authority, other = trustme.CA(), trustme.CA()
        self.server = self.authority.issue_cert("triton.example")
        client = self.authority.issue_cert("client.example")
        self.ca, self.other_ca = folder / "ca.pem", folder / "other_ca.pem"
        self.server_chain, self.server_key = folder / "server.pem", folder / "server.key"
        self.client_chain, self.client_key = folder / "client.pem", folder / "client.key"
        self.authority.cert_pem.write_to_path(str(self.ca))
        other.cert_pem.write_to_path(str(self.other_ca))
        self.server.cert_chain_pems[0].write_to_path(str(self.server_chain))
        self.server.private_key_pem.write_to_path(str(self.server_key))
        client.cert_chain_pems[0].write_to_path(str(self.client_chain))
        client.private_key_pem.write_to_path(str(self.client_key))

    def options(self, mutual: bool, **words: object) -> TlsOptions:
        own = {"certificate": self.client_chain, "key": self.client_key} if mutual else {}
        return TlsOptions(**({"ca": self.ca, "server_name": "triton.example", **own} | words))


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module", params=[False, True], ids=["tls", "mutual"])
def mutual(request) -> bool:
    return request.param


@pytest.fixture(scope="module")
def urls(small_repository, files, mutual) -> Iterator[dict[str, str]]:
    """The URLs of a server that requires TLS, mutual or not, by protocol."""
    flags = {"use-ssl": 1, "server-cert": files.server_chain, "server-key": files.server_key, "root-cert": files.ca}
    arguments = [f"--grpc-{name}={value}" for name, value in ({"use-ssl-mutual": 1} | flags if mutual else flags).items()]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    files.server.configure_cert(context)
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        files.authority.configure_trust(context)
    at_once = ServerOptions(grace_seconds=0, arguments=tuple(arguments))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readiness, "_probe_models", lambda *_, **__: None)  # it connects without TLS
        with LocalServer(small_repository, at_once) as server, proxy(server.http_url, context) as (address, _):
            yield {"http": f"https://{address}", "grpc": f"grpcs://{server.grpc_url}"}


@pytest.fixture
def send(urls, protocol, mutual, files, open_one) -> Callable[..., np.ndarray]:
    """Sends a request with the right options, except for ``words``."""

    def one(x: np.ndarray = X, **words: object) -> np.ndarray:
        model = open_one(urls[protocol], "identity", tls=files.options(mutual, **words), timeout_seconds=5)
        return model.infer(InferenceRequest({"x": x}))["y"]

    return one


def test_the_right_files_are_accepted(send) -> None:
    assert np.array_equal(send(), X)
    assert np.array_equal(send(np.ones((1, 300_000), np.float32)), np.ones((1, 300_000), np.float32))


def refusal(send: Callable[..., np.ndarray], **words: object) -> TurnoutError:
    with pytest.raises(BackendUnavailableError) as caught:
        send(**words)
    assert "\n" not in str(caught.value)
    assert "'identity' on triton at " in str(caught.value)
    return caught.value


def test_an_authority_that_did_not_sign_is_not_trusted(send, files) -> None:
    assert "certificate" in str(refusal(send, ca=files.other_ca)).lower()
    assert np.array_equal(send(), X)


def test_the_systems_authorities_are_not_trusted_either(send) -> None:
    assert "certificate" in str(refusal(send, ca=None)).lower()


@pytest.mark.parametrize("name", ["other.example", None], ids=["other", "host"])
def test_a_certificate_for_another_name_is_refused(send, name) -> None:
    text = str(refusal(send, server_name=name)).lower()

    assert "hostname" in text or "not valid for" in text or "peer name" in text or "ip address mismatch" in text


@pytest.mark.parametrize("mutual", [True], indirect=True)
def test_a_missing_client_certificate_is_refused(send) -> None:
    text = str(refusal(send, certificate=None, key=None))

    assert "certificate" in text.lower() or "handshake" in text.lower() or "closed" in text.lower()
    assert np.array_equal(send(), X)


@pytest.mark.parametrize("mutual", [False], indirect=True)
def test_a_plain_client_cannot_reach_an_encrypted_server(urls, protocol, open_one, files) -> None:
    plain = urls[protocol].replace("grpcs://", "grpc://").replace("https://", "http://")

    with pytest.raises(BackendUnavailableError, match="'identity' on triton at "):
        open_one(plain, "identity", timeout_seconds=2)


@pytest.mark.parametrize("mutual", [False], indirect=True)
def test_files_that_cannot_be_used_are_named(send, files, tmp_path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no PEM")

    with pytest.raises(ConfigurationError, match=r"missing\.pem' under 'tls' of backend 'triton' cannot be read"):
        send(ca=tmp_path / "missing.pem")
    with pytest.raises(ConfigurationError, match="under 'tls' of backend 'triton' cannot be used"):
        send(certificate=garbage, key=garbage)
    with pytest.raises(ConfigurationError, match="under 'tls' of backend 'triton' cannot be used"):
        send(certificate=files.client_chain, key=files.server_key)
    assert np.array_equal(send(), X)
