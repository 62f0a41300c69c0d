from datetime import datetime

import pytest

from exporters.analytics.parameters import InvalidParams, Parameter, Value, read_parameters
from exporters.analytics.queries import bundled_queries, parse_query

NOW = 1_800_000_000.0
PARAMETERS = (
    Parameter.declared("from", kind="time", default="-24h", doc="start"),
    Parameter.declared("to", kind="time", default="now", doc="end"),
    Parameter.declared("bucket", kind="duration", default="1h", doc="width"),
    Parameter.declared("limit", kind="int(-3..100)", default="50", doc="rows"),
    Parameter.declared("integration", kind="text", default="-", doc="which"),
    Parameter.declared("lines", kind="names", default="-", doc="which, several"),
    Parameter.declared("origin", kind="one_of(traffic|check|all)", default="traffic", doc="whose"),
)


def utc(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type] # noqa: DTZ001 - what is bound is naive UTC


def test_what_is_left_out_has_its_default() -> None:
    assert read_parameters(PARAMETERS, {}, now=NOW) == {
        "from": utc(2027, 1, 14, 8),
        "to": utc(2027, 1, 15, 8),
        "bucket": 3600.0,
        "limit": 50,
        "integration": None,
        "lines": None,
        "origin": "traffic",
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("from", "2026-11-22T10:00:00Z", utc(2026, 11, 22, 10)),
        ("from", "2026-11-22T10:00:00+02:00", utc(2026, 11, 22, 8)),
        ("from", "2026-11-22", utc(2026, 11, 22)),
        ("from", "-90m", utc(2027, 1, 15, 6, 30)),
        ("from", "-1.5h", utc(2027, 1, 15, 6, 30)),
        ("bucket", "30s", 30.0),
        ("bucket", "7d", 604_800.0),
        ("limit", "-3", -3),
        ("limit", "0", 0),
        ("limit", "100", 100),
        ("integration", "", ""),
        ("integration", "'; DROP TABLE calls; --", "'; DROP TABLE calls; --"),
        ("origin", "all", "all"),
        ("lines", "slack-prod", ["slack-prod"]),
        ("lines", "slack-prod,o'hara", ["slack-prod", "o'hara"]),
        ("lines", "*", None),
    ],
)
def test_a_value_is_read_as_its_type(name: str, text: str, value: Value) -> None:
    assert read_parameters(PARAMETERS, {name: text}, now=NOW)[name] == value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"from": "yesterday"}, "from: found 'yesterday', expected a time: ISO 8601"),
        ({"from": "1h"}, "from: found '1h', expected a time"),
        ({"from": "-99999999999999w"}, "from: found '-99999999999999w', expected a time"),
        ({"from": "0001-01-01T00:00:00+10:00"}, "expected a time"),
        (
            {"from": "now", "to": "-1h"},
            "to: found '2027-01-15T07:00:00Z', expected a time after 2027",
        ),
        ({"bucket": "0s"}, "bucket: found '0s', expected a duration from 1s to 3660d"),
        ({"bucket": "1y"}, "bucket: found '1y', expected a duration"),
        ({"bucket": "999999999d"}, "expected a duration"),
        ({"limit": "ten"}, "limit: found 'ten', expected a whole number from -3 to 100"),
        ({"limit": "-4"}, "limit: found '-4', expected a whole number from -3 to 100"),
        ({"limit": "101"}, "limit: found '101', expected a whole number from -3 to 100"),
        ({"limit": ""}, "limit: found '', expected a whole number"),
        ({"limit": "9" * 30}, "expected a whole number"),
        ({"limit": "٣"}, "expected a whole number"),
        (
            {"integration": "x" * 201},
            "integration: found 'x{20}…', expected at most 200",
        ),
        ({"lines": "a,b," + "x" * 201}, "lines: found 'x{20}…', expected at most 200"),
        ({"lines": "," * 100}, r"lines: found '101 names', expected at most 100, or \* for any"),
        (
            {"origin": "trafic"},
            "origin: found 'trafic', expected one of traffic, check, all; .* 'traffic'",
        ),
        ({"integraton": "x"}, "integraton: found 'x', expected one of .*; the nearest is 'integration'"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(given: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidParams, match=message):
        read_parameters(PARAMETERS, given, now=NOW)


def test_a_refusal_names_the_parameter_for_programs_too() -> None:
    with pytest.raises(InvalidParams) as caught:
        read_parameters(PARAMETERS, {"origin": "chek"}, now=NOW)

    error = caught.value
    assert (error.parameter, error.found, error.nearest) == ("origin", "chek", "check")


def test_every_bundled_query_documents_what_it_takes() -> None:
    queries = bundled_queries()

    assert {query.name for query in queries} >= {"performance", "usage_by_caller", "health_timeline"}
    for query in queries:
        assert query.doc.endswith(".")
        for parameter in query.parameters:
            assert parameter.doc.endswith(".")
            parameter.read(None, NOW)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1", "needs a sentence"),
        ("-- Doc.\nSELECT $a", "declares set\\(\\) but uses {'a'}"),
        ("-- Doc.\n-- @param a int(0..9) 1 Doc.\nSELECT 1", "declares {'a'}"),
        ("-- Doc.\n-- @param a number 1 Doc.\nSELECT $a", "type 'number' is none of"),
        ("-- Doc.\n-- @param a int\nSELECT $a", "is not '@param"),
    ],
)
def test_a_query_with_a_wrong_header_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_query("x", text)


@pytest.mark.parametrize("kind", ["int", "int(1..)", "int(a..b)", "number"])
def test_a_number_has_a_least_and_a_most(kind: str) -> None:
    with pytest.raises(ValueError, match=r"@param limit: type .* is none of .*int\(least\.\.most\)"):
        Parameter.declared("limit", kind=kind, default="5", doc="rows")


def test_every_default_of_a_bundled_query_can_be_given() -> None:
    for query in bundled_queries():
        given = {each.name: each.default for each in query.parameters if each.default is not None}
        assert read_parameters(query.parameters, given, now=NOW)


@pytest.mark.parametrize("limit", ["-1", "0", "10001"])
def test_a_bundled_limit_outside_its_bounds_is_refused_by_name(limit: str) -> None:
    (query,) = (query for query in bundled_queries() if query.name == "top_errors")

    with pytest.raises(
        InvalidParams, match=f"limit: found '{limit}', expected a whole number from 1 to 10000"
    ):
        read_parameters(query.parameters, {"limit": limit}, now=NOW)
