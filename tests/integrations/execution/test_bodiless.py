"""A request without a body is the one that httpx makes."""

import httpx
import pytest

from integrations.execution.bodiless import bodiless
from integrations.execution.outgoing import body_of, written

URLS = [
    "https://shop.example/a?b=c",
    "http://shop.example:8080",
    "https://[::1]:444/",
    "http://b\u00fccher.example/",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "get"])
@pytest.mark.parametrize("headers", [{}, {"user-agent": "probe", "x-a": "b"}, {"host": "other.example"}])
async def test_it_is_what_httpx_makes(url, method, headers):
    made = bodiless(method, httpx.URL(url), headers)
    wanted = httpx.Request(method, url, headers=headers)
    assert (made.method, made.url, made.headers.raw) == (wanted.method, wanted.url, wanted.headers.raw)
    assert written(made, await body_of(made)) == written(wanted, await body_of(wanted))
    assert (made.read(), await made.aread(), list(made.stream)) == (b"", b"", [b""])


def test_what_is_put_into_one_is_not_in_the_next():
    first, second = (bodiless("GET", httpx.URL("https://shop.example/"), {"a": "b"}) for _ in range(2))
    first.headers["authorization"] = "secret"
    first.extensions["cold"] = True
    assert "authorization" not in second.headers
    assert second.extensions == {}


def test_a_field_that_no_field_may_be_is_refused():
    with pytest.raises(UnicodeEncodeError):
        bodiless("GET", httpx.URL("https://shop.example/"), {"a": "\u20ac"})
