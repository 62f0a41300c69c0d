"""A request without a body is the one that httpx makes."""

import httpx
import pytest

from integrations.execution.bodiless import bodiless
from integrations.execution.failure import TransportFailure
from integrations.execution.outgoing import body_of, written

URLS = [
    "https://shop.example/a?b=c",
    "http://shop.example:8080",
    "https://[::1]:444/",
    "http://b\u00fccher.example/",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "get"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"user-agent": "probe/1 (of ours)"}, {"user-agent": "probe", "x-a": "b"}, {"host": "other.example"}],
)
async def test_it_is_what_httpx_makes(url, method, headers):
    made = bodiless(method, httpx.URL(url), headers)
    wanted = httpx.Request(method, url, headers=headers)
    assert written(made, await body_of(made)) == written(wanted, await body_of(wanted))
    assert (made.method, made.url, made.headers.raw) == (wanted.method, wanted.url, wanted.headers.raw)
    assert written(made, await body_of(made)) == written(wanted, await body_of(wanted))
    assert (made.read(), await made.aread(), list(made.stream)) == (b"", b"", [b""])


def test_what_is_put_into_its_fields_is_sent():
    request = bodiless("GET", httpx.URL("https://shop.example/"), {"user-agent": "probe"})
    request.headers["authorization"] = "secret"
    assert b"\r\nauthorization: secret\r\n" in written(request, b"")
    request.headers = httpx.Headers({"x-a": "b"})
    assert b"authorization" not in written(request, b"")


@pytest.mark.parametrize(
    "agent", ["probe\r\nx-a: b", "probe\nx-a: b", "pro\0be", "probe\r\n\r\nGET / HTTP/1.1"]
)
def test_an_agent_that_would_be_more_than_one_field_is_refused(agent):
    request = bodiless("GET", httpx.URL("https://shop.example/"), {"user-agent": agent})
    with pytest.raises(TransportFailure):
        written(request, b"")


def test_a_body_is_not_forgotten():
    request = bodiless("GET", httpx.URL("https://shop.example/"), {"user-agent": "probe"})
    assert written(request, b"body").endswith(b"\r\ncontent-length: 4\r\n\r\nbody")


def test_what_is_put_into_one_is_not_in_the_next():
    first, second = (bodiless("GET", httpx.URL("https://shop.example/"), {"a": "b"}) for _ in range(2))
    first.headers["authorization"] = "secret"
    first.extensions["cold"] = True
    assert "authorization" not in second.headers
    assert second.extensions == {}


def test_a_field_that_no_field_may_be_is_refused():
    with pytest.raises(UnicodeEncodeError):
        bodiless("GET", httpx.URL("https://shop.example/"), {"a": "\u20ac"})
