"""Gatus's condition strings as conditions of ours.

Their meaning is that of Gatus's README (Conditions) and config/endpoint/{condition,placeholder}.go: values
are compared as text (as numbers where both are whole), durations count in milliseconds, a value that is not
there is equal to nothing.
"""

import re
from collections.abc import Callable

from app.importing import values
from app.importing.draft import Rule
from app.importing.patterns import UntranslatableError, glob_pattern, glob_rules
from app.importing.references import escaped, has_reference, unescaped
from app.importing.secrets import is_secret_name
from app.importing.statuses import EVERY, status_rule
from integrations.manifest.inputs import escape

Protect = Callable[[str, str], str]
"""Given a field's name and the value it is compared with, a reference in place of a secret."""

_DAY_MS = 86_400_000.0
_OPERATORS = ("==", "!=", "<=", ">=", ">", "<")
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_PLACEHOLDER = re.compile(r"(?:len\(|has\(|age\(|\[[A-Z_]+\])", re.IGNORECASE)
_FUNCTION = re.compile(r"(len|has|age|pat|any)\((.*)\)", re.DOTALL)
_NAMED = re.compile(r"(\[[A-Z_]+\])(.*)", re.DOTALL | re.IGNORECASE)
_STEP = re.compile(r"([^\[\]]*)((?:\[[0-9]+\])*)")
_UNKNOWN = {
    "[IP]": "the address of the host is not looked at",
    "[DNS_RCODE]": "Dialtone checks HTTP only",
    "[DOMAIN_EXPIRATION]": "when a domain's registration ends is not looked at",
    "[CONTEXT]": "a check is one request",
}


def rule_of(condition: str, protect: Protect) -> Rule | None:
    """The condition of ours that says the same; None where every answer meets it.

    Raises:
        UntranslatableError: where there is none.
    """
    left, operator, right = _parts(condition)
    function = _FUNCTION.fullmatch(left)
    inner = function[2].strip() if function and function[1] in {"len", "has", "age"} else left
    kind = function[1] if function and inner is not left else ""
    named = _NAMED.fullmatch(inner)
    if named is None or kind == "age":
        raise UntranslatableError("no condition of ours looks at this")
    if _PLACEHOLDER.match(right):
        raise UntranslatableError("two values of the answer are not compared with each other")
    placeholder, path = named[1].upper(), named[2]
    if kind:
        return _applied(kind, placeholder, path, operator=operator, right=right)
    return _compared(placeholder, path, operator=operator, right=right, protect=protect)


def _parts(condition: str) -> tuple[str, str, str]:
    for operator in _OPERATORS:
        left, found, right = condition.partition(f" {operator} ")
        if not found:
            continue
        left, right = left.strip(), right.strip()
        if not _PLACEHOLDER.match(left) and _PLACEHOLDER.match(right):
            return right, _FLIPPED.get(operator, operator), left
        return left, operator, right
    raise UntranslatableError("a condition reads VALUE OPERATOR VALUE")


def _compared(placeholder: str, path: str, *, operator: str, right: str, protect: Protect) -> Rule | None:
    if placeholder == "[BODY]" and path:
        return _json(pointer_of(path), operator, _protected(path, operator, right, protect=protect))
    if placeholder == "[HEADER]" and path.startswith("."):
        return _header(path[1:], operator, _protected(path, operator, right, protect=protect))
    simple = {
        "[STATUS]": _status,
        "[RESPONSE_TIME]": _latency,
        "[CERTIFICATE_EXPIRATION]": _certificate,
        "[CONNECTED]": _connected,
        "[BODY]": _body,
    }
    if path or placeholder not in simple:
        raise UntranslatableError(_UNKNOWN.get(placeholder, "no condition of ours looks at this"))
    return simple[placeholder](operator, right)


def _protected(path: str, operator: str, right: str, *, protect: Protect) -> str:
    is_plain = values.number(right) is None and values.flag(right) is None and not _FUNCTION.fullmatch(right)
    field = re.split(r"[.\[]", path)[-1]
    is_secret = operator in {"==", "!="} and is_plain and is_secret_name(field)
    return protect(field, right) if is_secret else right


def _status(operator: str, right: str) -> Rule:
    met = [status for status in EVERY if _holds(status, operator, right)]
    if not met:
        raise UntranslatableError("no status meets this")
    return status_rule(met)


def _holds(status: int, operator: str, right: str) -> bool:
    if operator in {"==", "!="}:
        return any(_is_text(str(status), option) for option in _options(right)) is (operator == "==")
    limit = _milliseconds(right)
    return {"<": status < limit, "<=": status <= limit, ">": status > limit, ">=": status >= limit}[operator]


def _is_text(text: str, option: str) -> bool:
    pattern = _pattern(option)
    if pattern is None:
        return text == option or values.whole(option) == int(text)
    return re.fullmatch(glob_pattern(re.sub(r"\*+", "*", pattern)), text) is not None


def _latency(operator: str, right: str) -> Rule:
    limit = _milliseconds(right)
    if operator in {"==", "!="} or limit < 0:
        raise UntranslatableError("a latency is only compared by <, <=, > and >=")
    # Gatus cuts to whole milliseconds, so "at most 500" is "below 501".
    limit = limit + 1 if operator in {"<=", ">"} else limit
    rule: Rule = {"latency_below": values.tidy(limit / 1000)}
    return rule if operator in {"<", "<="} else {"not": rule}


def _certificate(operator: str, right: str) -> Rule:
    if operator in {"==", "!="}:
        raise UntranslatableError("a certificate's time is only compared by <, <=, > and >=")
    rule: Rule = {"certificate_days_left": values.tidy(_milliseconds(right) / _DAY_MS)}
    return rule if operator in {">", ">="} else {"not": rule}


