"""One purchase of a token: its call, and what its answer means.

A refusal is `unauthorized`: OAuth's error words that say so (RFC 6749, 5.2), 401, 403, and for an app's
installation 404. Other words are our configuration's fault, and what plain HTTP says of the rest holds.
"""

import secrets
from collections.abc import Mapping
from typing import Protocol

import httpx

from integrations.clock import Clock
from integrations.credentials.renewing import TokenCredential
from integrations.credentials.token import Token, TokenAnswerError
from integrations.execution.call import Answer, Call, Verdict
from integrations.execution.outcome import Effect, FailureKind, Origin, Outcome, RejectReason
from integrations.execution.transport import Reply
from integrations.manifest.answers import plain_kind, seconds_until
from integrations.manifest.evaluate import UNREADABLE
from integrations.manifest.hosts import ForeignHostError
from integrations.manifest.templates import UnfitValueError

CAPABILITY = "credential"
"""The capability of token requests, which has a circuit of its own."""

_K = FailureKind
_WORDS: Mapping[str, FailureKind] = {
    "invalid_grant": _K.UNAUTHORIZED,
    "invalid_client": _K.UNAUTHORIZED,
    "unauthorized_client": _K.UNAUTHORIZED,
    "access_denied": _K.UNAUTHORIZED,
    "bad_refresh_token": _K.UNAUTHORIZED,
    "incorrect_client_credentials": _K.UNAUTHORIZED,
    "invalid_token": _K.UNAUTHORIZED,
    "slow_down": _K.THROTTLED,
    "temporarily_unavailable": _K.SERVER_ERROR,
    "server_error": _K.SERVER_ERROR,
}
_LONGEST_WORD = 120


class Calls(Protocol):
    """Who makes the request."""

    async def execute(self, call: Call) -> Answer:
        """Make one request; a third party's failure is an Outcome."""
        ...


class Buyer(Protocol):
    """Whose token it is."""

    @property
    def id(self) -> str:
        """The integration's id."""
        ...

    def redact(self, text: str) -> str:
        """The text without secrets."""
        ...

    def check_host(self, host: str) -> None:
        """Refuse a learned address that calls may not go to; raises ForeignHostError."""
        ...


class Purchase:
    """Buys one token, puts it to use, or tells why there is none."""

    def __init__(self, buyer: Buyer, tokens: TokenCredential, *, clock: Clock, within: float) -> None:
        self._buyer = buyer
        self._tokens = tokens
        self._clock = clock
        self._within = within
        self._bought: Token | None = None
        self._first: httpx.Request | None = None

    async def make(self, calls: Calls) -> Outcome | None:
        """Ask for a token; None when there is a new one, else the failure."""
        try:
            self._first = self._tokens.source.request(self._tokens.token)
        except UnfitValueError as error:
            return self._failed(unusable(f"no token can be asked for: {error}"))
        answer = await calls.execute(self._call())
        if answer.outcome.ok and self._bought is not None:
            self._tokens.adopt(self._bought)
            return None
        return self._failed(answer.outcome)

    def _failed(self, outcome: Outcome) -> Outcome:
        failure = Outcome(
            kind=outcome.kind or _K.MALFORMED,
            status=outcome.status,
            code=outcome.code,
            detail=f"no access token: {outcome.detail}",
            reason=RejectReason.CREDENTIAL if outcome.reason is None else outcome.reason,
            retry_after=outcome.retry_after,
        )
        self._tokens.fail(failure)
        return failure

    def _call(self) -> Call:
        return Call(
            integration=self._buyer.id,
            action="token",
            capability=CAPABILITY,
            effect=Effect.WRITE,
            idempotent=self._tokens.source.is_repeatable,
            prepare=self._prepare,
            classify=self._classify,
            run_id=secrets.token_hex(8),
            origin=Origin.CREDENTIAL,
            bucket=CAPABILITY,
            deadline=self._clock.monotonic() + self._within,
            step="token",
        )

    def _prepare(self) -> httpx.Request:
        """The request; anew for each further attempt, because an assertion counts once."""
        request, self._first = self._first, None
        return request or self._tokens.source.request(self._tokens.token)

    def _classify(self, reply: Reply) -> Verdict:
        answer = _decoded(reply)
        if reply.status >= 300 or answer is None:
            return self._refusal(reply, answer)
        try:
            token = self._tokens.source.read(answer)
            if token.host:
                self._buyer.check_host(token.host)
        except TokenAnswerError as error:
            kind = _WORDS.get(error.code, _K.UNAUTHORIZED) if error.code else _K.MALFORMED
            return Verdict(
                kind=kind, code=self._clean(error.code), detail=self._said(reply, error.code, str(error))
            )
        except ForeignHostError as error:
            detail = f"the token's answer sends calls elsewhere: {error}"
            return Verdict(kind=_K.MALFORMED, detail=self._clean(detail))
        self._bought = token
        return Verdict()

    def _refusal(self, reply: Reply, answer: object) -> Verdict:
        fields = answer if isinstance(answer, dict) else {}
        word = fields.get("error")
        code = word if isinstance(word, str) else ""
        said = fields.get("error_description") or fields.get("message") or ""
        return Verdict(
            kind=_kind(reply.status, code),
            code=self._clean(code),
            detail=self._said(reply, code, said if isinstance(said, str) else ""),
            retry_after=self._wait(reply),
        )

    def _wait(self, reply: Reply) -> float | None:
        text = reply.headers.get("retry-after", "")
        unit = "seconds" if text.strip().isdigit() else "http_date"
        seconds = seconds_until(text, unit, self._clock.time()) if text else None
        return None if seconds is None else max(0.0, seconds)

    def _said(self, reply: Reply, code: str, text: str) -> str:
        words = ": ".join(filter(None, (code, text)))
        return self._clean(f"the token endpoint answered {reply.status}" + (f": {words}" if words else ""))

    def _clean(self, text: str) -> str:
        shown = " ".join(self._buyer.redact(text).split())
        return shown if len(shown) <= 2 * _LONGEST_WORD else shown[: 2 * _LONGEST_WORD - 1] + "…"


def unusable(detail: str) -> Outcome:
    """The outcome where the fault is here: a secret that cannot be used."""
    return Outcome(kind=_K.UNAUTHORIZED, reason=RejectReason.CREDENTIAL, detail=detail)


def _kind(status: int, code: str) -> FailureKind:
    if code in _WORDS:
        return _WORDS[code]
    if status in (403, 404) and not code:
        return _K.UNAUTHORIZED
    return plain_kind(status) or _K.MALFORMED


def _decoded(reply: Reply) -> object:
    try:
        return reply.json() if reply.body else None
    except UNREADABLE:
        return None
