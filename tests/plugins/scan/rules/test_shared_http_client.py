"""Clients of ``tritonclient.http`` that threads share, and those that one thread has."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.scan.marked import check_marks, check_silent

RULE = "shared-http-client"
BUGS = {
    "a global of a flask app": """
        from flask import Flask
        import tritonclient.http as httpclient
        app = Flask(__name__)
        client = httpclient.InferenceServerClient(url="localhost:8000")  #! shared-http-client
        @app.route("/x")
        def x(): return str(client.infer("m", []))
        """,
    "a sync handler of fastapi, through a class": {
        "triton.py": """
            from tritonclient.http import InferenceServerClient as Client
            class Captioner:
                def __init__(self): self.client = Client("localhost:8000")  #! shared-http-client
                def caption(self, x): return self.client.infer("m", x)
            captioner = Captioner()
            """,
        "app.py": """
            from fastapi import FastAPI
            from triton import captioner
            app = FastAPI()
            @app.post("/x")
            def x(): return captioner.caption(1)
            """,
    },
    "threads": """
        import threading
        import tritonclient.http as http
        def work(client): client.infer("m", [])
        def main():
            client = http.InferenceServerClient("localhost:8000")  #! shared-http-client
            for _ in range(8):
                threading.Thread(target=work, args=(client,)).start()
        """,
    "a pool": """
        from concurrent.futures import ThreadPoolExecutor
        import tritonclient.http as http
        client = http.InferenceServerClient("localhost:8000")  #! shared-http-client
        def work(x): return client.infer("m", x)
        def main(items):
            with ThreadPoolExecutor(8) as pool:
                return list(pool.map(work, items))
        """,
    "a cached function": """
        from functools import lru_cache
        from flask import Flask
        import tritonclient.http as http
        app = Flask(__name__)
        @lru_cache
        def client(): return http.InferenceServerClient("localhost:8000")  #! shared-http-client
        @app.get("/x")
        def x(): return str(client().is_server_live())
        """,
    "gradio": """
        import gradio as gr
        import tritonclient.http as http
        client = http.InferenceServerClient("localhost:8000")  #! shared-http-client
        def answer(image): return client.infer("m", image)
        gr.Interface(answer, "image", "text").launch()
        """,
}
NEAR_MISSES = {
    "one for each thread": """
        import threading
        from flask import Flask
        import tritonclient.http as http
        app, local = Flask(__name__), threading.local()
        def client():
            if not hasattr(local, "client"):
                local.client = http.InferenceServerClient("localhost:8000")
            return local.client
        @app.route("/x")
        def x(): return str(client().infer("m", []))
        """,
    "one for each call": """
        from flask import Flask
        import tritonclient.http as http
        app = Flask(__name__)
        @app.route("/x")
        def x():
            with http.InferenceServerClient("localhost:8000") as client:
                return str(client.infer("m", []))
        """,
    "grpc": """
        from flask import Flask
        import tritonclient.grpc as grpc
        app = Flask(__name__)
        client = grpc.InferenceServerClient("localhost:8001")
        @app.route("/x")
        def x(): return str(client.infer("m", []))
        """,
    "a script": """
        import tritonclient.http as http
        client = http.InferenceServerClient("localhost:8000")
        def main(): return client.infer("m", [])
        main()
        """,
    "coroutines of one thread": """
        from fastapi import FastAPI
        import tritonclient.http as http
        app = FastAPI()
        client = http.InferenceServerClient("localhost:8000")
        @app.get("/x")
        async def x(): return client.is_server_live()
        """,
    "each worker its own": """
        import threading
        import tritonclient.http as http
        def work():
            client = http.InferenceServerClient("localhost:8000")
            client.infer("m", [])
        def main(): threading.Thread(target=work).start()
        """,
}


@pytest.mark.parametrize("files", BUGS.values(), ids=BUGS)
def test_a_shared_client_is_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_marks(tmp_path, files, RULE)


@pytest.mark.parametrize("files", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_a_client_of_one_thread_is_not_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_silent(tmp_path, files, RULE)
