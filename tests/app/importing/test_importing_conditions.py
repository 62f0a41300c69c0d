"""Conditions of the peers mean the same in ours: judged on real answers, not compared as text."""

import msgspec
import pytest

from app.importing.blackbox_module import _body_rule, _header_rule
from app.importing.gatus_conditions import rule_of
from app.importing.patterns import UntranslatableError
from app.importing.uptime_kuma import _pointer, _query_rule
from integrations.execution.transport import Reply
from integrations.manifest.conditions import Condition
from integrations.manifest.evaluate import holds


def reply(
    *, status: int = 200, body: str = "{}", headers: dict[str, str] | None = None, duration: float = 0.1,
    days: float | None = None,
) -> Reply:  # fmt: skip
    answer = Reply(status=status, headers=headers or {}, body=body.encode(), duration=duration)
    answer.certificate_days_left = days
    return answer


def meets(condition: str, answer: Reply) -> bool:
    rule = rule_of(condition, lambda _, value: value)
    return rule is None or holds(msgspec.convert(rule, Condition), answer)


@pytest.mark.parametrize(
    ("condition", "good", "bad"),
    [
        ("[STATUS] == 200", {"status": 200}, {"status": 201}),
        ("[STATUS] != 200", {"status": 201}, {"status": 200}),
        ("[STATUS] < 300", {"status": 299}, {"status": 300}),
        ("[STATUS] <= 299", {"status": 299}, {"status": 300}),
        ("[STATUS] > 400", {"status": 401}, {"status": 400}),
        ("300 > [STATUS]", {"status": 299}, {"status": 300}),
        ("[status] == any(200, 429)", {"status": 429}, {"status": 201}),
        ("[STATUS] == pat(2*)", {"status": 204}, {"status": 302}),
        ("[STATUS] != pat(5?[0-4])", {"status": 505}, {"status": 504}),
        ("[STATUS] == any(pat(2*), 404)", {"status": 404}, {"status": 403}),
        ("[RESPONSE_TIME] < 500", {"duration": 0.4999}, {"duration": 0.5}),
        ("[RESPONSE_TIME] <= 500", {"duration": 0.5009}, {"duration": 0.501}),
        ("[RESPONSE_TIME] < 1s", {"duration": 0.999}, {"duration": 1.0}),
        ("[RESPONSE_TIME] > 100", {"duration": 0.101}, {"duration": 0.1009}),
        ("[CERTIFICATE_EXPIRATION] > 48h", {"days": 2.1}, {"days": 1.9}),
        ("[CERTIFICATE_EXPIRATION] > 48h", {"days": 3.0}, {"days": None}),
        ("[BODY].a.b == x", {"body": '{"a": {"b": "x"}}'}, {"body": '{"a": {"b": "y"}}'}),
        ("[BODY].a == 1", {"body": '{"a": 1}'}, {"body": '{"a": 2}'}),
        ("[BODY].a == 1", {"body": '{"a": "1"}'}, {"body": '{"a": true}'}),
        ("[BODY].a == true", {"body": '{"a": true}'}, {"body": '{"a": 1}'}),
        ("[BODY].a != x", {"body": '{"a": "y"}'}, {"body": '{"a": "x"}'}),
        ("[BODY].a != x", {"body": "{}"}, {"body": '{"a": "x"}'}),
        ("[BODY].a[1].b == 2", {"body": '{"a": [0, {"b": 2}]}'}, {"body": '{"a": [{"b": 2}]}'}),
        ("[BODY][0].id == 7", {"body": '[{"id": 7}]'}, {"body": "[]"}),
        ("[BODY].a < 5", {"body": '{"a": 4}'}, {"body": '{"a": 5}'}),
        ("[BODY].a <= 5", {"body": '{"a": 5}'}, {"body": '{"a": 6}'}),
        ("[BODY].a >= 5", {"body": '{"a": 5}'}, {"body": '{"a": 4}'}),
        ("[BODY].a > 5m", {"body": '{"a": 300001}'}, {"body": '{"a": 300000}'}),
        ("[BODY].a == any(x, y)", {"body": '{"a": "y"}'}, {"body": '{"a": "z"}'}),
        ("[BODY].a == pat(john*)", {"body": '{"a": "john.doe"}'}, {"body": '{"a": "a john"}'}),
        ("[BODY].a == pat(*doe)", {"body": '{"a": "john.doe"}'}, {"body": '{"a": "does"}'}),
        ("[BODY].a == pat(j*n)", {"body": '{"a": "john"}'}, {"body": '{"a": "johnny"}'}),
        ("[BODY].a == pat(*)", {"body": '{"a": ""}'}, {"body": "{}"}),
        ("[BODY].a == pat(a$$b)", {"body": '{"a": "a$b"}'}, {"body": '{"a": "a$$b"}'}),
        ("len([BODY].a) == 2", {"body": '{"a": [1, 2]}'}, {"body": '{"a": [1]}'}),
        ("len([BODY].a) != 2", {"body": '{"a": [1]}'}, {"body": '{"a": [1, 2]}'}),
        ("len([BODY].a) < 3", {"body": '{"a": "ab"}'}, {"body": '{"a": "abc"}'}),
        ("len([BODY].a) > 2", {"body": '{"a": "abc"}'}, {"body": '{"a": "ab"}'}),
        ("has([BODY].a) == true", {"body": '{"a": null}'}, {"body": "{}"}),
        ("has([BODY].a) == false", {"body": "no json"}, {"body": '{"a": 1}'}),
        ("has([BODY].a) != false", {"body": '{"a": 1}'}, {"body": "{}"}),
        ("has([BODY]) == true", {"body": "x"}, {"body": " \n"}),
        ("[BODY] == pat(*<h1>ok</h1>*)", {"body": "a\n<h1>ok</h1>\n"}, {"body": "<h1>no</h1>"}),
        ("[BODY] != pat(*error*)", {"body": "fine"}, {"body": "an error"}),
        ("[HEADER].X-Cache == HIT", {"headers": {"x-cache": "HIT"}}, {"headers": {"x-cache": "MISS"}}),
        ("[HEADER].x-cache != HIT", {"headers": {}}, {"headers": {"x-cache": "HIT"}}),
        ("has([HEADER].Server) == true", {"headers": {"server": "a"}}, {"headers": {}}),
        ("[HEADER].a == pat(b*)", {"headers": {"a": "bc"}}, {"headers": {"a": "cb"}}),
    ],
)  # fmt: skip
def test_a_condition_of_gatus_means_the_same(condition, good, bad) -> None:
    assert meets(condition, reply(**good))
    assert not meets(condition, reply(**bad))


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "[STATUS]",
        "[STATUS]==200",
        "[IP] == 127.0.0.1",
        "[DOMAIN_EXPIRATION] > 720h",
        "[DNS_RCODE] == NOERROR",
        "[CONTEXT].a == b",
        "[CONNECTED] == false",
        "[BODY] == OK",
        "[BODY] < 5",
        "[BODY].a == [BODY].b",
        "[BODY].a[*].b == 1",
        "[BODY].a < much",
        "[BODY].a == pat(*a*b*c)",
        "[BODY].a == pat(a[b)",
        "[BODY].a == pat(${X})",
        "len([BODY]) > 5",
        "len([BODY].a) > x",
        "has([BODY].a) == maybe",
        "age([HEADER].Date) < 5m",
        "[HEADER].a < 5",
        "[RESPONSE_TIME] == 5",
        "[CERTIFICATE_EXPIRATION] == 5",
        "[STATUS] == 999",
        "[STATUS] < x",
        "text == text",
    ],
)
def test_a_condition_without_a_counterpart_is_refused_with_a_reason(condition: str) -> None:
    with pytest.raises(UntranslatableError) as raised:
        rule_of(condition, lambda _, value: value)
    assert raised.value.why


