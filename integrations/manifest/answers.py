"""Judges a vendor's answer by its manifest: error rules first, then plain HTTP; and takes out what was asked
for.

Plain HTTP as in RFC 9110 and reference practice: 408, 425, 5xx server_error (501 and 505 without retry), 429
throttled, 401 unauthorized, 403 forbidden, 404 and 410 not_found, other 4xx and any redirect client_error.
"""

import datetime as dt
import email.utils
import re
from collections.abc import Callable

import msgspec

from integrations.execution.call import QuotaReading, Verdict
from integrations.execution.outcome import FailureKind
from integrations.execution.transport import Reply
from integrations.manifest import pointers
from integrations.manifest.evaluate import UNREADABLE, holds
from integrations.manifest.patterns import compile_pattern
from integrations.manifest.schema import Action, ErrorRule, HeaderNumber, Manifest, Quota, RetryAfter

_KINDS = {
    401: FailureKind.UNAUTHORIZED, 403: FailureKind.FORBIDDEN, 404: FailureKind.NOT_FOUND,
    408: FailureKind.SERVER_ERROR, 410: FailureKind.NOT_FOUND, 425: FailureKind.SERVER_ERROR,
    429: FailureKind.THROTTLED,
}  # fmt: skip
_NEVER_RETRIED = frozenset({501, 505})
_ACCESS = (FailureKind.FORBIDDEN, FailureKind.UNAUTHORIZED)
_DECODED = ("json", "ndjson")
_MAX_WORD = 120
_LONGEST = 31 * 86_400.0
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

GOOD = Verdict()
"""On an answer of which there is nothing to say."""


def plain_kind(status: int) -> FailureKind | None:
    """What a status means where the manifest says nothing; None is success."""
    if 200 <= status < 300:
        return None
    if status >= 500:
        return FailureKind.SERVER_ERROR
    return _KINDS.get(status, FailureKind.CLIENT_ERROR)


def is_judged_by_status(manifest: Manifest, action: Action) -> bool:
    """Whether an answer with a good status is `GOOD`, whatever else it holds."""
    return not manifest.errors.rules and not manifest.quota and action.answer not in _DECODED


