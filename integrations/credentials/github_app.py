"""A GitHub App's installation tokens: a JWT of ten minutes at most buys a token of an hour."""

from collections.abc import Callable
from urllib.parse import quote

import httpx

from integrations.credentials.secret import Secret
from integrations.credentials.times import read_time
from integrations.credentials.token import Token, TokenAnswerError, text_at
from integrations.manifest.authentication import AppAuth
from integrations.manifest.templates import Lookup, Template

_LIFE = 540.0  # Its beginning lies a minute back, so from there to its end are ten minutes, the most allowed.


class GitHubAppSource:
    """Buys installation tokens; `now` is UTC seconds."""

    is_repeatable = True

    def __init__(self, auth: AppAuth, *, values: Lookup, now: Callable[[], float]) -> None:
        self._auth = auth
        self._values = values
        self._now = now
        self._hidden: set[str] = set()

    @property
    def url(self) -> httpx.URL:
        """Where it asks."""
        installation = quote(self._fill(self._auth.installation_id), safe="")
        api = self._fill(self._auth.api).rstrip("/")
        return httpx.URL(f"{api}/app/installations/{installation}/access_tokens")

    def request(self, held: Token | None) -> httpx.Request:  # noqa: ARG002 - what is held buys nothing here
        """The request for a new token.

        Raises:
            SigningError: when the private key cannot sign.
        """
        from integrations.credentials.signing import sign

        signed = sign(
            {"iss": self._fill(self._auth.app_id)},
            key=self._fill(self._auth.private_key),
            algorithm="RS256",
            now=self._now(),
            life=_LIFE,
        )
        self._hidden = {signed}
        headers = {"accept": "application/vnd.github+json", "authorization": f"Bearer {signed}"}
        return httpx.Request("POST", self.url, headers=headers)

    def read(self, answer: object) -> Token:
        """The token in a good answer, with what it permits as scopes (`issues:write`).

        Raises:
            TokenAnswerError: when there is none.
        """
        if not isinstance(answer, dict):
            raise TokenAnswerError("the answer is no JSON object")
        permitted = answer.get("permissions")
        scopes = [f"{what}:{how}" for what, how in permitted.items()] if isinstance(permitted, dict) else None
        return Token(
            access=Secret(text_at(answer.get("token"), "token")),
            expires_at=read_time(str(answer.get("expires_at", ""))),
            scopes=None if scopes is None else tuple(sorted(scopes)),
        )

    def hidden(self) -> set[str]:
        """The JWT of the last request."""
        return self._hidden

    def _fill(self, text: str) -> str:
        return Template(text).fill(self._values)
