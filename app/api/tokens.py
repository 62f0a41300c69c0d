"""API tokens: who a request comes from and what it may do."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from enum import IntEnum

import msgspec
import structlog

from app.parts import APIToken
from integrations.clock import Clock
from integrations.samples import Sample

NOTE_INTERVAL = 60.0

log = structlog.get_logger("dialtone.api")


class Scope(IntEnum):
    """What a token may do; each includes those before it."""

    READ = 1
    OPERATE = 2
    ADMIN = 3


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking: the token's name (`local` without tokens) and the highest scope it has."""

    name: str
    scope: Scope


LOCAL = Caller(name="local", scope=Scope.ADMIN)


class TokenTable:
    """Knows the configured tokens by the sha256 of their text; never the text itself."""

    def __init__(self, tokens: Iterable[APIToken], *, clock: Clock) -> None:
        self._callers: list[tuple[bytes, Caller]] = []
        self.adopt(tokens)
        self._clock = clock
        self._refused = 0
        self._unnoted = 0
        self._noted_at = -NOTE_INTERVAL

    def adopt(self, tokens: Iterable[APIToken]) -> None:
        """Know these tokens from now on, and no others."""
        self._callers = [
            (token.sha256.lower().encode(), Caller(name=token.name, scope=_highest(token.scopes)))
            for token in tokens
        ]

    @property
    def is_open(self) -> bool:
        """Whether no token is configured, so that everyone on this machine is `local`."""
        return not self._callers

    def caller(self, authorization: str) -> Caller | None:
        """Return who an Authorization header's value belongs to, Bearer or Basic (the token as password).

        Every configured token is compared, each in constant time.
        """
        if self.is_open:
            return LOCAL
        token = _token(authorization)
        if token is None:
            return None
        digest = hashlib.sha256(token).hexdigest().encode()
        found: Caller | None = None
        for known, caller in self._callers:
            if hmac.compare_digest(known, digest):
                found = caller
        if found is None:
            self._note_refusal()
        return found

    def samples(self) -> Iterable[Sample]:
        """How many requests came with a token that is not known."""
        yield Sample("dialtone_api_refused_tokens_total", (), self._refused)

    def _note_refusal(self) -> None:
        """At most one log line a minute, however fast somebody guesses."""
        self._refused += 1
        self._unnoted += 1
        if self._clock.monotonic() - self._noted_at >= NOTE_INTERVAL:
            log.warning("requests with an unknown API token", count=self._unnoted)
            self._noted_at = self._clock.monotonic()
            self._unnoted = 0


def _highest(scopes: Iterable[str]) -> Scope:
    return max((Scope[str(getattr(scope, "value", scope)).upper()] for scope in scopes), default=Scope.READ)


def _token(authorization: str) -> bytes | None:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip().encode()
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded.partition(b":")[2]
