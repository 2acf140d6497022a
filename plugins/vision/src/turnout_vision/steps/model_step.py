"""The base of the steps with a model: what to change in a step whose inputs the model refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from turnout import PipelineStep
from turnout.errors import InvalidTensorError, TurnoutError
from turnout_vision.options.prepare import PrepareOptions

_SIZES = r"\[(?P<{}>-?\d+(?:, -?\d+)*)\]"
_OTHER_TENSOR = re.compile(
    r"must be (?P<datatype>\w+) " + _SIZES.format("wanted") + r", got (?P<sent>\w+) " + _SIZES.format("shape")
)
_NO_INPUT = re.compile(r"has no input '.*'; it takes: (?P<known>.+?)\.(?= Did you mean| To call it so|\Z)")
# What follows the name of each known input, where the model's signature is known.
_SPEC = re.compile(r" [A-Z]+[0-9]* \[[^\]]*\]")


@dataclass(frozen=True, slots=True)
class RefusedInput:
    """An input of a step that its model refuses.

    Attributes:
        name: the name that the step sends.
        reason: the model's words, without its advice.
        known: the inputs that the model has, if it has none of this name.
        wanted: the full shape that the model takes, if it differs in sizes alone; -1 is any size.
        shape: the full shape that the step sends, with ``wanted``.
        sent: the datatype that the step sends, if the model takes another.
    """

    name: str
    reason: str
    known: str | None = None
    wanted: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    sent: str | None = None

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """The height and width that the model takes, if it is fixed and the channels are where the step has them."""
        axis = 1 if len(self.wanted) == 4 and self.wanted[3] == self.shape[3] == 3 else 2
        if len(self.wanted) != 4 or (axis == 2 and self.wanted[1] not in (-1, self.shape[1])):
            return None
        height, width = (
            size if size != -1 else sent
            for size, sent in zip(self.wanted[axis : axis + 2], self.shape[axis : axis + 2], strict=True)
        )
        return height, width

    @property
    def other_layout(self) -> str | None:
        """The layout that the model takes, if its channels are where the step has not put them."""
        ends = [(shape[1], shape[3]) if len(shape) == 4 else () for shape in (self.wanted, self.shape)]
        match ends:
            case [(wanted, 3), (3, _)] if wanted != 3:
                return "NHWC"
            case [(3, wanted), (_, 3)] if wanted != 3:
                return "NCHW"
        return None


class ModelStep(PipelineStep):
    """The base of the steps with a model: an error of an input names the option that changes the input."""

    model: str

    def advise(self, refused: RefusedInput) -> str | None:
        """Return what to change in the step for an input that the model refuses; None if no option changes it."""
        raise NotImplementedError

    def explain(self, error: TurnoutError) -> TurnoutError:
        refused = _read_refusal(error) if isinstance(error, InvalidTensorError) else None
        advice = refused and self._advise(refused)
        if not refused or not advice:
            return error
        shown = InvalidTensorError(f"{refused.reason}, for model {self.model!r}; {advice}", field=refused.name)
        if refused.known is not None:
            shown = InvalidTensorError(f"{refused.reason}; {advice}", field=refused.name)
        shown.model, shown.backend, shown.request_id, shown.__cause__ = error.model, error.backend, error.request_id, error
        return shown

    def _advise(self, refused: RefusedInput) -> str | None:
        if refused.sent is not None:
            return f"this step sends {refused.sent} only; serve an export that takes {refused.sent}"
        return self.advise(refused)


def name_advice(refused: RefusedInput) -> str | None:
    """Return the advice for an input of a name that the model does not have; None if it has it."""
    if refused.known is None:
        return None
    names = _SPEC.sub("", refused.known)
    if "," in names:
        return "write the name of the one for the picture as `input:` in the step"
    return f"write `input: {names}` in the step"


def picture_advice(refused: RefusedInput, name: str, prepare: PrepareOptions | None) -> str | None:
    """Return the advice for the input ``name``, a picture that ``prepare`` or the checkpoint's processor made."""
    if refused.name != name:
        return None
    if refused.known is not None:
        return name_advice(refused)
    if prepare and refused.other_layout is not None:
        return f"write `layout: {refused.other_layout}` under `prepare:` of the step"
    size = refused.picture_size
    if size is None:
        return None
    if prepare is None:
        return (
            f"the checkpoint's image processor makes another size; write `prepare:` in the step, with `size: {list(size)}` and "
            "the processor's mean and std, or serve an export with free height and width"
        )
    return f"write `size: {list(size)}` under `prepare:` of the step"


def prompt_advice(refused: RefusedInput) -> str | None:
    """Return the advice for ids of a text of another length; None for another input."""
    if refused.name not in ("input_ids", "attention_mask") or len(refused.wanted) != 2 or refused.wanted[1] == -1:
        return None
    return f"write `prompt_length: {refused.wanted[1]}` in the step"


def _read_refusal(error: InvalidTensorError) -> RefusedInput | None:
    name, message = error.field, error.message
    if name is None:
        return None
    if found := _NO_INPUT.search(message):
        return RefusedInput(name, message[: found.end("known")], known=found["known"])
    found = _OTHER_TENSOR.search(message)
    if found is None:
        return None
    if found["datatype"] != found["sent"]:
        return RefusedInput(name, message[: found.end()], sent=found["sent"])
    wanted, shape = (tuple(map(int, found[key].split(", "))) for key in ("wanted", "shape"))
    same_rank = len(wanted) == len(shape)
    return RefusedInput(name, message[: found.end()], wanted=wanted, shape=shape) if same_rank else None
