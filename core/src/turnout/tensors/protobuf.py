"""Numbers in protobuf messages, read without their classes, which would copy the tensors' data or import a runtime.

The wire format: a key is ``field number << 3 | wire type``; 0 is a varint, 1 eight bytes, 2 a length with so many bytes, 5 four
bytes (protobuf's documentation, "Encoding").
"""

from __future__ import annotations

VARINT, EIGHT_BYTES, LENGTH_DELIMITED, FOUR_BYTES = 0, 1, 2, 5
FIXED_BYTES = {EIGHT_BYTES: 8, FOUR_BYTES: 4}
_MAX_UINT64 = 2**64 - 1


def read_varint(message: memoryview, offset: int) -> tuple[int, int]:
    """Return the number that starts at ``offset``, and the offset after it; a negative int64 is read as its two's complement.

    Raises:
        IndexError: the message ends inside of the number.
        ValueError: the number has more than 64 bits.
    """
    value = shift = 0
    # Ten bytes hold 64 bits. Without a limit, a file of 0xFF bytes is one endless number.
    while shift < 70:
        byte = message[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MAX_UINT64, offset
        shift += 7
    raise ValueError("a number has more than 64 bits")
