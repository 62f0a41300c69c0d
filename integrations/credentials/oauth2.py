"""OAuth 2.0's token requests and answers: client credentials, refresh tokens (RFC 6749), JWTs (RFC 7523)."""

import base64
from collections.abc import Callable
from urllib.parse import quote_plus

import httpx
from msgspec.structs import replace

from integrations.credentials.secret import Secret
from integrations.credentials.token import Token, TokenAnswerError, split_scopes, text_at
from integrations.manifest import pointers
from integrations.manifest.authentication import OAuth2Auth
from integrations.manifest.templates import Lookup, Template

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_LIFE = 366 * 86_400.0


class OAuth2Source:
    """Buys tokens at an OAuth 2.0 token endpoint; `now` is UTC seconds."""

    def __init__(self, auth: OAuth2Auth, *, values: Lookup, now: Callable[[], float]) -> None:
        self._auth = auth
        self._values = values
        self._now = now
        self._hidden: set[str] = set()
        self._held: Token | None = None
        self._first = self._asked = self._fill(auth.refresh_token)

    @property
    def url(self) -> httpx.URL:
        """Where it asks."""
        return httpx.URL(self._fill(self._auth.token_url))

    @property
    def is_repeatable(self) -> bool:
        """A refresh token may be spent by its use (RFC 6749, 6)."""
        return self._auth.grant != "refresh_token"

    def request(self, held: Token | None) -> httpx.Request:
        """The request for a new token.

        Raises:
            SigningError: when the private key cannot sign.
        """
        self._hidden, self._asked = set(), self._fill(self._auth.refresh_token)
        # Another first refresh token comes from an operator, because those that followed the one before are
        # spent or revoked.
        self._held = held if self._asked == self._first else None
        headers = {"accept": "application/json"}
        form = {**self._grant(), **self._proof(headers)}
        form |= {name: self._fill(text) for name, text in self._auth.parameters.items()}
        form["scope"] = self._fill(self._auth.scope)
        given = {name: text for name, text in form.items() if text}
        return httpx.Request("POST", self.url, headers=headers, data=given)

    def read(self, answer: object) -> Token:
        """The token in a good answer; without another refresh token in it the present one stays.

        Raises:
            TokenAnswerError: when there is none.
        """
        if isinstance(answer, dict) and (word := answer.get("error")):
            said = answer.get("error_description")
            raise TokenAnswerError(said if isinstance(said, str) else "", code=str(word))
        access = text_at(_found(answer, self._auth.token_pointer), "access token")
        token = Token(access=Secret(access), expires_at=self._end(answer), refresh=self._kept())
        if isinstance(scope := _found(answer, "/scope"), str):
            token = replace(token, scopes=split_scopes(scope))
        if renewed := _found(answer, "/refresh_token"):
            token = replace(token, refresh=Secret(text_at(renewed, "refresh token that can be sent")))
        if self._auth.host_pointer:
            host = text_at(_found(answer, self._auth.host_pointer), "address of the API")
            token = replace(token, host=host)
        self._first = self._asked
        return token

    def hidden(self) -> set[str]:
        """The assertion and the client's header of the last request."""
        return self._hidden

    def _grant(self) -> dict[str, str]:
        match self._auth.grant:
            case "client_credentials":
                return {"grant_type": "client_credentials"}
            case "refresh_token":
                kept = self._kept()
                given = kept.reveal() if kept is not None else self._asked
                return {"grant_type": "refresh_token", "refresh_token": given}
            case "jwt_bearer":
                issuer = self._fill(self._auth.issuer) or self._fill(self._auth.client_id)
                subject = self._fill(self._auth.subject) or issuer
                return {"grant_type": _JWT_BEARER, "assertion": self._signed(issuer, subject)}

    def _proof(self, headers: dict[str, str]) -> dict[str, str]:
        """What proves who asks: fields of the form, or a header."""
        client = self._fill(self._auth.client_id)
        match self._auth.client_auth:
            case "basic":
                pair = f"{quote_plus(client)}:{quote_plus(self._fill(self._auth.client_secret))}"
                word = base64.b64encode(pair.encode()).decode()
                self._hidden.add(word)
                headers["authorization"] = f"Basic {word}"
                return {}
            case "body":
                return {"client_id": client, "client_secret": self._fill(self._auth.client_secret)}
            case "private_key_jwt":
                assertion = self._signed(client, client)
                return {
                    "client_id": client,
                    "client_assertion_type": _CLIENT_ASSERTION,
                    "client_assertion": assertion,
                }
            case "none":
                return {"client_id": client}

    def _signed(self, issuer: str, subject: str) -> str:
        from integrations.credentials.signing import sign

        auth = self._auth
        audience = self._fill(auth.audience) or str(self.url)
        further = {name: self._fill(text) for name, text in auth.claims.items()}
        signed = sign(
            {"iss": issuer, "sub": subject, "aud": audience, **further},
            key=self._fill(auth.private_key),
            algorithm=auth.algorithm,
            now=self._now(),
            life=auth.assertion_life,
            key_id=self._fill(auth.key_id),
        )
        self._hidden.add(signed)
        return signed

    def _end(self, answer: object) -> float | None:
        given = _found(answer, "/expires_in")
        try:
            seconds = float(given) if isinstance(given, (int, float, str)) else self._auth.life
        except (ValueError, OverflowError):
            seconds = self._auth.life
        return self._now() + seconds if 0 < seconds <= _LONGEST_LIFE else None

    def _kept(self) -> Secret | None:
        return self._held.refresh if self._held is not None else None

    def _fill(self, text: str) -> str:
        return Template(text).fill(self._values)


def _found(answer: object, pointer: str) -> object:
    value = pointers.get(answer, pointer)
    return None if value is pointers.MISSING else value
