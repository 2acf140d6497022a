"""Tensors: KServe v2 datatypes to and from numpy, tensor specs, and the raw binary form."""

from __future__ import annotations

from turnout.tensors.binary import from_binary, to_binary
from turnout.tensors.datatypes import BYTES, DTYPES, datatype_of, dtype_of
from turnout.tensors.device import DeviceTensor, device_tensor_of
from turnout.tensors.elements import as_bytes_elements, check_utf8
from turnout.tensors.protobuf import read_varint
from turnout.tensors.protobuf_file import ProtobufMessage, open_protobuf
from turnout.tensors.rows import RowProof, prove_rows
from turnout.tensors.spec import TensorSpec, as_tensor, describe, parse_spec

__all__ = [
    "BYTES",
    "DTYPES",
    "DeviceTensor",
    "ProtobufMessage",
    "RowProof",
    "TensorSpec",
    "as_bytes_elements",
    "as_tensor",
    "check_utf8",
    "datatype_of",
    "describe",
    "device_tensor_of",
    "dtype_of",
    "from_binary",
    "open_protobuf",
    "parse_spec",
    "prove_rows",
    "read_varint",
    "to_binary",
]
