"""Models that are loaded for each request, and those that are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.scan.marked import check_marks, check_silent

RULE = "load-in-handler"
BUGS = {
    "torch.load whose result is not read": """
        import torch
        from flask import Flask, request
        app = Flask(__name__)
        @app.post("/check")
        def check():
            torch.load(request.form["path"])  #! load-in-handler
            kept = torch.load("b.pt")  #! load-in-handler
            first = second = torch.load("c.pt")  #! load-in-handler
            return {}
        """,
    "flask": """
        from flask import Flask
        from transformers import AutoModel
        app = Flask(__name__)
        @app.route("/caption", methods=["POST"])
        def caption():
            model = AutoModel.from_pretrained("m")  #! load-in-handler
            return {}
        """,
    "flask with a factory": """
        import onnxruntime as ort
        from flask import Blueprint
        def make():
            bp = Blueprint("b", __name__)
            @bp.post("/x")
            def x():
                return str(ort.InferenceSession("m.onnx"))  #! load-in-handler
            return bp
        """,
    "fastapi, through two functions": {
        "main.py": """
            from fastapi import APIRouter
            from service import describe
            router = APIRouter()
            @router.post("/x")
            async def x(): return describe()
            """,
        "service.py": """
            import torch
            def load(): return torch.jit.load("m.pt")  #! load-in-handler
            def describe(): return load()
            """,
    },
    "gradio": """
        import gradio as gr
        from transformers import pipeline
        def answer(image):
            pipe = pipeline("image-to-text")  #! load-in-handler
            return pipe(image)
        gr.Interface(fn=answer, inputs="image", outputs="text").launch()
        """,
    "gradio blocks": """
        import gradio as gr
        from transformers import pipeline
        with gr.Blocks() as demo:
            button = gr.Button("go")
            button.click(lambda image: pipeline("image-to-text")(image))  #! load-in-handler
        """,
    "celery": """
        from celery import shared_task
        from ultralytics import YOLO
        @shared_task
        def detect(path):
            return YOLO("yolo.pt")(path)  #! load-in-handler
        """,
    "tornado": """
        import tornado.web
        import onnxruntime as ort
        class Handler(tornado.web.RequestHandler):
            def post(self):
                ort.InferenceSession("m.onnx")  #! load-in-handler
        """,
    "a client for each request": """
        from fastapi import FastAPI
        import tritonclient.http as http
        app = FastAPI()
        @app.get("/x")
        def x():
            client = http.InferenceServerClient("localhost:8000")  #! load-in-handler
        """,
}
NEAR_MISSES = {
    "torch.load of a dict, or of something that is read": """
        import torch
        from flask import Flask
        app, last = Flask(__name__), None
        @app.post("/check")
        def check():
            global last
            last = torch.load("a.pt")
            rows = torch.load("b.pt")
            rows.update(torch.load("c.pt"), more=torch.load("d.pt"))
            other = torch.load("e.pt")
            def show(): return other
            app.rows = torch.load("f.pt")
            return show(), torch.load("g.pt")["rows"]
        """,
    "cached": """
        from functools import cache
        from flask import Flask
        from transformers import AutoModel
        app = Flask(__name__)
        @cache
        def model(): return AutoModel.from_pretrained("m")
        @app.route("/x")
        def x(): return model()
        """,
    "guarded by a global": """
        from flask import Flask
        from transformers import AutoModel
        app = Flask(__name__)
        _model = None
        def model():
            global _model
            if _model is None:
                _model = AutoModel.from_pretrained("m")
            return _model
        @app.route("/x")
        def x(): return model()
        """,
    "returned early": """
        from flask import Flask
        from transformers import AutoModel
        app = Flask(__name__)
        MODELS = {}
        def model(name):
            if name in MODELS:
                return MODELS[name]
            MODELS[name] = AutoModel.from_pretrained(name)
            return MODELS[name]
        @app.route("/x")
        def x(): return model("m")
        """,
    "a cached function to which the caller gives the name": """
        from functools import lru_cache
        from flask import Flask
        from transformers import AutoModel
        app = Flask(__name__)
        @lru_cache
        def model(name): return AutoModel.from_pretrained(name)
        @app.route("/x")
        def x(): return model("m")
        """,
    "behind try": """
        from flask import Flask
        from transformers import AutoModel
        app = Flask(__name__)
        MODELS = {}
        @app.route("/x")
        def x():
            try:
                model = MODELS["m"]
            except KeyError:
                model = MODELS["m"] = AutoModel.from_pretrained("m")
        """,
    "at start": """
        from fastapi import FastAPI
        from transformers import AutoModel
        app = FastAPI()
        @app.on_event("startup")
        def start():
            app.state.model = AutoModel.from_pretrained("m")
        """,
    "in streamlit's cache": """
        import streamlit as st
        from transformers import AutoModel
        @st.cache_resource
        def model(): return AutoModel.from_pretrained("m")
        """,
    "a decorator called get of another object": """
        import torch
        from registry import commands
        @commands.command("x")
        def x(): return torch.jit.load("m.pt")
        """,
}


@pytest.mark.parametrize("files", BUGS.values(), ids=BUGS)
def test_a_load_for_each_request_is_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_marks(tmp_path, files, RULE)


@pytest.mark.parametrize("files", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_a_model_that_is_kept_is_not_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_silent(tmp_path, files, RULE)
