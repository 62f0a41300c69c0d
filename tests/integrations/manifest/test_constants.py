"""The constant part of a body: what is filled in, and what is refused."""

import httpx
import msgspec
import pytest

from integrations.credentials.secret import Secret
from integrations.manifest.hosts import Origins
from integrations.manifest.loading import manifest_of
from integrations.manifest.requests import RequestPlan
from integrations.manifest.schema import Manifest
from integrations.manifest.source import Document, SourceError
from tests.fakes.clock import FakeClock

EVENT = {
    "payload": {"source": "{config.source}", "links": ["{secret.key}", "{{as it is}}"]},
    "routing_key": "{secret.key}",
    "count": 2,
}


def manifest(base: object, auth: object = None) -> Manifest:
    value = {
        "manifest": 1, "id": "pager", "version": "1", "vendor": {"name": "Pager", "docs": ""},
        "base_url": "https://h", "hosts": ["h"], "config": {"source": {"title": "source"}},
        "auth": auth or {"events": {"kind": "none", "secrets": {"key": {"title": "key"}}}},
        "actions": {"send": {"title": "send", "effect": "write", "method": "POST", "path": "/send",
                             "body": {"base": base},
                             "input": {"note": {"in": "body", "to": "/payload/note"}}}},
        "capabilities": {"write": ["send"]},
    }  # fmt: skip
    return manifest_of(Document(name="pager", value=value, lines={}))


def sent(plan: RequestPlan, **params: object) -> object:
    request: httpx.Request = plan.build(params)
    return msgspec.json.decode(request.content)


def plan_of(base: object, secret: Secret) -> RequestPlan:
    return RequestPlan(
        manifest(base), "send", config={"source": "shop"}, origins=Origins(["h"]), clock=FakeClock(),
        secrets={"key": secret},
    )  # fmt: skip


def test_texts_of_a_constant_body_are_filled_and_all_else_stays() -> None:
    plan = plan_of(EVENT, Secret("R0"))

    assert sent(plan, note="x") == {
        "payload": {"source": "shop", "links": ["R0", "{as it is}"], "note": "x"},
        "routing_key": "R0",
        "count": 2,
    }


def test_one_request_leaves_nothing_to_the_next() -> None:
    plan = plan_of(EVENT, Secret("R0"))
    sent(plan, note="x")

    second = sent(plan)

    assert isinstance(second, dict)
    assert "note" not in second["payload"]


@pytest.mark.parametrize("text", ["{secret.other}", "{secret.", "{unknown}"])
def test_a_text_that_cannot_be_filled_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(SourceError, match=r"actions\.send\.body\.base"):
        manifest({"routing_key": text, "key": "{secret.key}"})


def test_a_secret_that_one_of_the_kinds_does_not_have_is_refused() -> None:
    kinds = {
        "events": {"kind": "none", "secrets": {"key": {"title": "key"}}},
        "token": {"kind": "bearer", "secrets": {"token": {"title": "token"}}},
    }

    with pytest.raises(SourceError, match=r"body\.base"):
        manifest({"routing_key": "{secret.key}"}, kinds)
