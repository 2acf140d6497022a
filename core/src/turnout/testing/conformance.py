"""The checks that every backend has to pass."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import BackendUnavailableError, ClosedError, TurnoutError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.tensors import DTYPES, describe, dtype_of
from turnout.testing.probing import frozen, refusal, request, require, require_outputs, require_same_bits, within
from turnout.testing.samples import sample

Array = NDArray[Any]
ANY_BY_3 = (-1, 3)
THREADS = 8
CALLS = 200


class ModelInferenceConformance:
    """What a backend promises, as tests. Subclass it in your tests, and say how a model of your backend is opened::

        from turnout.testing import ModelInferenceConformance


        class TestMyBackend(ModelInferenceConformance):
            datatypes = ("FP32", "INT64", "BYTES")

            def model(self, datatype, shape):
                return my_backend.open(write_echo_model(datatype, shape))

    pytest finds the methods by the subclass's name. Each opens its own models and closes them, so ``model`` must return a
    new one every time; pytest fixtures reach it as ``autouse`` fixtures of your class. The kit itself needs no pytest.

    A torch backend echoes with ``lambda x: x``, an ONNX backend with ``Identity``: the plainest echo, which hands back its
    own input, shows best whether answers alias requests. Wrap a backend in your own middleware to check that too.

    Attributes:
        datatypes: the KServe datatypes that the backend says it supports; FP32 must be among them.
        input_name: the name of the model's one input.
        output_name: the name of its one output.
        limit_seconds: how long any one call may take before it counts as hanging.
    """

    datatypes: Sequence[str] = tuple(DTYPES)
    input_name = "x"
    output_name = "y"
    limit_seconds = 60.0

    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        """Return a new model that answers its input, of ``datatype`` and ``shape`` (-1 for any size), unchanged.

        For ``shape`` ``()``, rank 0, it may raise a TurnoutError instead.
        """
        raise NotImplementedError("a conformance test says how a model of its backend is opened: define model()")

    def bad_requests(self) -> Mapping[str, InferenceRequest]:
        """Return requests that an FP32 [-1, 3] model does not take, by what is wrong with each; add your backend's own."""
        name, good = self.input_name, np.ones((2, 3), np.float32)
        return {
            "no input": InferenceRequest({}),
            "a misspelt input": InferenceRequest({name + "_": good}),
            "an unknown input more": InferenceRequest({name: good, name + "_": good}),
            "FP64 for FP32": request(name, good.astype(np.float64)),
            "BYTES for FP32": request(name, good.astype(object)),
            "complex numbers": request(name, good.astype(np.complex64)),
            "rank 1": request(name, good[0]),
            "rank 3": request(name, good[None]),
            "a wrong size": request(name, good[:, :2]),
            "a list": InferenceRequest({name: good.tolist()}),
            "None": InferenceRequest({name: None}),  # type: ignore[dict-item]  # that is what is wrong with it
        }

    def test_answers_with_its_outputs_and_the_id_of_the_request(self) -> None:
        with self._opened("FP32") as model:
            response = self._infer(model, request(self.input_name, sample("FP32"), id="seven"))

        require_outputs(response, [self.output_name], "seven")

    def test_returns_every_datatype_bit_for_bit(self) -> None:
        for datatype in self.datatypes:
            self._check_echo(datatype, sample(datatype), f"{datatype} with every value that is easily spoilt")

    def test_returns_bytes_that_are_no_text_or_refuses_them(self) -> None:
        if "BYTES" in self.datatypes:
            values = np.array([[b"\xff\xfe\x00", b"\x80", b""]], dtype=object)
            with self._opened("BYTES") as model:
                self._check_answer_or_refusal(model, values, "BYTES that are not UTF-8")

    def test_takes_tensors_without_elements(self) -> None:
        for datatype in self.datatypes:
            self._check_echo(datatype, sample(datatype)[:0], f"{datatype} [0, 3]")

    def test_keeps_rank_0_or_refuses_it(self) -> None:
        for datatype in self.datatypes:
            value = np.array(sample(datatype)[0, 1], dtype=dtype_of(datatype))
            models: list[ModelInference] = []

            def open_model(datatype: str = datatype, models: list[ModelInference] = models) -> None:
                models.append(self.model(datatype, ()))

            if refusal(open_model, f"opening a model of {datatype} []") is None:
                with _closing(models[0]) as model:
                    self._check_answer_or_refusal(model, value, f"{datatype} []")

    def test_takes_strided_arrays(self) -> None:
        for datatype in self.datatypes:
            values = sample(datatype)
            views = {
                "every other column": np.repeat(values, 2, axis=1)[:, ::2],
                "reversed": values[::-1, ::-1],
                "transposed": values.T,
                "broadcast": np.broadcast_to(values[:1], (3, 3)),
            }
            for view, array in views.items():
                self._check_echo(datatype, array, f"{datatype} {view}")

    def test_takes_big_endian_arrays(self) -> None:
        for datatype in self.datatypes:
            values = sample(datatype)
            if values.dtype.kind in "iuf" and values.dtype.itemsize > 1:
                swapped = values.astype(values.dtype.newbyteorder(">"))
                self._check_echo(datatype, swapped, f"{datatype} of big-endian byte order", want=values)

    def test_returns_writable_outputs(self) -> None:
        for datatype in self.datatypes:
            with self._opened(datatype) as model:
                output = self._echo(model, sample(datatype))

            require(output.flags.writeable, f"the {datatype} output is read-only; hand back a copy")

    def test_returns_outputs_that_belong_to_the_caller(self) -> None:
        for datatype in self.datatypes:
            values = sample(datatype)
            with self._opened(datatype) as model:
                mine = values.copy()
                first = self._echo(model, mine)
                second = self._echo(model, values[::-1].copy())
                require_same_bits(first, values, f"{datatype}: an answer after the next call")
                _overwrite(first)
                require_same_bits(mine, values, f"{datatype}: a request whose answer was written to")
                require_same_bits(second, values[::-1], f"{datatype}: an answer when an older one was written to")
                require_same_bits(self._echo(model, mine), values, f"{datatype}: an answer after an older one was written to")

    def test_never_writes_to_inputs(self) -> None:
        for datatype in self.datatypes:
            mine = sample(datatype)
            with self._opened(datatype) as model:
                self._echo(model, mine)
                what = f"a read-only {datatype} input"
                error = refusal(lambda model=model, datatype=datatype: self._echo(model, frozen(sample(datatype))), what)  # type: ignore[misc]

            require_same_bits(mine, sample(datatype), f"{datatype}: the request's array after the call")
            require(error is None, f"{what} was refused: {error}")

    def test_gives_every_thread_its_own_answer(self) -> None:
        with self._opened("FP32") as model, ThreadPoolExecutor(THREADS) as pool:
            start = threading.Barrier(THREADS)
            futures = [pool.submit(self._call_often, model, start, caller) for caller in range(THREADS)]
            wrong = [answer for future in futures for answer in future.result(CALLS * self.limit_seconds)]

        require(not wrong, f"{len(wrong)} of {THREADS * CALLS} answers went to another caller, such as {wrong[:3]}")

    def test_raises_one_clear_line_for_a_bad_request_then_answers_a_good_one(self) -> None:
        with self._opened("FP32") as model:
            for what, bad in self.bad_requests().items():
                self._refusal(model, bad, f"a request with {what}")
                require_same_bits(self._echo(model, sample("FP32")), sample("FP32"), f"a good request after {what}")

    def test_ends_a_request_that_is_past_its_deadline(self) -> None:
        with self._opened("FP32") as model:
            late = request(self.input_name, sample("FP32"), deadline=time.monotonic() - 1)
            self._refusal(model, late, "a request past its deadline")
            require_same_bits(self._echo(model, sample("FP32")), sample("FP32"), "a good request after a late one")

    def test_answers_in_one_event_loop_after_another(self) -> None:
        with self._opened("FP32") as model:
            for turn in ("first", "second"):
                output = within(self.limit_seconds, lambda: asyncio.run(self._aecho(model)), f"the {turn} asyncio.run")
                require_same_bits(output, sample("FP32"), f"the answer in the {turn} asyncio.run")

    def test_answers_in_three_event_loops_at_once(self) -> None:
        with self._opened("FP32") as model, ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(lambda: asyncio.run(self._aecho(model))) for _ in range(3)]
            outputs = [within(self.limit_seconds, future.result, "one of three event loops") for future in futures]

        for output in outputs:
            require_same_bits(output, sample("FP32"), "the answer in one of three event loops")

    def test_is_ready_while_it_is_open(self) -> None:
        with self._opened("FP32") as model:
            self._echo(model, sample("FP32"))
            open_model = within(self.limit_seconds, model.ready, "ready")
        closed_model = within(self.limit_seconds, model.ready, "ready after close")

        require(open_model is True, f"ready returned {open_model!r} after an answer, want True")
        require(closed_model is False, f"ready returned {closed_model!r} after close, want False")

    def test_closes_twice(self) -> None:
        model = self.model("FP32", ANY_BY_3)

        for turn in ("first", "second"):
            error = refusal(lambda turn=turn: within(self.limit_seconds, model.close, f"the {turn} close"), f"the {turn} close")  # type: ignore[misc]
            require(error is None, f"the {turn} close raised {error!r}")

    def test_refuses_requests_after_close(self) -> None:
        with self._opened("FP32") as model:
            pass

        error = self._refusal(model, request(self.input_name, sample("FP32")), "infer after close")

        require(isinstance(error, ClosedError), f"infer after close must raise ClosedError, got {error!r}")
