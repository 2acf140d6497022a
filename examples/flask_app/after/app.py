"""Names and cuts out the objects in a picture. POST /objects: a picture as `image`, boxes as `boxes`, a JSON list."""

import base64
import io
import json
from pathlib import Path

from flask import Flask, abort, jsonify, request
from PIL import Image

import turnout

service = turnout.open(Path(__file__).with_name("turnout.yaml"), watch=True)

app = Flask(__name__)


@app.errorhandler(turnout.errors.TurnoutError)
def explain(error):
    causes = [failure.error for failure in getattr(error, "failures", ())] or [error]
    wrong = all(isinstance(cause, turnout.errors.InvalidRequestError) for cause in causes)
    return str(error), 400 if wrong else 503


def read_boxes(text):
    try:
        boxes = json.loads(text)
    except (ValueError, RecursionError) as error:
        abort(400, f"boxes must be JSON: {error}")
    if not isinstance(boxes, list):
        abort(400, "boxes must be a list of [left, top, right, bottom]")
    return boxes


def to_png(mask):
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@app.post("/objects")
def objects():
    picture, boxes = request.files["image"].read(), read_boxes(request.form["boxes"])
    if not boxes:  # to a pipeline, no regions are the whole picture
        return jsonify(objects=[])
    result = service.run("objects", image=picture, regions=boxes, timeout_seconds=30)
    result.raise_for_failures()
    found = [
        {"box": box, "caption": caption, "mask": to_png(mask)}
        for box, caption, mask in zip(boxes, result["captions"], result["masks"], strict=True)
    ]
    return jsonify(objects=found)
