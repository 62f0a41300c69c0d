"""What a manifest conceals is in nothing that is stored; all else of a body is."""

import msgspec
import pytest

from integrations.manifest.inbound import Webhooks
from integrations.manifest.inbound_rules import inbound_problems
from integrations.webhooks.concealing import conceal
from integrations.webhooks.payload import WebhookView
from tests.integrations.webhooks.deliveries import KEY, delivery, endpoint_for

FORM = {"content-type": "application/x-www-form-urlencoded"}
XML = {"content-type": "text/xml; charset=utf-8"}


def kept(body: bytes, *places: str, headers: dict[str, str] | None = None) -> bytes:
    return conceal(WebhookView(delivery(body, headers)), places)


@pytest.mark.parametrize(
    ("body", "place", "left"),
    [
        (b'{"a": {"b": "canary"}, "c": 1}', "/a/b", b'{"a":{"b":"[concealed]"},"c":1}'),
        (b'{"a": [{"b": "canary"}, {"c": 1}, {"b": 7}]}', "/a/b",
         b'{"a":[{"b":"[concealed]"},{"c":1},{"b":"[concealed]"}]}'),
        (b'{"a": {"b": {"c": "canary"}}}', "/a/b", b'{"a":{"b":"[concealed]"}}'),
        (b'{"a/b": "canary"}', "/a~1b", b'{"a/b":"[concealed]"}'),
    ],
)  # fmt: skip
def test_json_is_written_anew_without_it(body: bytes, place: str, left: bytes) -> None:
    assert kept(body, place) == left


@pytest.mark.parametrize("body", [b'{ "a" :  1.50 }', b"[]", b'"a"', b"null"])
def test_a_body_without_it_stays_as_it_came(body: bytes) -> None:
    assert kept(body, "/b", "/a/b") == body


def test_a_form_loses_the_field_and_what_its_payload_holds() -> None:
    body = b"x=1&token=canary&payload=%7B%22token%22%3A%22canary%22%2C%22y%22%3A2%7D"
    broken = b"token=canary&payload=%7Bcanary"

    assert kept(body, "/token", "/payload/token", headers=FORM) == (
        b"x=1&token=%5Bconcealed%5D&payload=%7B%22token%22%3A%22%5Bconcealed%5D%22%2C%22y%22%3A2%7D"
    )
    assert b"canary" not in kept(broken, "/token", "/payload/token", headers=FORM)


def test_xml_loses_the_element() -> None:
    assert b"<k>[concealed]</k>" in kept(b"<a><k>canary</k></a>", "/a/k", headers=XML)


async def test_what_cannot_be_read_is_refused_where_something_is_to_be_concealed() -> None:
    webhooks = msgspec.convert(
        {"verify": {"kind": "bearer", "secret": "s"}, "type": {"default": "x"}, "conceal": ["/a"]}, Webhooks
    )
    endpoint = endpoint_for(webhooks.verify, KEY, webhooks=webhooks)

    judged = await endpoint.judge(delivery(b"canary", {"authorization": f"Bearer {KEY}"}))

    assert (judged.verdict, judged.status) == ("malformed", 400)


@pytest.mark.parametrize("place", ["", "a", "/a~2"])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    webhooks = msgspec.convert(
        {"verify": {"kind": "key"}, "type": {"default": "x"}, "conceal": [place]}, Webhooks
    )

    assert [path for path, _, _ in inbound_problems(webhooks)] == [("conceal", 0)]
