"""XML bodies: read as values that pointers lead into, within bounds, and without what XML is abused for."""

import time

import msgspec
import pytest

from integrations.webhooks.xml_bodies import MAX_DEPTH, MAX_NODES, conceal_xml, read_xml


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"<a>x</a>", {"a": "x"}),
        (b"<a/>", {"a": ""}),
        (b"<a> <b>1</b> <c> two </c> </a>", {"a": {"b": "1", "c": "two"}}),
        (b"<a><b/><b/><b>3</b></a>", {"a": {"b": ["", "", "3"]}}),
        (b'<a k="v">text</a>', {"a": {"@k": "v", "#text": "text"}}),
        (b'<s:a xmlns:s="urn:1" xmlns="urn:2" s:t="f:X"><b>1</b></s:a>', {"a": {"@t": "f:X", "b": "1"}}),
        (b"<a><![CDATA[<b>]]>&amp;&#233;<!-- no --></a>", {"a": "<b>&\u00e9"}),
        ('<?xml version="1.0" encoding="UTF-16"?><a>\u20ac</a>'.encode("utf-16"), {"a": "\u20ac"}),
    ],
)
def test_elements_attributes_and_texts_are_places_without_prefixes(body: bytes, value: object) -> None:
    assert read_xml(body) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<a>",
        b"<a/><b/>",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "http://a.example/x.dtd"><a/>',
        b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1),
        b"<a>" + b"<b/>" * MAX_NODES + b"</a>",
        b"<a " + b" ".join(b'k%d="v"' % number for number in range(MAX_NODES)) + b"/>",
    ],
    ids=lambda body: body[:40].decode(errors="replace"),
)
def test_what_is_no_xml_or_more_than_anybody_sends_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_xml(body)
    with pytest.raises(msgspec.DecodeError):
        conceal_xml(body, {("a",)})


def test_what_is_within_the_bounds_is_read_whole() -> None:
    deep = b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH
    wide = read_xml(b"<a>" + b"<b/>" * (MAX_NODES - 1) + b"</a>")

    assert isinstance(read_xml(deep), dict)
    assert wide == {"a": {"b": [""] * (MAX_NODES - 1)}}


def test_a_bomb_of_entities_costs_nothing() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 10}">' for n in range(10))
    begin = time.perf_counter()

    with pytest.raises(msgspec.DecodeError):
        read_xml(f"<!DOCTYPE a [{entities}]><a>&e9;</a>".encode())

    assert time.perf_counter() - begin < 1


def test_what_is_concealed_goes_with_all_that_is_within_and_the_rest_stays() -> None:
    body = (
        b'<s:a xmlns:s="urn:1"><s:key k="1">one<b>two</b></s:key><c t="three" u="4">&lt;c&gt;</c>'
        b"<key>five</key></s:a>"
    )

    written = conceal_xml(body, {("a", "key"), ("a", "c", "@t")})

    assert read_xml(written) == {
        "a": {"key": ["[concealed]", "[concealed]"], "c": {"@t": "[concealed]", "@u": "4", "#text": "<c>"}}
    }
    assert b's:a xmlns:s="urn:1"' in written
    assert not [one for one in (b"one", b"two", b"three", b"five") if one in written]
