"""A real Triton behind an ingress that serves it under a base path."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from tests.plugins.triton.client.urls import SHARED, WIRE, settings

import turnout
from turnout.errors import NotReachedError


@pytest.fixture(params=["HTTP/1.1", "HTTP/1.0"])
def ingress(request, server) -> Iterator[str]:
    """Yield ``host:port`` of a reverse proxy that forwards ``/ml/triton/...`` to a real server; 1.0 has no keep-alive."""

    class Forward(http.server.BaseHTTPRequestHandler):
        protocol_version = request.param

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._forward(None)

        def do_POST(self) -> None:
            self._forward(self.rfile.read(int(self.headers["content-length"])))

        def _forward(self, body: bytes | None) -> None:
            prefix, slash, rest = self.path.partition("/v2/")
            if prefix != "/ml/triton" or not slash:
                self.send_error(404)
                return
            with contextlib.closing(http.client.HTTPConnection(server.http_url)) as connection:
                connection.request(self.command, f"/v2/{rest}", body, dict(self.headers))
                answer = connection.getresponse()
                data = answer.read()
            self.send_response(answer.status)
            for name in ("content-type", "inference-header-content-length"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Forward) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()


@pytest.mark.parametrize("memory", [WIRE, SHARED], ids=["wire", "shared"])
@pytest.mark.parametrize("path", ["/ml/triton", "/ml/triton/"])
def test_every_call_has_the_base_path(ingress, path, memory) -> None:
    with turnout.open(settings(f"http://{ingress}{path}", "identity", **memory)) as app:
        model = app.model("identity")

        for number in range(3):
            x = np.full((2, 3), number, np.float32)
            assert model.infer({"x": x})["y"].tolist() == x.tolist()

        assert model.ready()


def test_a_wrong_base_path_is_named(ingress) -> None:
    wrong = r"'http://.*/ml/trtion' does not know this: HTTP 404 .*check the URL"

    with (
        turnout.open(settings(f"http://{ingress}/ml/trtion", "identity")) as app,
        pytest.raises(NotReachedError, match=wrong),
    ):
        app.model("identity").infer({"x": np.ones((1, 1), np.float32)})
