"""Header fields in HPACK without a dynamic table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_triton.client.http2.hpack import decode_fields, encode_fields
from turnout_triton.client.http2.huffman import decode_huffman

TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300)


@pytest.mark.parametrize(
    ("packed", "text"),
    [  # RFC 7541, appendix C
        ("f1e3c2e5f23a6ba0ab90f4ff", b"www.example.com"),
        ("a8eb10649cbf", b"no-cache"),
        ("25a849e95ba97d7f", b"custom-key"),
        ("25a849e95bb8e8b4bf", b"custom-value"),
        ("6402", b"302"),
        ("aec3771a4b", b"private"),
        ("d07abe941054d444a8200595040b8166e082a62d1bff", b"Mon, 21 Oct 2013 20:13:21 GMT"),
        ("9d29ad171863c78f0b97c8e9ae82ae43d3", b"https://www.example.com"),
        ("94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007", None),
        ("", b""),
    ],
)
def test_huffmans_code_is_the_standards(packed, text) -> None:
    expected = b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1" if text is None else text

    assert decode_huffman(bytes.fromhex(packed)) == expected


@pytest.mark.parametrize("packed", ["00", "ff", "ffffffff", "f1e3c2e5f23a6ba0ab90f4", "ff" * 100])
def test_a_text_that_is_not_huffmans_is_refused(packed) -> None:
    with pytest.raises(ValueError, match=r"inside a (code|text)"):
        decode_huffman(bytes.fromhex(packed))


@given(st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=8))
def test_fields_come_back(fields) -> None:
    assert dict(decode_fields(encode_fields(fields.items()))) == fields


def test_fields_of_the_static_table_and_every_kind_of_literal_are_read() -> None:
    size_update, status = "20", "88"
    content_type = "5f10" + b"application/grpc".hex()
    etag = "0f130167"  # index 34 needs a second byte where the prefix has four bits
    literals = "4001610162" + "0001630164" + "1001650166"

    fields = decode_fields(bytes.fromhex(size_update + status + content_type + literals + etag))

    expected = {":status": "200", "content-type": "application/grpc", "a": "b", "c": "d", "e": "f", "etag": "g"}
    assert dict(fields) == expected


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ("ffffffffffffff", "a number that is too large"),
        ("80", "index 0"),
        ("be", "index 62"),
        ("00", "ends behind its block"),
        ("0005616263", "ends behind its block"),
        ("000161", "ends behind its block"),
        ("ff", "ends behind its block"),
        ("0083ffffff00", "inside a code"),
    ],
)
def test_a_block_that_is_not_hpack_is_refused(block, text) -> None:
    with pytest.raises(ValueError, match=text):
        decode_fields(bytes.fromhex(block))


@given(st.binary(max_size=200))
def test_garbage_is_fields_or_a_value_error(block) -> None:
    try:
        decode_fields(block)
    except ValueError:
        return
