import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.execution.transport import Reply
from integrations.manifest.conditions import Condition
from integrations.manifest.evaluate import failure, holds, wants_certificate


def condition(value: object) -> Condition:
    return msgspec.convert(value, Condition)


def reply(
    body: bytes = b'{"status": "ok", "n": 3, "list": [1, 2], "on": true, "none": null}', **changes: object
) -> Reply:
    made = Reply(status=200, headers={"x-version": "1.4.2", "empty": ""}, body=body, duration=0.25)
    made.certificate_days_left = 20.0
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"status": [200]}, ""),
        ({"status": ["2xx", 404]}, ""),
        ({"status": ["200-204"]}, ""),
        ({"status": [204, "3xx"]}, "status was 200, wanted 204 or 3xx"),
        ({"latency_below": 0.3}, ""),
        ({"latency_below": 0.2}, "latency was 0.25 s, wanted below 0.2 s"),
        ({"certificate_days_left": 14}, ""),
        ({"certificate_days_left": 30}, "certificate ends in 20.0 days, wanted 30"),
        ({"header": {"name": "X-Version", "equals": "1.4.2"}}, ""),
        ({"header": {"name": "X-Version", "equals": "2"}}, 'header x-version was "1.4.2", wanted "2"'),
        (
            {"header": {"name": "x-version", "contains": "1.5"}},
            'header x-version was "1.4.2", wanted it to contain "1.5"',
        ),
        ({"header": {"name": "x-version", "matches": "^1[.]"}}, ""),
        (
            {"header": {"name": "x-version", "matches": "^2"}},
            'header x-version was "1.4.2", wanted a match of ^2',
        ),
        ({"header": {"name": "nope", "equals": "1"}}, "header nope was absent"),
        ({"header": {"name": "nope", "present": True}}, "header nope was absent"),
        ({"header": {"name": "x-version", "present": False}}, "header x-version was present"),
        ({"header": {"name": "empty", "present": True}}, ""),
        ({"body": {"contains": "ok"}}, ""),
        ({"body": {"contains": "down"}}, 'the body does not contain "down"'),
        ({"body": {"lacks": "ok"}}, 'the body contains "ok"'),
        ({"body": {"matches": "stat.s"}}, ""),
        ({"body": {"matches": "^x"}}, "the body does not match ^x"),
        ({"json": {"pointer": "/status", "equals": "ok"}}, ""),
        ({"json": {"pointer": "/status", "equals": "up"}}, 'json /status was "ok", wanted "up"'),
        ({"json": {"pointer": "/on", "equals": True}}, ""),
        ({"json": {"pointer": "/on", "equals": 1}}, "json /on was true, wanted 1"),
        ({"json": {"pointer": "/none", "equals": None}}, ""),
        (
            {"json": {"pointer": "/status", "not_equals": "ok"}},
            'json /status was "ok", wanted anything but "ok"',
        ),
        ({"json": {"pointer": "/nope", "not_equals": "ok"}}, ""),
        ({"json": {"pointer": "/n", "less_than": 3}}, "json /n was 3, wanted less than 3"),
        ({"json": {"pointer": "/n", "more_than": 2}}, ""),
        ({"json": {"pointer": "/status", "more_than": 2}}, 'json /status was "ok", wanted more than 2'),
        ({"json": {"pointer": "/on", "less_than": 2}}, "json /on was true, wanted less than 2"),
        ({"json": {"pointer": "/status", "contains": "k"}}, ""),
        ({"json": {"pointer": "/n", "contains": "k"}}, 'json /n was 3, wanted it to contain "k"'),
        ({"json": {"pointer": "/status", "matches": "^o"}}, ""),
        ({"json": {"pointer": "/n", "matches": "3"}}, "json /n was 3, wanted a match of 3"),
        ({"json": {"pointer": "/nope", "exists": False}}, ""),
        ({"json": {"pointer": "/n", "exists": False}}, "json /n was there"),
        ({"json": {"pointer": "/nope", "equals": 1}}, "json /nope was absent"),
        (
            {"json": {"pointer": "/list", "length_at_least": 3}},
            "json /list was a list of 2, wanted a length of at least 3",
        ),
        ({"json": {"pointer": "/list", "length_at_most": 2}}, ""),
        ({"json": {"pointer": "/n", "length_at_most": 2}}, "json /n was 3, wanted a length of at most 2"),
        ({"json": {"pointer": "", "equals": 1}}, "json (whole) was a mapping, wanted 1"),
        ({"all": [{"status": [200]}, {"latency_below": 0.1}]}, "latency was 0.25 s, wanted below 0.1 s"),
        ({"any": [{"status": [500]}, {"latency_below": 1}]}, ""),
        (
            {"any": [{"status": [500]}, {"latency_below": 0.1}]},
            "none of these was met: status was 200, wanted 500; latency was 0.25 s, wanted below 0.1 s",
        ),
        ({"not": {"status": [500]}}, ""),
        ({"not": {"status": [200]}}, 'this was met: {"status":[200]}'),
    ],
    ids=str,
)
def test_a_condition_says_what_failed_and_what_was_seen(value: object, said: str) -> None:
    assert failure(condition(value), reply()) == said
    assert holds(condition(value), reply()) is not bool(said)


def test_a_body_that_is_no_json_fails_json_conditions() -> None:
    for body in (b"<html>", b"\xff", b"[" * 100_000):
        assert (
            failure(condition({"json": {"pointer": "/a", "exists": False}}), reply(body))
            == "the body is not JSON"
        )


def test_without_a_certificate_its_condition_fails() -> None:
    missing = reply(certificate_days_left=None)

    assert failure(condition({"certificate_days_left": 1}), missing).startswith("no certificate was seen")


def test_what_was_seen_is_cut_short() -> None:
    said = failure(
        condition({"json": {"pointer": "/a", "equals": "x"}}), reply(b'{"a": "' + b"z" * 500 + b'"}')
    )

    assert len(said) < 80


def test_a_certificate_is_wanted_wherever_it_is_named() -> None:
    assert wants_certificate(condition({"all": [{"status": [200]}, {"any": [{"certificate_days_left": 3}]}]}))
    assert wants_certificate(condition({"not": {"certificate_days_left": 3}}))
    assert not wants_certificate(condition({"status": [200]}))
    assert not wants_certificate(None)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "exactly one of status, header, json"),
        ({"status": [200], "latency_below": 1}, "exactly one of"),
        ({"status": []}, "empty list"),
        ({"status": ["9xx"]}, "is no status"),
        ({"json": {"pointer": "/a"}}, "exactly one of equals"),
        ({"json": {"pointer": "a", "exists": True}}, "JSON Pointer"),
        ({"body": {"matches": "(a+)+"}}, "may take too long"),
        ({"header": {"name": "a", "equals": "b", "present": True}}, "exactly one of equals"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(value: object, said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        condition(value)


@given(st.binary(max_size=60))
def test_no_body_makes_it_crash(body: bytes) -> None:
    whole = condition(
        {
            "all": [
                {"not": {"json": {"pointer": "/a/0", "equals": 1}}},
                {"body": {"lacks": "zzz"}},
                {"status": ["2xx"]},
            ]
        }
    )
    assert isinstance(failure(whole, reply(body)), str)
