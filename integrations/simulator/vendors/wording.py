"""What a manifest says of a vendor's own words, said the other way round: quota headers and error bodies."""

import datetime as dt

from integrations.execution.outcome import FailureKind
from integrations.manifest import pointers
from integrations.manifest.conditions import JSONCondition
from integrations.manifest.schema import Manifest
from integrations.simulator.accounts import Quota


def quota_headers(manifest: Manifest, bucket: str, quota: Quota) -> dict[str, str]:
    """The headers that tell how much is left of a bucket; a header that holds more than its number is left
    out.
    """
    told = next((one for one in manifest.quota if bucket in (one.bucket, *one.buckets)), None)
    told = told or next(iter(manifest.quota), None)
    if told is None:
        return {}
    numbers = ((told.limit, quota.limit), (told.remaining, quota.remaining), (told.used, quota.used))
    headers = {place.header: str(number) for place, number in numbers if place and not place.pattern}
    if told.reset is not None and not told.reset.pattern:
        headers[told.reset.header] = _moment(told.reset.unit, quota)
    if told.bucket_header:
        headers[told.bucket_header] = bucket or told.bucket
    return headers


def error_body(manifest: Manifest, kind: FailureKind, *, code: str, message: str) -> object:
    """An error's body, with code and message where the manifest looks for them; None where it does not look.
    Without a code, the vendor's first word for that kind.
    """
    rules = manifest.errors.rules
    where, word = manifest.errors.code, code
    for rule in rules:
        own = next((text for text, meant in rule.kinds.items() if meant is kind), "")
        if own and not code:
            where, word = rule.code or where, own
            break
    body: object = None
    for pointer, text in ((where, word), (manifest.errors.message, message)):
        if pointer and text:
            body = _merged(body, _alone(pointer, text))
    return body


def put(data: object, pointer: str, value: object) -> object:
    """The data with another value at a pointer that leads through mappings."""
    tokens = pointers.parse(pointer)
    if not tokens or not isinstance(data, dict):
        return value
    rest = "".join(f"/{token.replace('~', '~0').replace('/', '~1')}" for token in tokens[1:])
    return {**data, tokens[0]: put(data.get(tokens[0], {}), rest, value)}


def met(data: object, test: JSONCondition) -> object:
    """The data so that it meets a check's test for being there or for a value."""
    found = pointers.get(data, test.pointer)
    if isinstance(test.equals, (str, float, int)) and found != test.equals:
        return put(data, test.pointer, test.equals)
    return put(data, test.pointer, "simulated") if test.exists and found is pointers.MISSING else data


def _moment(unit: str, quota: Quota) -> str:
    match unit:
        case "epoch_seconds":
            return f"{quota.reset_at:.0f}"
        case "epoch_milliseconds":
            return f"{quota.reset_at * 1000:.0f}"
        case "iso8601":
            return dt.datetime.fromtimestamp(quota.reset_at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return f"{max(quota.reset_at - quota.now, 0.0):.0f}"


def _alone(pointer: str, value: object) -> object:
    """A value that holds nothing but another one at a pointer; `0` is the first of a list."""
    for step in reversed(pointers.parse(pointer)):
        value = [value] if step == "0" else {step: value}
    return value


def _merged(one: object, other: object) -> object:
    if isinstance(one, dict) and isinstance(other, dict):
        return {**one, **{key: _merged(one.get(key), value) for key, value in other.items()}}
    if isinstance(one, list) and isinstance(other, list):
        return [_merged(one[0], other[0])]
    return other
