"""The config that a real server reports, in the clear and encrypted."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from turnout.errors import BackendUnavailableError, ConfigurationError, ModelLoadError
from turnout_triton.repository.server_config import read_server_config

LIMIT_SECONDS = 20


class Terminator:
    """A TLS proxy with a certificate of ``authority``: it forwards the bytes of its connections to a port in the clear."""

    def __init__(self, port: int, authority: trustme.CA) -> None:
        self._port = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.set_alpn_protocols(["h2", "http/1.1"])
        self._context.verify_mode = ssl.CERT_REQUIRED
        authority.issue_cert("triton.example").configure_cert(self._context)
        authority.configure_trust(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, name="terminator", daemon=True)
        self._thread.start()
        self.port = self._listener.getsockname()[1]
        self.received = b""

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(LIMIT_SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), name="terminated", daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with ExitStack() as stack:
            stack.enter_context(suppress(OSError))
            stack.enter_context(plain)
            encrypted = stack.enter_context(self._context.wrap_socket(plain, server_side=True))
            inner = stack.enter_context(socket.create_connection(("127.0.0.1", self._port), LIMIT_SECONDS))
            back = threading.Thread(target=_copy, args=(inner, encrypted), name="answers", daemon=True)
            back.start()
            while given := encrypted.recv(65536):
                self.received += given
                inner.sendall(given)
            inner.shutdown(socket.SHUT_WR)
            back.join(LIMIT_SECONDS)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while given := source.recv(65536):
            target.sendall(given)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["grpcs", "https"])
def encrypted(request: pytest.FixtureRequest, served: Any, authority: trustme.CA) -> Iterator[tuple[str, Terminator]]:
    """Return the url of a TLS proxy of the server, and the proxy."""
    _, server = served
    url = server.grpc_url if request.param == "grpcs" else server.http_url
    proxy = Terminator(int(url.rpartition(":")[2]), authority)
    with ExitStack() as stack:
        stack.callback(proxy.close)
        yield f"{request.param}://127.0.0.1:{proxy.port}", proxy


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> dict[str, str]:
    """Return the ``tls`` options of a client that the server trusts, as file names in ``tmp_path``."""
    client = authority.issue_cert("client@example.org")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    client.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in client.cert_chain_pems:
        blob.write_to_path(tmp_path / "certificate.pem", append=True)
    return {"ca": "ca.pem", "certificate": "certificate.pem", "key": "key.pem", "server_name": "triton.example"}


@pytest.fixture
def read_with(served: Any, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that reads the config of ``scale`` with options."""
    project, _ = served

    def run(url: str, model: str = "scale", **settings: Any) -> Any:
        return read_server_config(url, model, project.options(url=url, **settings), tmp_path)

    return run


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_config_metadata_and_versions_come_over_either_protocol(served: Any, read_with: Any, scheme: str) -> None:
    _, server = served
    url = server.grpc_url if scheme == "grpc" else f"http://{server.http_url.rpartition('/')[2]}"

    found = read_with(url)

    assert (found.versions, found.config.max_batch_size) == ((1,), 8)
    assert found.tensors == {("input", "x"): ("FP32", (-1, 3)), ("output", "y"): ("FP32", (-1, 3))}
    with pytest.raises(ModelLoadError, match="does not serve the model 'nothing'"):
        read_with(url, "nothing")


def test_mutual_tls_checks_the_name_in_the_certificate(encrypted: Any, read_with: Any, files: dict[str, str]) -> None:
    url, _ = encrypted

    assert read_with(url, tls=files).versions == (1,)


@pytest.mark.parametrize("wrong", ["no certificate", "another name", "another authority"])
def test_a_connection_that_cannot_be_trusted_is_not_made(
    encrypted: Any, read_with: Any, files: dict[str, str], tmp_path: Path, wrong: str
) -> None:
    url, proxy = encrypted
    trustme.CA().cert_pem.write_to_path(tmp_path / "another.pem")
    tls = {
        "no certificate": {"ca": "ca.pem", "server_name": "triton.example"},
        "another name": files | {"server_name": "other.example"},
        "another authority": files | {"ca": "another.pem"},
    }[wrong]

    with pytest.raises(BackendUnavailableError, match="was not reached within 1 s"):
        read_with(url, tls=tls)

    assert proxy.received == b""
    assert read_with(url, tls=files).versions == (1,)


@pytest.mark.parametrize("encrypted", ["https"], indirect=True)  # gRPC compresses its headers
def test_headers_are_sent(encrypted: Any, read_with: Any, files: dict[str, str]) -> None:
    url, proxy = encrypted

    read_with(url, tls=files, headers={"Authorization": "Bearer opensesame"})

    assert b"opensesame" in proxy.received


def test_a_missing_certificate_is_named(read_with: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"'tls' of backend 'triton'"):
        read_with("grpcs://127.0.0.1:1", tls={"ca": "nowhere.pem"})


def test_a_server_that_accepts_connections_and_never_answers_is_not_reached(read_with: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        for scheme in ("grpc", "http"):
            with pytest.raises(BackendUnavailableError, match="was not reached within 1 s"):
                read_with(f"{scheme}://127.0.0.1:{mute.getsockname()[1]}")


def test_a_web_server_that_is_not_triton_is_named(read_with: Any) -> None:
    def answer() -> None:
        connection, _ = other.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = threading.Thread(target=answer, name="web server")
        thread.start()
        with pytest.raises(ModelLoadError, match="responds b'hello' to '/v2/models/scale', which is not JSON"):
            read_with(f"http://127.0.0.1:{other.getsockname()[1]}")
        thread.join(LIMIT_SECONDS)


@pytest.mark.parametrize(
    ("metadata", "config"),
    [
        ({"versions": [1]}, {}),
        ({"versions": 5}, {}),
        ({"inputs": [{}]}, {}),
        ({"inputs": "x"}, {}),
        ({"outputs": [{"name": "y", "datatype": "FP32", "shape": ["many"]}]}, {}),
        ({}, {"max_batch_size": "x"}),
        ({}, {"input": 5}),
        ({}, {"input": [{"dims": ["x"]}]}),
    ],
    ids=str,
)
def test_a_description_in_another_form_is_one_error(read_with: Any, metadata: dict[str, Any], config: dict[str, Any]) -> None:
    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = json.dumps(config if self.path.endswith("/config") else metadata).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as other:
        thread = threading.Thread(target=other.serve_forever, name="web server")
        thread.start()
        try:
            with pytest.raises(ModelLoadError, match=r"in another form than Triton's: .*; check that it is Triton"):
                read_with(f"http://127.0.0.1:{other.server_port}")
        finally:
            other.shutdown()
            thread.join(LIMIT_SECONDS)
