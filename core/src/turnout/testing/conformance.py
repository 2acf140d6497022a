"""The conformance kit: the checks that every backend must pass."""

from __future__ import annotations

import os
import threading
import time

import numpy as np

from turnout.errors import ClosedError, DeadlineExceededError, InvalidRequestError
from turnout.inference import ModelInference
from turnout.tensors import dtype_of
from turnout.testing.async_duties import AsyncDuties
from turnout.testing.echo_kit import ANY_BY_3
from turnout.testing.probing import (
    Pending,
    overwrite,
    refusal,
    require,
    require_outputs,
    require_same_bits,
    run_in_child,
)
from turnout.testing.samples import plain, sample

THREADS = 8
CALLS = 200


class ModelInferenceConformance(AsyncDuties):
    """The duties of a backend, as tests.

    - Outputs have the bits, datatype and shape of the model; they are writable and belong to the caller.
    - Inputs are never written to, and may be read-only, strided, empty or big-endian.
    - ``infer`` and ``ainfer`` work from many threads and event loops at once, and do the same. ``ainfer`` ends with its caller.
    - A bad request raises InvalidRequestError, a late one DeadlineExceededError, with one clear line.
    - A forked child gets an answer or one clear error, and does not hang.
    - After ``close``, which may be called twice, ``ready`` returns False and ``infer`` raises ClosedError.

    Subclass it in your tests, and define how a model of your backend is opened::

        from turnout.testing import ModelInferenceConformance


        class TestMyBackend(ModelInferenceConformance):
            datatypes = ("FP32", "INT64", "BYTES")

            def model(self, datatype, shape):
                return open_my_backend(write_echo_model(datatype, shape))

    pytest collects the subclass by its name; the kit itself needs no pytest. Every test opens its own models and closes
    them, so ``model`` returns a new one each time. Fixtures such as ``tmp_path`` come from an autouse fixture of your class.
    The plainest echo finds most, because it may return its own input: ``Identity`` in ONNX, a torch module whose ``forward``
    is ``return x``. To check your middleware too, return the model wrapped in it. ``input_name`` and ``output_name`` may be
    any names; ``bad_requests`` accepts more requests; ``limit_seconds`` is the time after which a call counts as hanging.
    """

    def test_answers_with_its_outputs_and_the_id_of_the_request(self) -> None:
        with self.open_echo("FP32") as model:
            response = self.infer(model, self.request(plain("FP32"), id="seven"))

        require_outputs(response, [self.output_name])
        require(response.id == "seven", f"the response has id {response.id!r}, the request 'seven'")

    def test_returns_every_datatype_bit_for_bit(self) -> None:
        for datatype in self.datatypes:
            with self.open_echo(datatype) as model:
                self.require_echo(model, sample(datatype), f"{datatype} [3, 3]")

    def test_returns_bytes_that_are_no_text_or_refuses_them(self) -> None:
        if "BYTES" in self.datatypes:
            with self.open_echo("BYTES") as model:
                values = np.array([[b"\xff\xfe\x00", b"\x80", b"a"]], dtype=object)
                self.require_echo_or_refusal(model, values, "BYTES that are not UTF-8")

    def test_takes_tensors_without_elements(self) -> None:
        for datatype in self.datatypes:
            with self.open_echo(datatype) as model:
                self.require_echo(model, plain(datatype)[:0], f"{datatype} [0, 3]")

    def test_keeps_rank_0_or_refuses_it(self) -> None:
        for datatype in self.datatypes:
            value = np.array(plain(datatype)[0, 1], dtype=dtype_of(datatype))
            refusal(lambda datatype=datatype, value=value: self._require_rank_0(datatype, value), f"{datatype} []")  # type: ignore[misc]

    def test_takes_strided_arrays(self) -> None:
        for datatype in self.datatypes:
            values = plain(datatype)
            with self.open_echo(datatype) as model:
                self.require_echo(model, np.repeat(values, 2, axis=1)[:, ::2], f"{datatype}, every other column")
                self.require_echo(model, values[::-1, ::-1], f"{datatype}, reversed")
                self.require_echo(model, values.T, f"{datatype}, transposed")

    def test_takes_big_endian_arrays(self) -> None:
        for datatype in self.datatypes:
            values = plain(datatype)
            if values.dtype.kind in "iuf" and values.dtype.itemsize > 1:
                swapped = values.astype(values.dtype.newbyteorder(">"))
                with self.open_echo(datatype) as model:
                    require_same_bits(self.echo(model, swapped), values, f"{datatype}, big-endian")

    def test_returns_writable_outputs(self) -> None:
        for datatype in self.datatypes:
            with self.open_echo(datatype) as model:
                output = self.echo(model, plain(datatype))

            require(output.flags.writeable, f"the {datatype} output is read-only; return a copy")

    def test_returns_outputs_that_belong_to_the_caller(self) -> None:
        for datatype in self.datatypes:
            with self.open_echo(datatype) as model:
                # All calls in one thread, because a backend may keep a buffer for each thread.
                calls = Pending(lambda model=model, datatype=datatype: self._require_ownership(model, datatype))  # type: ignore[misc]
                calls.result(self.limit_seconds, "three calls")

    def test_never_writes_to_inputs(self) -> None:
        for datatype in self.datatypes:
            values = plain(datatype)
            with self.open_echo(datatype) as model:
                self.echo(model, values)
            require_same_bits(values, plain(datatype), f"{datatype}: the request's array after the call")

    def test_takes_read_only_inputs(self) -> None:
        for datatype in self.datatypes:
            values = np.broadcast_to(plain(datatype)[:1], (3, 3))
            with self.open_echo(datatype) as model:
                error = self.refusal_of(model, self.request(values), f"a read-only {datatype} input")
            require(error is None, f"a read-only {datatype} input was refused: {error}")

    def test_gives_every_thread_its_own_answer(self) -> None:
        with self.open_echo("FP32") as model:
            start = threading.Barrier(THREADS)
            callers = [Pending(lambda caller=caller: self._call_often(model, start, caller)) for caller in range(THREADS)]  # type: ignore[misc]
            wrong = [answer for caller in callers for answer in caller.result(self.limit_seconds, f"{CALLS} calls")]

        require(not wrong, f"{len(wrong)} of {THREADS * CALLS} answers are another caller's, such as {wrong[:3]} (sent, got)")

    def test_refuses_a_bad_request_with_one_clear_line_then_answers_a_good_one(self) -> None:
        with self.open_echo("FP32") as model:
            for what, bad in self.bad_requests().items():
                error = self.refusal_of(model, bad, f"a request with {what}")
                require(
                    isinstance(error, InvalidRequestError),
                    f"a request with {what} must raise InvalidRequestError, got {error!r}",
                )
                self.require_echo(model, plain("FP32"), f"a good request after one with {what}")

    def test_refuses_a_request_that_is_past_its_deadline(self) -> None:
        with self.open_echo("FP32") as model:
            late = self.request(plain("FP32"), deadline=time.monotonic() - 1)
            error = self.refusal_of(model, late, "a request past its deadline")
            require(
                isinstance(error, DeadlineExceededError),
                f"a request past its deadline must raise DeadlineExceededError, got {error!r}; "
                "call request.check_deadline() first",
            )
            self.require_echo(model, plain("FP32"), "a good request after a late one")

    def test_answers_or_refuses_in_a_forked_child(self) -> None:
        if not hasattr(os, "fork"):
            return
        with self.open_echo("FP32") as model:
            self.require_echo(model, plain("FP32"), "a request before a fork")
            run_in_child(lambda: self._require_answer_or_refusal(model), self.limit_seconds, "infer")
            self.require_echo(model, plain("FP32"), "a request in the parent after a fork")

    def test_is_ready_until_it_is_closed(self) -> None:
        with self.open_echo("FP32") as model:
            self.echo(model, plain("FP32"))
            before = Pending(model.ready).result(self.limit_seconds, "ready")
        after = Pending(model.ready).result(self.limit_seconds, "ready after close")

        require(before is True, f"ready returned {before!r} after an answer, expected True")
        require(after is False, f"ready returned {after!r} after close, expected False")

    def test_closes_twice(self) -> None:
        model = self.model("FP32", ANY_BY_3)

        for turn in ("first", "second"):
            Pending(model.close).result(self.limit_seconds, f"the {turn} close")

    def test_refuses_requests_after_close(self) -> None:
        with self.open_echo("FP32") as model:
            pass

        error = self.refusal_of(model, self.request(plain("FP32")), "infer after close")

        require(isinstance(error, ClosedError), f"infer after close must raise ClosedError, got {error!r}")

    def _require_rank_0(self, datatype: str, value: np.ndarray[tuple[()], np.dtype[np.generic]]) -> None:
        with self.open_echo(datatype, ()) as model:
            self.require_echo(model, value, f"{datatype} []")

    def _require_ownership(self, model: ModelInference, datatype: str) -> None:
        mine = plain(datatype)
        first = self.echo_here(model, mine)
        second = self.echo_here(model, plain(datatype)[::-1].copy())
        sent, other = mine.copy(), second.copy()
        require_same_bits(first, plain(datatype), f"{datatype}: an answer after the next call")
        overwrite(first)
        require_same_bits(mine, sent, f"{datatype}: writing to an output changed the input; return a copy, not a view of it")
        require_same_bits(second, other, f"{datatype}: an answer after an older one was written to")
        require_same_bits(self.echo_here(model, plain(datatype)), plain(datatype), f"{datatype}: the next answer after that")

    def _require_answer_or_refusal(self, model: ModelInference) -> None:
        refusal(lambda: require_same_bits(self.echo_here(model, plain("FP32")), plain("FP32"), "the answer"), "infer")

    def _call_often(self, model: ModelInference, start: threading.Barrier, caller: int) -> list[tuple[int, float]]:
        start.wait(self.limit_seconds)
        wrong = []
        for number in range(caller * CALLS, (caller + 1) * CALLS):
            got = float(self.echo_here(model, np.full((1, 3), number, np.float32))[0, 0])
            if got != number:
                wrong.append((number, got))
        return wrong
