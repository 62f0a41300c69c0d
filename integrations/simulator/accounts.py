"""Accounts: the tokens a simulated vendor knows, with each one's quota and what was created with it."""

import base64
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import assert_never

import msgspec

from integrations.manifest.authentication import (
    APIKeyAuth,
    AppAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    ClientCertificateAuth,
    NoAuth,
    OAuth2Auth,
)
from integrations.manifest.schema import Manifest
from integrations.manifest.templates import Template
from integrations.simulator.keys import certificate_text, key_text
from integrations.simulator.messages import Request

TOKEN_LIFE = 3600.0
"""Seconds that a sold access token is good."""

MAX_KEPT = 500
"""Created things of one kind that an account keeps; older ones go, so a long demo does not grow."""


class Quota(msgspec.Struct, kw_only=True):
    """A fixed window of requests: `limit` in `window` seconds; `reset_at` and `now`, when it was last looked
    at, are UTC seconds.
    """

    limit: int
    window: float
    used: int = 0
    reset_at: float = 0.0
    now: float = 0.0

    @property
    def remaining(self) -> int:
        """How many requests are left."""
        return max(self.limit - self.used, 0)

    def turn(self, now: float) -> None:
        """Begin a new window when the old one is over."""
        self.now = now
        if now >= self.reset_at:
            self.used = 0
            self.reset_at = now + self.window


class Account:
    """One customer of a simulated vendor, known by its secrets; `auth` is the only kind it may use (empty:
    any of the manifest's). `token_life` is the seconds that a sold access token is good, `ends_at` the UTC
    second at which a vendor that tells such things says that the credential ends (None: never).
    """

    def __init__(
        self,
        name: str,
        *,
        secrets: Mapping[str, str],
        limits: Mapping[str, tuple[int, float]],
        auth: str = "",
    ) -> None:
        self.name = name
        self.auth = auth
        self.secrets = dict(secrets)
        self._quotas = {
            bucket: Quota(limit=limit, window=window) for bucket, (limit, window) in limits.items()
        }
        self.token_life = TOKEN_LIFE
        self.ends_at: float | None = None
        self.refresh = ""
        self._tokens: dict[str, float] = {}
        self._kept: dict[str, list[dict[str, object]]] = {}
        self._numbers: dict[str, int] = {}

    def quota(self, bucket: str, now: float) -> Quota:
        """Return a bucket as it stands at UTC second `now`.

        Raises:
            KeyError: for a bucket that the vendor does not have.
        """
        quota = self._quotas[bucket]
        quota.turn(now)
        return quota

    def new_token(self, now: float) -> str:
        """Sell an access token, which is good for `token_life` seconds."""
        token = f"simulated-token-{token_hex(12)}"
        self._tokens[token] = now + self.token_life
        return token

    def rotate(self) -> str:
        """Give another refresh token, which alone counts from now on."""
        self.refresh = f"simulated-refresh-{token_hex(12)}"
        return self.refresh

    def has_token(self, token: str) -> bool:
        """Whether this token was sold here and is good."""
        return token in self._tokens

    def expire_tokens(self, now: float | None = None) -> None:
        """End the tokens whose time is over at `now`, or all of them; refresh tokens still count."""
        self._tokens = {} if now is None else {t: end for t, end in self._tokens.items() if end > now}

    def number(self, kind: str) -> int:
        """Return the next number of a kind, from 1."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return self._numbers[kind]

    def keep(self, kind: str, thing: dict[str, object]) -> dict[str, object]:
        """Remember something created, newest last, and return it."""
        things = self._kept.setdefault(kind, [])
        things.append(thing)
        del things[:-MAX_KEPT]
        return thing

    def kept(self, kind: str) -> list[dict[str, object]]:
        """Return what was created, oldest first."""
        return self._kept.setdefault(kind, [])


def secrets_for(manifest: Manifest, name: str) -> dict[str, str]:
    """Make up an account's secrets: all that any authentication kind asks for, with the right prefix; real
    keys and certificates where one is to sign or to be shown.
    """
    return {
        key: key_for(auth, key)
        or f"{field.prefix[0] if field.prefix else ''}simulated-{manifest.id}-{name}-{key}"
        for auth in manifest.auth.values()
        for key, field in auth.secrets.items()
    }


def key_for(auth: Auth, secret: str) -> str:
    """Return the key or certificate that this secret must be; empty for one that may be any text."""
    place = f"secret.{secret}"
    match auth:
        case OAuth2Auth() if place in Template(auth.private_key).names:
            return key_text(auth.algorithm)
        case AppAuth() if place in Template(auth.private_key).names:
            return key_text("RS256")
        case ClientCertificateAuth() if place in Template(auth.certificate).names:
            return certificate_text("dialtone simulator")
        case ClientCertificateAuth() if place in Template(auth.key).names:
            return key_text("ES256")
        case _:
            return ""


def authenticate(manifest: Manifest, request: Request, accounts: Sequence[Account]) -> Account | None:
    """Return the account whose credential a request carries, by any kind of the manifest."""
    for account in accounts:
        kinds = [auth for name, auth in manifest.auth.items() if account.auth in {"", name}]
        if any(_carries(auth, request, account) for auth in kinds):
            return account
    return None


def _carries(auth: Auth, request: Request, account: Account) -> bool:
    sent = request.headers.get("authorization", "")
    match auth:
        case NoAuth():
            # A secret that is part of the address or of the body is a credential as well.
            wanted = (_fill(f"{{secret.{name}}}", account) for name in auth.secrets)
            return all(text in request.path.split("/") or _is_in(request.body, text) for text in wanted)
        case BearerAuth():
            return sent == f"{auth.scheme} {_fill(auth.token, account)}"
        case BasicAuth():
            pair = f"{_fill(auth.username, account)}:{_fill(auth.password, account)}"
            return sent == f"Basic {base64.b64encode(pair.encode()).decode()}"
        case APIKeyAuth():
            return _has_key(auth, request, account)
        case OAuth2Auth() | AppAuth():
            word, _, token = sent.partition(" ")
            return word == (auth.scheme if isinstance(auth, OAuth2Auth) else "Bearer") and account.has_token(
                token
            )
        case ClientCertificateAuth():
            # A certificate is judged in the TLS handshake, which is over before a request comes here.
            return bool(account.auth)
        case _:
            assert_never(auth)


def _has_key(auth: APIKeyAuth, request: Request, account: Account) -> bool:
    headers = all(request.headers.get(n.lower()) == _fill(v, account) for n, v in auth.apply.headers.items())
    query = all(request.argument(name) == _fill(value, account) for name, value in auth.apply.query.items())
    return headers and query


def _is_in(body: bytes, text: str) -> bool:
    return f'"{text}"'.encode() in body


def _fill(text: str, account: Account) -> str:
    return Template(text).fill(lambda name: account.secrets.get(name.rpartition(".")[2], ""))