@pytest.mark.parametrize(
    ("pattern", "is_wanted", "good", "bad"),
    [
        ("ready", True, "it is ready", "not yet"),
        ("ready", False, "not yet", "it is ready"),
        (".*ready.*", True, "it is\nready now", "no"),
        (r"a\.b", True, "a.b", "axb"),
        ("(?i)error [0-9]{3}", False, "error", "ERROR 500"),
        ("^ok$", True, "x\nok", "okay"),
    ],
)
def test_a_body_regexp_of_blackbox_means_the_same(pattern, is_wanted, good, bad) -> None:
    condition = msgspec.convert(_body_rule(pattern, is_wanted=is_wanted), Condition)
    assert holds(condition, reply(body=good))
    assert not holds(condition, reply(body=bad))


@pytest.mark.parametrize("pattern", ["(?s)a.*b", ".*a.*b.*", "[[:alpha:]]+x", r"\Qa.b\E", "(", "a\\n.b|c"])
def test_a_regexp_that_ours_cannot_take_is_refused(pattern: str) -> None:
    with pytest.raises(UntranslatableError):
        _body_rule(pattern, is_wanted=True)


@pytest.mark.parametrize("may_miss", [True, False])
@pytest.mark.parametrize("pattern", [".*", "bad", "b[a-z]d"])
@pytest.mark.parametrize("value", [None, "bad", "good"])
@pytest.mark.parametrize("is_wanted", [True, False])
def test_a_header_match_of_blackbox_means_the_same(is_wanted, value, pattern, may_miss) -> None:
    match = {"header": "X", "regexp": pattern, "allow_missing": may_miss}
    condition = msgspec.convert(_header_rule(match, is_wanted=is_wanted), Condition)
    is_match = value is not None and (pattern == ".*" or value == "bad")
    passes = may_miss if value is None else is_match is is_wanted

    assert holds(condition, reply(headers={} if value is None else {"x": value})) is passes


@pytest.mark.parametrize(
    ("operator", "expected", "good", "bad"),
    [
        ("==", "5", "5", "6"),
        ("==", "5", '"5"', "true"),
        ("==", "true", "true", "false"),
        ("==", "up", '"up"', '"down"'),
        ("!=", "5", "6", "5"),
        ("!=", "5", "7", "null_is_missing"),
        ("<", "5", "4", "5"),
        (">=", "5", "5", "4"),
        ("contains", "o", '"foo"', '"bar"'),
    ],
)
def test_a_json_query_of_uptime_kuma_means_the_same(operator, expected, good, bad) -> None:
    condition = msgspec.convert(_query_rule("/a", operator, expected), Condition)
    assert holds(condition, reply(body=f'{{"a": {good}}}'))
    assert not holds(condition, reply(body=f'{{"a": {bad}}}' if bad != "null_is_missing" else "{}"))


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("a.b", "/a/b"),
        ("$.a", "/a"),
        ("$", ""),
        ("a[0].b", "/a/0/b"),
        ("$[2]", "/2"),
        ("`in stock`.x", "/in stock/x"),
        ("$sum(a)", None),
        ("a[b=1]", None),
        ("a[-1]", None),
        ("a.*", None),
    ],
)
def test_only_plain_paths_of_jsonata_are_known(path: str, pointer: str | None) -> None:
    assert _pointer(path) == pointer
