"""Where an answer no longer fits the shape that its contract describes."""

import time

import msgspec
import pytest

from integrations.manifest.shape import Drift, Shape, drift
from integrations.simulator.vendors.generic import sample
from tests.fakes.framework import CATALOG

USER = Shape(
    types="object",
    required=("id", "name"),
    fields={"id": "integer", "name": "string|null", "score": "number", "a/b": "string"},
)
PAGE = Shape(
    types="object", required=("users",), fields={"users": Shape(types="array", items=USER), "more": "boolean"}
)


@pytest.mark.parametrize(
    "answer",
    [
        {"users": []},
        {"users": [{"id": 1, "name": "ada"}], "more": False},
        {"users": [{"id": 1, "name": None, "score": 3}]},
        {"users": [{"id": 1, "name": "ada", "score": 3.5, "new": {"field": 1}}], "also": "new"},
    ],
)
def test_an_answer_that_fits_is_no_drift(answer: object) -> None:
    assert drift(PAGE, answer) is None


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ([], Drift("", "object", "array")),
        (None, Drift("", "object", "null")),
        ({}, Drift("/users", "array", "nothing")),
        ({"users": {}}, Drift("/users", "array", "object")),
        ({"users": [7]}, Drift("/users/-", "object", "integer")),
        ({"users": [{"name": "x"}]}, Drift("/users/-/id", "integer", "nothing")),
        ({"users": [{"id": "1", "name": "x"}]}, Drift("/users/-/id", "integer", "string")),
        ({"users": [{"id": True, "name": "x"}]}, Drift("/users/-/id", "integer", "boolean")),
        ({"users": [{"id": 1.5, "name": "x"}]}, Drift("/users/-/id", "integer", "number")),
        ({"users": [{"id": 1, "name": 5}]}, Drift("/users/-/name", "string or null", "integer")),
        ({"users": [{"id": 1, "name": "x", "score": True}]}, Drift("/users/-/score", "number", "boolean")),
        ({"users": [{"id": 1, "name": "x", "a/b": 1}]}, Drift("/users/-/a~1b", "string", "integer")),
        ({"users": [], "more": "no"}, Drift("/more", "boolean", "string")),
    ],
)
def test_the_place_that_does_not_fit_is_named(answer: object, found: Drift) -> None:
    assert drift(PAGE, answer) == found


def test_only_the_first_items_of_a_list_are_looked_at() -> None:
    good = {"id": 1, "name": "ada"}

    assert drift(PAGE, {"users": [good] * 3 + [7]}) is None
    assert drift(PAGE, {"users": [good] * 2 + [7]}) is not None


def test_what_is_told_never_holds_a_value() -> None:
    found = drift(PAGE, {"users": [{"id": "canary-value", "name": "x"}]})

    assert "canary-value" not in repr(found)


def test_a_word_that_is_no_json_type_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="'text' is no JSON type"):
        msgspec.convert({"fields": {"a": "text"}}, Shape)


def test_a_shape_survives_the_way_through_a_lock() -> None:
    assert msgspec.convert(msgspec.to_builtins(PAGE), Shape) == PAGE


def test_looking_costs_microseconds() -> None:
    wide = Shape(types="object", fields={f"field_{n}": "string" for n in range(24)})
    answer = {f"field_{n}": "x" for n in range(24)}

    best = min(_timed(wide, answer) for _ in range(50))

    assert best < 500e-6


def _timed(shape: Shape, answer: object) -> float:
    started = time.perf_counter()
    drift(shape, answer)
    return time.perf_counter() - started


def test_a_sample_of_a_shape_fits_it() -> None:
    assert drift(PAGE, sample(PAGE)) is None
    assert sample(PAGE) == {
        "users": [{"id": 1, "name": "simulated", "score": 1.5, "a/b": "simulated"}],
        "more": True,
    }


@pytest.mark.parametrize("vendor", CATALOG.vendors())
def test_samples_of_all_locked_answers_fit_and_are_looked_at_quickly(vendor: str) -> None:
    shapes = [fact.answer for fact in CATALOG.lock(vendor).operations.values() if fact.answer is not None]

    for shape in shapes:
        answer = sample(shape)
        assert drift(shape, answer) is None
        assert min(_timed(shape, answer) for _ in range(20)) < 100e-6
