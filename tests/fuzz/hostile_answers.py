"""Answers that break the rules of HTTP, or keep them and hurt: bytes, and how they are sent."""

import gzip
import itertools
import zlib
from collections.abc import Iterator
from typing import NamedTuple

GOOD = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


class Wrong(NamedTuple):
    """What a server sends: `first` at once, then `again` for ever with `pause` seconds between; then it
    closes, or with `hangs` says no more, or with `resets` breaks the connection.
    """

    name: str
    first: bytes
    again: bytes = b""
    pause: float = 0.0
    hangs: bool = False
    resets: bool = False


def whole(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """An answer with this body and its right length."""
    lines = (b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def wrong_answers() -> Iterator[Wrong]:
    """All of them."""
    yield from _framing()
    yield from _endless()
    yield from _headers()
    yield from _codings()
    yield from _bodies()
    yield from _statuses()
    yield from _quotas()
    for at in range(0, len(GOOD), 3):
        yield Wrong(f"reset after {at} bytes", GOOD[:at], resets=True)


def _framing() -> Iterator[Wrong]:
    chunked = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    yield Wrong("length too long", HEAD + b"content-length: 999\r\n\r\n{}")
    yield Wrong("length too short", HEAD + b"content-length: 1\r\n\r\n" + b"{}" * 500)
    yield Wrong("length negative", HEAD + b"content-length: -5\r\n\r\n{}")
    yield Wrong("length no number", HEAD + b"content-length: 1e3\r\n\r\n{}")
    yield Wrong("length huge", HEAD + b"content-length: " + b"9" * 400 + b"\r\n\r\n{}")
    yield Wrong("two lengths", HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}")
    yield Wrong("chunk sizes that are none", chunked + b"zz\r\n{}\r\n0\r\n\r\n")
    yield Wrong("chunk size negative", chunked + b"-5\r\n{}\r\n0\r\n\r\n")
    yield Wrong("chunk size huge", chunked + b"f" * 300 + b"\r\n{}")
    yield Wrong("chunk extension endless", chunked + b"2;", again=b"a" * 65_536)
    yield Wrong("chunk trailers endless", chunked + b"2\r\n{}\r\n0\r\n", again=b"x-a: b\r\n" * 1_000)
    yield Wrong("chunks of one byte", chunked, again=b"1\r\n1\r\n" * 5_000)
    yield Wrong("nothing", b"")
    yield Wrong("HTTP/0.9", b"{}")
    yield Wrong("HTTP/9.9", b"HTTP/9.9 200 OK\r\n\r\n")
    yield Wrong("TLS alert", b"\x15\x03\x01\x00\x02\x02\x28" * 50)
    yield Wrong("garbage", bytes(range(256)) * 300)
    yield Wrong("two answers", GOOD + GOOD)
    yield Wrong(
        "unasked upgrade",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nx",
        hangs=True,
    )


def _endless() -> Iterator[Wrong]:
    yield Wrong("silence", b"", hangs=True)
    yield Wrong("slow status line", b"", again=b"H", pause=0.05)
    yield Wrong("slow headers", HEAD, again=b"x-a: b\r\n", pause=0.05)
    yield Wrong("slow body", HEAD + b"content-length: 100000\r\n\r\n", again=b" ", pause=0.05)
    yield Wrong("endless body", HEAD + b"\r\n", again=b" " * 65_536)
    yield Wrong("endless header line", HEAD + b"x-a: ", again=b"a" * 65_536)
    yield Wrong("endless headers", HEAD, again=b"x-a: b\r\n" * 5_000)
    yield Wrong("endless status line", b"HTTP/1.1 200 ", again=b"a" * 65_536)
    yield Wrong("100 for ever", b"", again=b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
    yield Wrong(
        "103 for ever", b"", again=b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 100, pause=0.001
    )


def _headers() -> Iterator[Wrong]:
    yield Wrong("100,000 headers", HEAD + b"".join(b"x-%d: b\r\n" % n for n in range(100_000)) + b"\r\n{}")
    yield Wrong("header of 1 MiB", HEAD + b"x-a: " + b"a" * (1 << 20) + b"\r\n\r\n{}")
    yield Wrong(
        "cookies", HEAD + b"set-cookie: a=b; domain=.com\r\n" * 2_000 + b"content-length: 2\r\n\r\n{}"
    )
    yield Wrong("header without name", HEAD + b": b\r\n\r\n{}")
    yield Wrong("header with NUL", HEAD + b"x-a: \x00\r\n\r\n{}")
    yield Wrong("header folded", HEAD + b"x-a: a\r\n b\r\ncontent-length: 2\r\n\r\n{}")
    yield Wrong("header in latin-1", HEAD + b"x-a: \xe9\xff\r\ncontent-length: 2\r\n\r\n{}")
    yield Wrong("charset unknown", whole(b"{}", b"content-type: application/json; charset=klingon"))
    yield Wrong("charset rot13", whole(b"{}", b"content-type: text/plain; charset=rot13"))
    yield Wrong("link header", whole(b"[]", b"link: " + b"<" * 4_000))


def _codings() -> Iterator[Wrong]:
    zeros = bytes(64 << 20)
    deflated = zlib.compress(zeros)
    for coding, body in (
        (b"gzip", gzip.compress(zeros)),
        (b"deflate", deflated),
        (b"gzip", gzip.compress(b"{}")[:-5]),
        (b"gzip", b"no gzip at all"),
        (b"gzip", gzip.compress(b"{}") + b"rest"),
        (b"gzip", gzip.compress(b"") * 5_000),
        (b"deflate", b"\x78\x9c\xff"),
        (b"br", b"\x8b\x05\x80{}\x03"),
        (b"zstd", b"\x28\xb5\x2f\xfd"),
        (b"gzip, gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
        (b"x" * 5_000, b"{}"),
        (b"identity", b"{}"),
    ):
        yield Wrong(
            f"coding {coding[:16].decode()} of {len(body)}", whole(body, b"content-encoding: " + coding)
        )


def _bodies() -> Iterator[Wrong]:
    bodies = {
        "deep lists": b"[" * 100_000,
        "deep closed lists": b"[" * 5_000 + b"]" * 5_000,
        "deep objects": b'{"a":' * 100_000,
        "huge integer": b'{"ok":' + b"9" * 100_000 + b"}",
        "NaN": b'{"ok":NaN,"data":-Infinity,"a":1e999}',
        "lone surrogates": b'{"ok":true,"error":"\\ud800\\udfff\\ud800"}',
        "raw surrogates": b'{"error":"\xed\xa0\x80"}',
        "latin-1": b'{"error":"\xe9"}',
        "UTF-16": '{"ok":true}'.encode("utf-16"),
        "BOM": b'\xef\xbb\xbf{"ok":true}',
        "NUL": b"\x00" * 100,
        "text": b"Service Unavailable",
        "a page": b"<html>" * 1_000,
        "double keys": b'{"ok":true,"ok":false,"ok":[]}',
    }
    for name, body in bodies.items():
        yield Wrong(f"body: {name}", whole(body, b"content-type: application/json"))
        yield Wrong(f"error: {name}", whole(body, status=b"500 Oh"))
    names = (
        "ok",
        "error",
        "message",
        "status",
        "data",
        "items",
        "response_metadata",
        "errorType",
        "needed",
        "result",
    )
    values = (b"null", b"[]", b"{}", b"7", b"-1e300", b'""', b'["a"]', b"true", b'"\\u0000"')
    for name, value in itertools.product(names, values):
        body = b'{"ok":false,"%s":%s}' % (name.encode(), value)
        yield Wrong(
            f"{name} is {value.decode()}", whole(body, status=b"200 OK" if name != "message" else b"403 No")
        )


def _statuses() -> Iterator[Wrong]:
    for status in (
        b"000 A",
        b"099 A",
        b"199 A",
        b"999 A",
        b"1000 A",
        b"20 A",
        b"-200 A",
        b"2e2 A",
        b"abc A",
        b"204 A",
        b"205 A",
        b"304 A",
        b"200",
        b"",
    ):
        yield Wrong(f"status {status.decode()}", whole(b"{}", status=status))
    for place in (b"/", b"//evil.invalid/", b"http://[::1", b"javascript:x", b"/" + b"a" * 60_000, b"\xff"):
        yield Wrong(f"redirect to {place[:12]!r}", whole(b"", b"location: " + place, status=b"302 Found"))


def _quotas() -> Iterator[Wrong]:
    values = (
        b"1e308",
        b"-1",
        b"nan",
        b"inf",
        b"x" * 3_000,
        b"9" * 4_500,
        b"",
        b"Fri, 31 Dec 9999 23:59:59 GMT",
        b"Thu, 99 Foo -1",
        b"\xff",
        b"0x10",
        b"1,2",
    )
    for value, status in itertools.product(values, (b"200 OK", b"429 Slow")):
        names = (
            b"retry-after",
            b"x-ratelimit-limit",
            b"x-ratelimit-remaining",
            b"x-ratelimit-reset",
            b"x-ratelimit-used",
            b"x-ratelimit-resource",
        )
        yield Wrong(
            f"limits of {value[:10]!r} with {status.decode()}",
            whole(b'{"ok":true}', *(name + b": " + value for name in names), status=status),
        )