class AnswerReader:
    """Reads the answers of one vendor.

    `now` is UTC seconds, for waits that are given as a time. `redact` takes secrets out of a text, because
    some vendors quote the credential in their error message. `lacks` names the scopes that the credential
    does not have, of those an action needs, given the header that tells what it has.
    """

    __slots__ = ("_errors", "_granted", "_lacks", "_now", "_quota", "_redact")

    def __init__(
        self,
        manifest: Manifest,
        *,
        now: Callable[[], float],
        redact: Callable[[str], str] = lambda text: text,
        lacks: Callable[[str, tuple[str, ...]], tuple[str, ...]] = lambda *_: (),
    ) -> None:
        self._redact = redact
        self._lacks = lacks
        self._errors = manifest.errors
        self._quota = manifest.quota
        self._granted = manifest.granted_scopes.lower()
        self._now = now

    def verdict(self, reply: Reply, action: Action) -> Verdict:
        """What the answer means for this action; a good answer that cannot be read is malformed."""
        number, rule = self._rule(reply)
        readings = tuple(self._readings(reply, action)) if self._quota else ()
        code = self._word(reply, (rule.code if rule else "") or self._errors.code)
        kind = self._kind(rule, code, reply.status)
        if kind is None:
            return self._good(reply, action, rule=_named(number, rule), readings=readings)
        wait = self._wait(reply, readings) if kind is FailureKind.THROTTLED or reply.status == 503 else None
        if wait is None and kind is FailureKind.THROTTLED and rule is not None:
            wait = rule.wait
        return Verdict(
            kind=kind,
            code=code,
            detail=self._detail(reply, rule=rule, action=action, kind=kind),
            retry_after=wait,
            retryable=rule.retry if rule else _retryable(reply.status),
            rule=_named(number, rule),
            readings=readings,
        )

    def _rule(self, reply: Reply) -> tuple[int, ErrorRule | None]:
        """The first rule that holds, and its place."""
        for number, rule in enumerate(self._errors.rules):
            if holds(rule.when, reply):
                return number, rule
        return 0, None

    def output(self, reply: Reply, action: Action) -> object:
        """The part of a good answer that the action returns: JSON values, text, or bytes as text.

        With `output_headers` it is an object that holds the headers too, None where one was not sent; what
        is no object itself stands under `body`.
        """
        data = _data(reply, action)
        if not action.output_headers:
            return data
        named = {name: reply.headers.get(wire.lower()) for name, wire in action.output_headers.items()}
        if isinstance(data, dict):
            return {**data, **named}
        return named if data is None or data == "" else {"body": data, **named}

    def _good(
        self, reply: Reply, action: Action, *, rule: str, readings: tuple[QuotaReading, ...]
    ) -> Verdict:
        detail = _misread(reply, action) if action.answer in _DECODED else ""
        kind = FailureKind.MALFORMED if detail else None
        return Verdict(kind=kind, detail=detail, rule=rule, readings=readings)

    def _kind(self, rule: ErrorRule | None, code: str, status: int) -> FailureKind | None:
        if rule is None:
            return plain_kind(status)
        if rule.ok:
            return None
        return rule.kinds.get(code) or rule.kind or plain_kind(status) or FailureKind.VENDOR_ERROR

    def _detail(self, reply: Reply, *, rule: ErrorRule | None, action: Action, kind: FailureKind) -> str:
        said = self._message(reply, (rule.message if rule else "") or self._errors.message)
        if kind is FailureKind.MALFORMED and not said:
            said = _misread(reply, action) or "that is none of its answers"
        parts = [f"the vendor answered {reply.status}" + (f": {said}" if said else "")]
        if kind not in _ACCESS:
            return parts[0]
        needed = self._word(reply, rule.scopes if rule else "") or ", ".join(action.scopes)
        if kind is FailureKind.FORBIDDEN and needed:
            parts.append(f"it needs {needed}")
        header = reply.headers.get(self._granted, "") if self._granted else ""
        if kind is FailureKind.FORBIDDEN and (lacking := self._lacks(header, action.scopes)):
            parts.append(f"the credential lacks {_clean(', '.join(lacking))}")
        if granted := _clean(self._redact(header)):
            parts.append(f"the credential has {granted}")
        return "; ".join(parts)

    def _message(self, reply: Reply, pointer: str) -> str:
        """The answer's message, of a mapping its texts by their names; all of an answer that is nothing but a
        JSON text.
        """
        if not pointer:
            return ""
        return (
            self._word(reply, pointer)
            or self._named_texts(reply, pointer)
            or self._word(reply, "", whole=True)
        )

    def _named_texts(self, reply: Reply, pointer: str) -> str:
        """What a mapping at a place says of each field (Jira's `errors`)."""
        try:
            value = pointers.get(reply.json(), pointer)
        except UNREADABLE:
            return ""
        texts = value.items() if isinstance(value, dict) else ()
        return _clean(
            self._redact("; ".join(f"{name}: {text}" for name, text in texts if isinstance(text, str)))
        )

    def _word(self, reply: Reply, pointer: str, *, whole: bool = False) -> str:
        """A short text out of the answer's JSON, or nothing."""
        if not pointer and not whole:
            return ""
        try:
            value = pointers.get(reply.json(), pointer)
        except UNREADABLE:
            return ""
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            return ""
        return _clean(self._redact(str(value)))

    def _wait(self, reply: Reply, readings: tuple[QuotaReading, ...]) -> float | None:
        for place in self._errors.retry_after:
            if (seconds := self._retry_after(place, reply)) is not None:
                return max(0.0, seconds)
        now = self._now()
        spent = [reading.reset_at for reading in readings if reading.remaining == 0 and reading.reset_at]
        # An end that is over, by our clock, says nothing: asking again at once would be what was refused.
        return max((at - now for at in spent if at > now), default=None)

    def _retry_after(self, place: RetryAfter, reply: Reply) -> float | None:
        text = reply.headers.get(place.header.lower(), "") if place.header else ""
        text = text or self._word_or_number(reply, place.pointer)
        if not text:
            return None
        if place.unit == "seconds_or_date":
            return seconds_until(text, "seconds" if _NUMBER.fullmatch(text) else "http_date", self._now())
        return seconds_until(text, place.unit, self._now())

    def _word_or_number(self, reply: Reply, pointer: str) -> str:
        if not pointer:
            return ""
        try:
            value = pointers.get(reply.json(), pointer)
        except UNREADABLE:
            return ""
        return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""

    def _readings(self, reply: Reply, action: Action) -> list[QuotaReading]:
        found = (self._reading(quota, reply, action) for quota in self._quota)
        return [reading for reading in found if reading is not None]

    def _reading(self, quota: Quota, reply: Reply, action: Action) -> QuotaReading | None:
        limit, remaining = _number(quota.limit, reply), _number(quota.remaining, reply)
        used = _number(quota.used, reply)
        if remaining is None and limit is not None and used is not None:
            remaining = max(0.0, limit - used)
        if limit is None and remaining is None:
            return None
        named = reply.headers.get(quota.bucket_header.lower(), "") if quota.bucket_header else ""
        bucket = named if named in quota.buckets else quota.bucket
        if quota.by_action and action.bucket:
            bucket = action.bucket
        reset_at = self._reset(quota.reset, reply)
        return QuotaReading(bucket=bucket, limit=limit, remaining=remaining, reset_at=reset_at)

    def _reset(self, place: HeaderNumber | None, reply: Reply) -> float | None:
        if place is None or not (text := _header_text(place, reply)):
            return None
        seconds = seconds_until(text, place.unit, self._now())
        return None if seconds is None else self._now() + seconds


