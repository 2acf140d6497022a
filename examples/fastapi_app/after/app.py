"""Answers a question about each object in a picture. POST /answers: `image`, `question`, and `boxes`, a JSON list."""

import json
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, HTTPException, UploadFile
from fastapi.responses import PlainTextResponse

import turnout

service = turnout.open(Path(__file__).with_name("turnout.yaml"), watch=True)

app = FastAPI()


@app.exception_handler(turnout.errors.TurnoutError)
async def explain(_, error):
    causes = [failure.error for failure in getattr(error, "failures", ())] or [error]
    wrong = all(isinstance(cause, turnout.errors.InvalidRequestError) for cause in causes)
    return PlainTextResponse(str(error), 400 if wrong else 503)


def read_boxes(text):
    try:
        boxes = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"boxes must be JSON: {error}") from error
    if not isinstance(boxes, list):
        raise HTTPException(400, "boxes must be a list of [left, top, right, bottom]")
    return boxes


@app.post("/answers")
async def answers(image: UploadFile, question: Annotated[str, Form()], boxes: Annotated[str, Form()]):
    given = read_boxes(boxes)
    if not given:  # to a pipeline, no regions are the whole picture
        return {"question": question, "answers": []}
    result = await service.arun("answers", image=await image.read(), regions=given, question=question, timeout_seconds=30)
    result.raise_for_failures()
    found = [{"box": box, "answer": answer} for box, answer in zip(given, result["answers"], strict=True)]
    return {"question": question, "answers": found}