def _connected(operator: str, right: str) -> None:
    if (operator, right) not in {("==", "true"), ("!=", "false")}:
        raise UntranslatableError("a connection that fails cannot be the good state")


def _body(operator: str, right: str) -> Rule:
    _need_equality(operator)
    pattern = _pattern(right)
    inner = pattern.strip("*") if pattern is not None else ""
    if pattern is None or not inner or pattern != f"*{inner}*" or re.search(r"[*?\[\\]", inner):
        raise UntranslatableError(
            "the whole body is not compared, only searched",
            "Add {body: {contains: …}} or {body: {matches: …}} to expect",
        )
    found = escaped(inner)
    return {"body": {"contains": found}} if operator == "==" else {"body": {"lacks": found}}


def _header(name: str, operator: str, right: str) -> Rule:
    _need_equality(operator)

    def test(made: dict[str, object]) -> Rule:
        return {"header": {"name": name} | made}

    return _any([_text_rule(option, test, {"present": True}) for option in _options(right)], operator)


def _text_rule(option: str, test: Callable[[dict[str, object]], Rule], present: dict[str, object]) -> Rule:
    pattern = _pattern(option)
    if pattern is None:
        return test({"equals": option})
    return glob_rules(pattern, test, is_present=test(present))


def _json(pointer: str, operator: str, right: str) -> Rule:
    def test(made: dict[str, object]) -> Rule:
        return {"json": {"pointer": pointer} | made}

    if operator in {"==", "!="}:
        rules = [rule for option in _options(right) for rule in _json_equal(option, test)]
        return _any(rules, operator)
    limit = values.tidy(_milliseconds(right))
    strict = test({"less_than": limit} if operator in {"<", "<="} else {"more_than": limit})
    return strict if operator in {"<", ">"} else {"any": [strict, test({"equals": limit})]}


def _json_equal(option: str, test: Callable[[dict[str, object]], Rule]) -> list[Rule]:
    """Gatus compares JSON values as text, so a number or truth is also looked for as such."""
    rules: list[Rule] = []
    if option in {"true", "false"}:
        rules.append(test({"equals": option == "true"}))
    elif (number := values.number(option)) is not None:
        rules.append(test({"equals": values.tidy(number)}))
    return [*rules, _text_rule(option, test, {"exists": True})]


def _applied(kind: str, placeholder: str, path: str, *, operator: str, right: str) -> Rule:
    if kind == "has":
        return _has(placeholder, path, is_wanted=_wanted(operator, right))
    if placeholder != "[BODY]" or not path:
        raise UntranslatableError(
            "only the length of a JSON value is looked at",
            'For an answer that is a JSON list: {json: {pointer: "", length_at_least: …}}',
        )
    return _length(pointer_of(path), operator, right)


def _has(placeholder: str, path: str, *, is_wanted: bool) -> Rule:
    if placeholder == "[HEADER]" and path.startswith("."):
        return {"header": {"name": path[1:], "present": is_wanted}}
    if placeholder != "[BODY]":
        raise UntranslatableError("has() is known of [BODY] and [HEADER] only")
    rule: Rule = {"body": {"matches": r"\S"}}
    if path:
        rule = {"json": {"pointer": pointer_of(path), "exists": True}}
    return rule if is_wanted else {"not": rule}


def _wanted(operator: str, right: str) -> bool:
    _need_equality(operator)
    if right not in {"true", "false"}:
        raise UntranslatableError("has() is true or false")
    return (right == "true") is (operator == "==")


def _length(pointer: str, operator: str, right: str) -> Rule:
    count = values.whole(right)
    if count is None:
        raise UntranslatableError("a length is compared with a whole number only")

    def test(made: dict[str, object]) -> Rule:
        return {"json": {"pointer": pointer} | made}

    least = {">": count + 1, ">=": count, "==": count, "!=": count}.get(operator)
    most = {"<": count - 1, "<=": count, "==": count, "!=": count}.get(operator)
    rules = [test({"length_at_least": least})] if least is not None else []
    rules += [test({"length_at_most": most})] if most is not None else []
    rule: Rule = rules[0] if len(rules) == 1 else {"all": rules}
    return {"not": rule} if operator == "!=" else rule


def _any(rules: list[Rule], operator: str) -> Rule:
    rule: Rule = rules[0] if len(rules) == 1 else {"any": rules}
    return rule if operator == "==" else {"not": rule}


def _options(right: str) -> list[str]:
    function = _FUNCTION.fullmatch(right)
    if function is None or function[1] != "any":
        return [right]
    return [option.strip() for option in function[2].split(",")]


def _pattern(option: str) -> str | None:
    function = _FUNCTION.fullmatch(option)
    if function is None or function[1] != "pat":
        return None
    if has_reference(function[2]):
        raise UntranslatableError("a pattern cannot come from the environment")
    return unescaped(function[2])


def _milliseconds(right: str) -> float:
    seconds = values.duration(right)
    found = values.number(right) if seconds is None else seconds * 1000
    if found is None:
        raise UntranslatableError("the limit is no number or length of time that stands in the file")
    return found


def _need_equality(operator: str) -> None:
    if operator not in {"==", "!="}:
        raise UntranslatableError("texts are only compared by == and !=")


def pointer_of(path: str) -> str:
    """The JSON Pointer of a path such as `.data[0].id`.

    Raises:
        UntranslatableError: for a path with more than names and indices.
    """
    pointer = ""
    for part in path.removeprefix(".").split("."):
        step = _STEP.fullmatch(part)
        if step is None or not part:
            raise UntranslatableError("only names and indices lead to a JSON value")
        names = ([step[1]] if step[1] else []) + re.findall(r"\d+", step[2])
        pointer += "".join(f"/{escape(name)}" for name in names)
    return pointer