def seconds_until(text: str, unit: str, now: float) -> float | None:
    """How long from `now` until what a vendor wrote in `unit`; None when it cannot be read.

    Units are those of the schema, and http_date (RFC 9110, 5.6.7). No vendor counts over more than a month,
    so a longer time is taken for a mistake: a wrong unit or clock must not silence an integration for years.
    """
    try:
        seconds = _seconds(text, unit, now)
    except (ValueError, OverflowError):
        return None
    return seconds if abs(seconds) <= _LONGEST else None


def _seconds(text: str, unit: str, now: float) -> float:
    if unit == "iso8601":
        return _utc(dt.datetime.fromisoformat(text)) - now
    if unit == "http_date":
        return _utc(email.utils.parsedate_to_datetime(text)) - now
    seconds = float(text) * (0.001 if "milliseconds" in unit else 1.0)
    return seconds - now if unit.startswith("epoch") else seconds


def _data(reply: Reply, action: Action) -> object:
    match action.answer:
        case "none":
            return None
        case "json":
            value = reply.json() if reply.body else None
            place = pointers.get(value, action.items or action.output)
            return None if place is pointers.MISSING else place
        case "ndjson":
            return _lines(reply)
        case _:
            return reply.text()


def _lines(reply: Reply) -> list[object]:
    """The values of newline-delimited JSON; empty lines part nothing."""
    return [msgspec.json.decode(line) for line in reply.body.splitlines() if line.strip()]


def _misread(reply: Reply, action: Action) -> str:
    """Why a good answer cannot be taken for the JSON that the action gives; empty when it can.

    Only a 200 must have a body: 201, 202 and 204 often have none.
    """
    if not reply.body and (reply.status != 200 or action.method == "HEAD"):
        return ""
    try:
        value = _lines(reply) if action.answer == "ndjson" else reply.json()
    except UNREADABLE:
        return f"the answer (status {reply.status}) is not JSON"
    wants_list = bool(action.items or action.paginate)
    if wants_list and not isinstance(pointers.get(value, action.items), list):
        return f"the answer holds no list at {action.items or 'its top'}"
    return ""


def _utc(moment: dt.datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _number(place: HeaderNumber | None, reply: Reply) -> float | None:
    text = _header_text(place, reply) if place is not None else ""
    return float(text) if _NUMBER.fullmatch(text) else None


def _header_text(place: HeaderNumber, reply: Reply) -> str:
    text = reply.headers.get(place.header.lower(), "").strip()[:_MAX_WORD]
    if not place.pattern:
        return text
    match = compile_pattern(place.pattern).search(text)
    return (match[1] or "") if match else ""


def _named(number: int, rule: ErrorRule | None) -> str:
    """Which rule decided, as its place in the manifest."""
    return "" if rule is None else f"errors.rules[{number}]"


def _retryable(status: int) -> bool | None:
    return False if status in _NEVER_RETRIED else None


def _clean(text: str) -> str:
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= _MAX_WORD else text[: _MAX_WORD - 1] + "…"
