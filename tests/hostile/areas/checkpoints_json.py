"""JSON, vocabularies and tokenizers of checkpoints, results of an earlier run, and values of ``--set``."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.hostile.case import Case, Prepare
from tests.hostile.sandbox import Sandbox
from tests.hostile.small_project import reads, write_project

IMPORTS = """\
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.checkpoints.processor import read_image_preprocessor, read_text_codec
from turnout_direct.checkpoint_source import find_checkpoint_source
"""
PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 4, "width": 4},
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "do_rescale": True,
    "rescale_factor": 0.00392156862745098,
    "resample": 2,
}
CALL = 'checkpoint = Checkpoint("c", Path("checkpoint")); read_image_preprocessor(checkpoint); read_text_codec(checkpoint)'
WHOLE: dict[str, bytes] = {
    "empty": b"",
    "a deep list": b"[" * 1_000_000,
    "deep objects": b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
    "a list": b"[]",
    "a text": b'"\\u001b[2J"',
    "a million values": b'{"a": [' + b"[]," * 1_000_000 + b"[]]}",
    "no UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": json.dumps(PROCESSOR).encode("utf-16"),
    "a key twice": b'{"size": 1, "size": 2}',
    "a number of many digits": b'{"size": ' + b"9" * 100_000 + b"}",
    "a text of 20 MB": b'{"a": "' + b"x" * 20_000_000 + b'"}',
    "zeros": bytes(1_000_000),
    "half a character": b'{"image_processor_type": "\\ud800"}',
}
VALUES = ("1e999", "-1", "9" * 40, '"\\u001b[2J\\u202e"', "[[[]]]", '{"a": []}', "null", "0", "1e300")
FILES = ("preprocessor_config.json", "tokenizer.json", "tokenizer_config.json", "config.json")
RESULTS: dict[str, bytes] = {
    "no JSON": b"text\n",
    "a deep line": b'{"image": ' + b"[" * 1_000_000 + b"\n",
    "a line without an end": b"x" * 30_000_000,
    "ones": b"\xff" * 1_000_000,
    "inputs of another kind": b'{"image": "photo.png", "ok": true, "pipeline": "look", "inputs": 5}\n',
    "a number without end": b'{"image": "photo.png", "ok": true, "inputs": {"a": 1e999}}\n',
    "control characters": b'{"image": "\\u001b[2J", "ok": false, "pipeline": "look", "inputs": {}}\n',
    "many lines": b'{"image": "a", "ok": true}\n' * 20_000,
    "a key twice": b'{"image": "a", "image": "photo.png", "ok": true}\n',
}
SETTINGS = {
    "a number without end": "1e999",
    "NaN": "NaN",
    "a deep list": "[" * 50_000,
    "a deep list that ends": "[" * 5000 + "]" * 5000,
    "many digits": "9" * 50_000,
    "half a character": '"\\ud800"',
    "no UTF-8": "\udcff",
    "a key twice": '{"a": 1, "a": 2}',
    "control characters": '"\\u001b[2J"',
}
MAY_BE_READ = frozenset({0, 1, 2, 3})


def cases() -> Iterator[Case]:
    for file in FILES:
        for name, content in WHOLE.items():
            yield Case(f"checkpoints_json/file/{file} is {name}", _checkpoint(file, content), good_checkpoint, MAY_BE_READ)
    for key in PROCESSOR:
        for place, value in enumerate(VALUES):
            if (place + len(key)) % 3 == 0:
                content = json.dumps(PROCESSOR | {key: "here"}).replace('"here"', value).encode()
                yield Case(
                    f"checkpoints_json/file/{key} is {value[:20]!a}",
                    _checkpoint("preprocessor_config.json", content),
                    good_checkpoint,
                    MAY_BE_READ,
                )
    for name, content in RESULTS.items():
        yield Case(f"checkpoints_json/results/{name}", _results(content), good_run, MAY_BE_READ, ("out.jsonl",))
    for name, value in SETTINGS.items():
        yield Case(f"checkpoints_json/set/{name}", _set(value), good_run, MAY_BE_READ, ("out.jsonl",))


def good_checkpoint(sandbox: Sandbox) -> list[str]:
    folder = sandbox.work / "checkpoint"
    folder.mkdir()
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "vocab.txt").write_text("[UNK]\n[PAD]\n[CLS]\n[SEP]\n[MASK]\na\n")
    return reads(sandbox, IMPORTS, CALL)


def good_run(sandbox: Sandbox) -> list[str]:
    write_project(sandbox)
    return sandbox.turnout("run", "look", "photo.png", "--out", "out.jsonl")


def _checkpoint(file: str, content: bytes) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        command = good_checkpoint(sandbox)
        (sandbox.work / "checkpoint" / file).write_bytes(content)
        return command

    return prepare


def _results(content: bytes) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        command = good_run(sandbox)
        (sandbox.work / "out.jsonl").write_bytes(content)
        return command

    return prepare


def _set(value: str) -> Prepare:
    return lambda sandbox: [*good_run(sandbox), "--set", f"regions={value}"]
