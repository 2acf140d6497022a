"""Shows the object in each box of a picture: its mask, what it is, and the answer to a question about it."""

import json
from pathlib import Path

import gradio as gr

import turnout

service = turnout.open(Path(__file__).with_name("turnout.yaml"), watch=True)


def read_boxes(text):
    try:
        boxes = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise gr.Error(f"boxes must be JSON: {error}") from error
    if not isinstance(boxes, list):
        raise gr.Error("boxes must be a list of [left, top, right, bottom]")
    return boxes


def describe(picture, text, question):
    boxes = read_boxes(text)
    if not boxes:  # to a pipeline, no regions are the whole picture
        return (picture, []), []
    try:
        result = service.run("describe", image=picture, regions=boxes, question=question, timeout_seconds=30)
        result.raise_for_failures()
    except turnout.errors.TurnoutError as error:
        raise gr.Error(str(error)) from error
    captions, answers = result["captions"], result["answers"]
    rows = [
        {"box": box, "caption": caption, "answer": answer}
        for box, caption, answer in zip(boxes, captions, answers, strict=True)
    ]
    return (picture, list(zip(result["masks"], captions, strict=True))), rows


demo = gr.Interface(
    describe,
    inputs=[
        gr.Image(type="pil", label="Picture"),
        gr.Textbox("[[34, 150, 98, 213]]", label="Boxes, as JSON: [[left, top, right, bottom], ...]"),
        gr.Textbox("what color is it?", label="Question"),
    ],
    outputs=[gr.AnnotatedImage(label="Masks"), gr.JSON(label="Objects")],
    title="Objects in a picture",
    api_name="describe",
    flagging_mode="never",
    concurrency_limit=8,
)

if __name__ == "__main__":
    demo.launch()
