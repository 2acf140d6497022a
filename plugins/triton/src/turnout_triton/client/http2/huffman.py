"""HPACK's Huffman code (RFC 7541, appendix B)."""

from __future__ import annotations

# The code is canonical, so the number of bits of each byte, and of the end mark behind them, is all of it.
_BITS = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c060a0a0c0d06080b0a0a080b080606060505"
    "050606060606060607080f060c0a0d06070707070707070707070707070707070707070707070807080d130d0e060f050605"
    "06050606060507070606060506070605050607070707070f0b0e0d1c14161414161616171617171717171817181816171817"
    "1717171516171617171816151416161717151716161815161717151516151716171714161616171616171a1a141316171619"
    "1a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b14181415161515171616191918181a171a1b1a1a1b1b1b1b1b1c"
    "1b1b1b1b1b1a1e"
)
_END = 256
_MOST_BITS, _MOST_PADDING_BITS = max(_BITS), 7


def _codes() -> dict[tuple[int, int], int]:
    """Return the symbol of each code, by the number of its bits and their value."""
    codes, code, before = {}, 0, 0
    for bits, symbol in sorted((bits, symbol) for symbol, bits in enumerate(_BITS)):
        code <<= bits - before
        codes[bits, code] = symbol
        code, before = code + 1, bits
    return codes


_SYMBOLS = _codes()


def decode_huffman(packed: bytes) -> bytes:
    """Return the bytes that ``packed`` encodes.

    Raises:
        ValueError: it is no such text.
    """
    decoded, code, bits = bytearray(), 0, 0
    for byte in packed:
        for shift in range(7, -1, -1):
            code, bits = code << 1 | byte >> shift & 1, bits + 1
            symbol = _SYMBOLS.get((bits, code))
            if symbol == _END or bits > _MOST_BITS:
                raise ValueError("an end mark inside a text")
            if symbol is not None:
                decoded.append(symbol)
                code = bits = 0
    if bits > _MOST_PADDING_BITS or code != (1 << bits) - 1:
        raise ValueError("a text that ends inside a code")
    return bytes(decoded)
