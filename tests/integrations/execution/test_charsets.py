"""A body's text, whatever charset the other end says it is in."""

import bz2

import pytest

from integrations.execution.transport import Reply


def text(content_type: str, body: bytes) -> str:
    return Reply(status=200, headers={"content-type": content_type}, body=body).text()


@pytest.mark.parametrize(
    ("content_type", "body", "wanted"),
    [
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ('text/plain; Charset = "UTF-16"', "é".encode("utf-16"), "é"),
        ("text/plain", "é".encode(), "é"),
        ("", b"\xff", "\ufffd"),
        ("text/plain; charset=utf-16", b"a", "\ufffd"),
    ],
)
def test_a_body_is_read_in_the_charset_that_is_named_or_in_utf_8(
    content_type: str, body: bytes, wanted: str
) -> None:
    assert text(content_type, body) == wanted


@pytest.mark.parametrize(
    "charset",
    ["rot13", "hex", "bz2", "zlib", "punycode", "idna", "undefined", "unicode_escape", "é", "a\0b", '"', ""],
)
def test_what_is_no_charset_of_texts_is_read_as_utf_8(charset: str) -> None:
    assert text(f"text/plain; charset={charset}", rb"a\d-" * 3) == r"a\d-" * 3


def test_a_charset_that_unpacks_unpacks_nothing() -> None:
    assert len(text("text/plain; charset=bz2", bz2.compress(bytes(1 << 20)))) < 1_000


def test_a_charset_that_takes_the_square_of_the_time_is_not_used() -> None:
    assert len(text("text/plain; charset=punycode", b"-" + b"a9" * 500_000)) == 1_000_001
