"""The ring: numbers without a gap, two bounds, one encoding."""

import json
from typing import get_args

import msgspec
import pytest

from app.live.ring import Ring, weight
from integrations.execution.outcome import Attempt
from integrations.signals import OperatorAction, Signal
from tests.fakes.calls import call_record


def filled(number: int, **bounds: int) -> Ring:
    ring = Ring("e1", **bounds)
    for _ in range(number):
        ring.append(call_record())
    return ring


@pytest.mark.parametrize(("published", "first"), [(0, 1), (1, 1), (4, 1), (5, 2), (11, 8)])
def test_at_most_so_many_signals_are_kept(published, first):
    ring = filled(published, capacity=4)
    assert (ring.first, ring.end) == (first, published + 1)


def test_at_most_so_many_bytes_are_kept():
    one = weight(call_record())
    ring = filled(100, max_bytes=10 * one)
    assert (ring.end - ring.first, ring.bytes) == (10, 10 * one)


def test_what_was_encoded_counts_too():
    ring = filled(10, max_bytes=12 * weight(call_record()))
    for number in range(ring.first, ring.end):
        ring.event(number)
    ring.append(call_record())
    assert ring.bytes <= 12 * weight(call_record())
    assert ring.first > 1


def test_bytes_are_given_back_when_signals_are_forgotten():
    ring = filled(3, capacity=3)
    for number in range(1, 4):
        ring.event(number)
    for _ in range(3):
        ring.append(call_record())
    assert ring.bytes == 3 * weight(call_record())


def test_a_signal_larger_than_the_bound_is_kept_alone():
    ring = filled(5, max_bytes=5_000)
    ring.append(call_record(detail="x" * 50_000))
    assert (ring.first, ring.end) == (6, 7)


def test_texts_from_outside_and_attempts_weigh():
    plain = weight(call_record())
    assert weight(call_record(detail="x" * 5_000)) == plain + 5_000
    assert weight(call_record(attempts=(Attempt(start=0, duration=1),) * 5)) > plain + 4 * 60


@pytest.mark.parametrize("kind", get_args(Signal), ids=lambda kind: kind.__name__)
def test_no_kind_weighs_less_than_its_json(kind):
    texts = {one.name: "x" * 40 for one in msgspec.structs.fields(kind) if one.type is str}
    ring = Ring("e1")
    signal = call_record(**texts) if kind.__name__ == "CallRecord" else _made(kind, texts)
    ring.append(signal)
    assert len(msgspec.json.encode(signal)) <= weight(signal)


def _made(kind, texts):
    numbers = {
        one.name: 1 for one in msgspec.structs.fields(kind) if one.required and one.type in {int, float}
    }
    states = {
        one.name: next(iter(one.type))
        for one in msgspec.structs.fields(kind)
        if one.required and isinstance(one.type, type) and one.type not in {int, float, str}
    }
    return kind(**texts, **numbers, **states)


def test_a_signal_is_encoded_once():
    ring = filled(1)
    assert ring.event(1) is ring.event(1)


def test_an_event_has_id_kind_and_the_signal():
    head, data = filled(1).event(1).decode().split("data: ")
    assert head == "id: e1-1\nevent: call_record\n"
    assert json.loads(data)["integration"] == "github-prod"
    assert data.endswith("}\n\n")


def test_text_that_cannot_be_utf8_is_shown_as_far_as_it_can():
    ring = Ring("e1")
    ring.append(call_record(detail="half \ud800 pair"))
    assert b"half ? pair" in ring.event(1)


def test_a_line_break_in_a_text_breaks_no_event():
    ring = Ring("e1")
    ring.append(OperatorAction(at=1, actor="a", action="pause", integration="x", reason="a\n\nid: 9\r\nb"))
    assert ring.event(1).count(b"\n") == 4
    assert b"\r" not in ring.event(1)


def test_what_is_gone_or_to_come_is_not_kept():
    ring = filled(5, capacity=4)
    for number in (0, 1, 6):
        with pytest.raises(LookupError):
            ring.signal(number)


@pytest.mark.parametrize(
    ("identity", "number"),
    [
        ("e1-3", 3),
        ("e1-0", 0),
        ("e1-5", 5),
        ("e1-6", None),
        ("e2-3", None),
        ("3", None),
        ("", None),
        ("e1--1", None),
        ("e1-x", None),
        ("e1-²", None),
        ("e1-" + "9" * 5_000, None),
    ],
)
def test_only_ids_of_this_process_have_a_number(identity, number):
    assert filled(5).number(identity) == number
