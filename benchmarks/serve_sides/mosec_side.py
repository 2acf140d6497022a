"""mosec with the model: the form of a request, the file and the configuration come from variables ``SIDE_*``.

mosec reads its own options, such as the port, from variables ``MOSEC_*``, and starts its workers as new processes.
"""

from __future__ import annotations

import json
import os

import mosec
import numpy as np
import onnxruntime

FILE, FORM, CHOSEN = os.environ["SIDE_MODEL"], os.environ["SIDE_FORM"], json.loads(os.environ["SIDE_CONFIGURATION"])


class Model(mosec.Worker):
    """The model for one request, in mosec's own JSON."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(FILE, options, providers=["CPUExecutionProvider"])

    def forward(self, data: object) -> object:
        if CHOSEN["max_batch_size"] == 1:
            return self.answer(self._session.run(None, {"x": self.row(data)})[0])
        rows = self._session.run(None, {"x": np.concatenate([self.row(one) for one in data])})[0]
        return [self.answer(row[None]) for row in rows]

    def row(self, data: dict) -> np.ndarray:
        """Return the tensor of a request."""
        return np.asarray(data["x"], np.float32)

    def answer(self, y: np.ndarray) -> object:
        """Return what the worker serializes."""
        return {"y": y.tolist()}


class BinaryModel(Model):
    """The same, with the bytes of a row as the body."""

    def deserialize(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data, np.float32).reshape(1, -1)

    def serialize(self, data: bytes) -> bytes:
        return data

    def row(self, data: np.ndarray) -> np.ndarray:
        return data

    def answer(self, y: np.ndarray) -> bytes:
        return y.tobytes()


if __name__ == "__main__":
    server = mosec.Server()
    batch = {"max_batch_size": CHOSEN["max_batch_size"]}
    if CHOSEN["max_batch_size"] > 1:
        batch["max_wait_time"] = CHOSEN["max_wait_time"]
    server.append_worker(BinaryModel if FORM == "binary" else Model, num=CHOSEN["workers"], **batch)
    server.run()
