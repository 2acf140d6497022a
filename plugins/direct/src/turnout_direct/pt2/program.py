"""The graph in a ``.pt2`` file: ``models/model.json``, by the schema of torch 2.13 without what can be code.

Left out of the schema are objects of other classes, whose constructors would run, and remarks about the source.
"""

from __future__ import annotations

import re
from typing import Any

from turnout_direct.pt2.expressions import is_symbol, read_guard
from turnout_direct.pt2.grammar import (
    boolean,
    dropped,
    empty,
    integer,
    list_of,
    mapping_of,
    name,
    nullable,
    path_name,
    real,
    record,
    text,
    union,
    word,
)
from turnout_direct.pt2.operators import WORDS, check_operator
from turnout_direct.pt2.refusal import Pt2RefusedError, quoted
from turnout_direct.pt2.sample_inputs import is_plain_word
from turnout_direct.pt2.tensor_values import DEVICE, SYM_BOOL, SYM_FLOAT, SYM_INT, TENSOR_META
from turnout_direct.pt2.tree_spec import read_tree_spec


def read_program(value: Any) -> Any:
    """Return a graph, written again.

    Raises:
        Pt2RefusedError: it has a part that is not known to be harmless.
    """
    return _PROGRAM(value)


def _target(value: str) -> str:
    check_operator(value)
    return value


def _range_key(value: str) -> str:
    # torch counts up to the number of a symbol that depends on data.
    if re.fullmatch(r"[A-Za-z0-9_+\-*/%(), .]{1,300}", value) is None or (value[:1] in "uz" and not is_symbol(value)):
        raise Pt2RefusedError(f"{quoted(value)} is no size")
    return value


def _plain_word(value: Any) -> str:
    if not is_plain_word(value):
        raise Pt2RefusedError(f"the constant input {quoted(value)} is no word")
    return str(value)


def _argument_name(value: Any) -> str:
    # Arguments of nested graphs have no name.
    return name(value) if value != "" else value


def _nested_graph(value: Any) -> Any:
    return _GRAPH(value)


def _nested_argument(value: Any) -> Any:
    return _ARGUMENT(value)


_TENSOR = record({"name": name})
_SYM_INT_ARGUMENT = union({"as_name": name, "as_int": integer})
_SYM_FLOAT_ARGUMENT = union({"as_name": name, "as_float": real})
_SYM_BOOL_ARGUMENT = union({"as_name": name, "as_bool": boolean})
_OPTIONAL_TENSOR = union({"as_tensor": _TENSOR, "as_none": boolean})
_ARGUMENT = union(
    {
        "as_none": boolean,
        "as_tensor": _TENSOR,
        "as_tensors": list_of(_TENSOR),
        "as_int": integer,
        "as_ints": list_of(integer),
        "as_float": real,
        "as_floats": list_of(real),
        "as_string": word,
        "as_sym_int": _SYM_INT_ARGUMENT,
        "as_sym_ints": list_of(_SYM_INT_ARGUMENT),
        "as_scalar_type": integer,
        "as_memory_format": integer,
        "as_layout": integer,
        "as_device": DEVICE,
        "as_bool": boolean,
        "as_bools": list_of(boolean),
        "as_sym_bool": _SYM_BOOL_ARGUMENT,
        "as_sym_bools": list_of(_SYM_BOOL_ARGUMENT),
        "as_graph": record({"name": name, "graph": _nested_graph}),
        "as_optional_tensors": list_of(_OPTIONAL_TENSOR),
        "as_sym_float": _SYM_FLOAT_ARGUMENT,
        "as_sym_floats": list_of(_SYM_FLOAT_ARGUMENT),
        "as_optional_tensor": _OPTIONAL_TENSOR,
        "as_complex": record({"real": real, "imag": real}),
        "as_nested_tensors": list_of(list_of(_TENSOR)),
        "as_int_lists": list_of(list_of(integer)),
        "as_float_lists": list_of(list_of(real)),
        "as_string_to_argument": mapping_of(name, _nested_argument),
    }
)
_GRAPH_INPUT = union(
    {
        "as_none": boolean,
        "as_tensor": _TENSOR,
        "as_int": integer,
        "as_float": real,
        "as_string": _plain_word,
        "as_bool": boolean,
        "as_sym_int": _SYM_INT_ARGUMENT,
    }
)
_NAMED_ARGUMENT = record({"name": _argument_name, "arg": _ARGUMENT, "kind": nullable(integer)})


def _input(value: Any) -> Any:
    parsed = _NAMED_ARGUMENT(value)
    if "as_string" in parsed.get("arg", {}) and parsed.get("name") not in WORDS:
        raise Pt2RefusedError(f"argument {quoted(parsed.get('name'))} is a text, {quoted(parsed['arg']['as_string'])}")
    return parsed


_GRAPH = record(
    {
        "inputs": list_of(_GRAPH_INPUT),
        "outputs": list_of(_ARGUMENT),
        "nodes": list_of(
            record(
                {
                    "target": text(_target),
                    "inputs": list_of(_input),
                    "outputs": list_of(_ARGUMENT),
                    "metadata": dropped,
                    "is_hop_single_tensor_return": nullable(boolean),
                    "name": nullable(name),
                }
            )
        ),
        "tensor_values": mapping_of(name, TENSOR_META),
        "sym_int_values": mapping_of(name, SYM_INT),
        "sym_bool_values": mapping_of(name, SYM_BOOL),
        "sym_float_values": mapping_of(name, SYM_FLOAT),
        "is_single_tensor_return": boolean,
        "custom_obj_values": empty,
    }
)
_CONSTANT = union({"as_none": boolean, "as_int": integer, "as_float": real, "as_string": _plain_word, "as_bool": boolean})
_TENSOR_OF = {"arg": _TENSOR}
_INPUT = union(
    {
        "user_input": record({"arg": _ARGUMENT}),
        "parameter": record({**_TENSOR_OF, "parameter_name": path_name}),
        "buffer": record({**_TENSOR_OF, "buffer_name": path_name, "persistent": boolean}),
        "tensor_constant": record({**_TENSOR_OF, "tensor_constant_name": path_name}),
        "constant_input": record({"name": name, "value": _CONSTANT}),
    }
)
_OUTPUT = union(
    {
        "user_output": record({"arg": _ARGUMENT}),
        "buffer_mutation": record({**_TENSOR_OF, "buffer_name": path_name}),
        "parameter_mutation": record({**_TENSOR_OF, "parameter_name": path_name}),
        "user_input_mutation": record({**_TENSOR_OF, "user_input_name": name}),
    }
)
_CALL = record(
    {
        "inputs": list_of(_ARGUMENT),
        "outputs": list_of(_ARGUMENT),
        "in_spec": text(read_tree_spec),
        "out_spec": text(read_tree_spec),
        "forward_arg_names": nullable(list_of(name)),
    }
)
_PROGRAM = record(
    {
        "graph_module": record(
            {
                "graph": _GRAPH,
                "signature": record({"input_specs": list_of(_INPUT), "output_specs": list_of(_OUTPUT)}),
                "module_call_graph": list_of(record({"fqn": path_name, "signature": nullable(_CALL)})),
                "metadata": dropped,
                "treespec_namedtuple_fields": empty,
            }
        ),
        "opset_version": mapping_of(name, integer),
        "range_constraints": mapping_of(text(_range_key), record({"min_val": nullable(integer), "max_val": nullable(integer)})),
        "schema_version": record({"major": integer, "minor": integer}),
        "verifiers": list_of(name),
        "torch_version": word,
        "guards_code": list_of(text(read_guard)),
    }
)
