"""LitServe with the model: the arguments are the port, the model's file and the configuration as JSON."""

from __future__ import annotations

import json
import sys

import litserve
import numpy as np
import onnxruntime


class Model(litserve.LitAPI):
    """The model for one request, or for a batch of them."""

    def __init__(self, file: str, **options: object) -> None:
        super().__init__(**options)
        self._file = file

    def setup(self, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(self._file, options, providers=["CPUExecutionProvider"])

    def decode_request(self, request: dict) -> np.ndarray:
        return np.asarray(request["x"], np.float32)

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(inputs)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self._session.run(None, {"x": x})[0]

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        return list(output[:, None])

    def encode_response(self, output: np.ndarray) -> dict:
        return {"y": output.tolist()}


def main(port: str, file: str, configuration: str) -> None:
    chosen = json.loads(configuration)
    batch = {name: chosen[name] for name in ("max_batch_size", "batch_timeout") if name in chosen}
    server = litserve.LitServer(
        Model(file, **batch), accelerator="cpu", workers_per_device=chosen["workers"], fast_queue=chosen["fast_queue"]
    )
    server.run(host="127.0.0.1", port=int(port), log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
