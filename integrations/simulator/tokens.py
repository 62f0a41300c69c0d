"""Sells access tokens to simulated accounts, as an OAuth 2.0 token endpoint or as GitHub does to apps.

Who asks must prove itself as the manifest says: by its secret, by a refresh token, which counts once, or by a
JWT signed with the account's key, of the right issuer and not over. Tokens end after an hour, or on command.
"""

import base64
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, unquote_plus

import jwt

from integrations.manifest import pointers
from integrations.manifest.authentication import AppAuth, OAuth2Auth
from integrations.manifest.schema import Manifest
from integrations.manifest.templates import Template
from integrations.simulator.accounts import Account
from integrations.simulator.keys import private_key
from integrations.simulator.messages import Request, Response, json_response

_PREFIX = re.compile(r"\{config\.\w+(?:\|\w+)?\}|https?://[^/]+")
_INSTALLATION = re.compile(r".*/app/installations/[^/]+/access_tokens")
_LONGEST_APP_JWT = 600 + 60


class TokenDesk:
    """The token endpoints of one vendor."""

    def __init__(self, manifest: Manifest) -> None:
        self._kinds = [
            (name, auth) for name, auth in manifest.auth.items() if isinstance(auth, OAuth2Auth | AppAuth)
        ]

    def sell(self, request: Request, accounts: Sequence[Account], *, now: float) -> Response | None:
        """Answer a token request, for the account it proves to be; None for what is none."""
        asked = [(name, auth) for name, auth in self._kinds if _is_at(auth, request)]
        if not asked or request.method != "POST":
            return None
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        problem = "invalid_client"
        for name, auth in asked:
            for account in (one for one in accounts if one.auth in {"", name}):
                problem = _problem(auth, request, form, account=account, now=now)
                if not problem:
                    return _sold(auth, account, now, origin=request.origin)
        status = 400 if problem == "invalid_grant" else 401
        return json_response(
            {"error": problem, "error_description": "the simulator refuses it"}, status=status
        )


def _is_at(auth: OAuth2Auth | AppAuth, request: Request) -> bool:
    if isinstance(auth, AppAuth):
        return _INSTALLATION.fullmatch(request.path) is not None
    return request.path.rstrip("/") == _PREFIX.sub("", auth.token_url, count=1).rstrip("/")


def _problem(
    auth: OAuth2Auth | AppAuth, request: Request, form: Mapping[str, str], *, account: Account, now: float
) -> str:
    """The error word for what is wrong with a request that should be this account's; empty for nothing."""
    if isinstance(auth, AppAuth):
        word, _, signed = request.headers.get("authorization", "").partition(" ")
        claims = _claims(signed, "RS256", now) if word == "Bearer" else {}
        life = int(str(claims.get("exp", 0))) - int(str(claims.get("iat", 0)))
        is_good = bool(claims) and life <= _LONGEST_APP_JWT and _is(auth.app_id, claims.get("iss"), account)
        return "" if is_good else "invalid_client"
    if not _is_client(auth, request, form, account=account, now=now):
        return "invalid_client"
    return "" if _is_granted(auth, form, account=account, now=now) else "invalid_grant"


def _is_client(
    auth: OAuth2Auth, request: Request, form: Mapping[str, str], *, account: Account, now: float
) -> bool:
    match auth.client_auth:
        case "basic":
            name, secret = _pair(request.headers.get("authorization", ""))
            return _is(auth.client_id, name, account) and _is(auth.client_secret, secret, account)
        case "body":
            is_named = _is(auth.client_id, form.get("client_id"), account)
            return is_named and _is(auth.client_secret, form.get("client_secret"), account)
        case "private_key_jwt":
            claims = _claims(form.get("client_assertion", ""), auth.algorithm, now)
            return bool(claims) and _is(auth.client_id, claims.get("sub"), account)
        case "none":
            return True


def _is_granted(auth: OAuth2Auth, form: Mapping[str, str], *, account: Account, now: float) -> bool:
    match auth.grant:
        case "client_credentials":
            return form.get("grant_type") == "client_credentials"
        case "refresh_token":
            given = account.refresh or _filled(auth.refresh_token, account)
            return form.get("grant_type") == "refresh_token" and form.get("refresh_token") == given
        case "jwt_bearer":
            claims = _claims(form.get("assertion", ""), auth.algorithm, now)
            return bool(claims) and _is(auth.issuer or auth.client_id, claims.get("iss"), account)


def _sold(auth: OAuth2Auth | AppAuth, account: Account, now: float, *, origin: str) -> Response:
    token = account.new_token(now)
    if isinstance(auth, AppAuth):
        end = dt.datetime.fromtimestamp(now + account.token_life, dt.UTC)
        stamp = end.isoformat(timespec="seconds").replace("+00:00", "Z")
        body: dict[str, object] = {"token": token, "expires_at": stamp, "permissions": {"metadata": "read"}}
        return json_response(body, status=201)
    body = {"access_token": token, "token_type": auth.scheme, "expires_in": int(account.token_life)}
    if auth.scopes:
        body["scope"] = " ".join(auth.scopes)
    if auth.grant == "refresh_token":
        body["refresh_token"] = account.rotate()
    if auth.host_pointer:
        pointers.put(body, auth.host_pointer, origin)
    return json_response(body)


def _claims(signed: str, algorithm: str, now: float) -> Mapping[str, object]:
    """What a JWT says that the account's key has signed and whose time it is; nothing for any other."""
    try:
        claims: Mapping[str, object] = jwt.decode(
            signed,
            private_key(algorithm).public_key(),
            algorithms=[algorithm],
            options={"verify_exp": False, "verify_iat": False, "verify_aud": False},
        )
        is_now = float(str(claims["iat"])) <= now < float(str(claims["exp"]))
    except (jwt.PyJWTError, KeyError, ValueError):
        return {}
    return claims if is_now else {}


def _is(text: str, sent: object, account: Account) -> bool:
    """Whether it is what a manifest's text gives; what comes from the operator's config is not known here."""
    names = Template(text).names
    is_known = all(name.startswith("secret.") for name in names)
    return bool(sent) and (not is_known or sent == _filled(text, account))


def _filled(text: str, account: Account) -> str:
    return Template(text).fill(lambda name: account.secrets.get(name.rpartition(".")[2], ""))


def _pair(header: str) -> tuple[str, str]:
    try:
        name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(name), unquote_plus(secret)
