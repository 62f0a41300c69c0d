"""The Dialtone server a command speaks to, over HTTP."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import httpx
import msgspec

from app.commands import exits

DEFAULT_URL = "http://127.0.0.1:4350"
PATIENCE = 30.0
CALL_PATIENCE = 660.0
SILENCE = 45.0
"""Three heartbeats of a stream."""

_UNREACHABLE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)

_ASKED_WRONGLY = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}
_ITS_FILE = "urn:dialtone:problem:invalid-configuration"

ClientFactory = Callable[[str], httpx.Client]


class Reply(NamedTuple):
    """A server's answer: `text` as it came, `body` decoded."""

    status: int
    text: str
    body: object

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return self.status < 400

    @property
    def is_refusal(self) -> bool:
        """Whether the token is missing, unknown or too weak."""
        return self.status in {401, 403}

    @property
    def exit_code(self) -> int:
        """How a command ends to which this is the answer. A call that failed is no wrong usage, whatever
        status it has, and neither is a file of the server's own.
        """
        if self.ok:
            return exits.OK
        if self.is_refusal:
            return exits.NOT_ALLOWED
        problem = self.body if isinstance(self.body, Mapping) else {}
        is_asked_wrongly = self.status in _ASKED_WRONGLY and not problem.get("outcome")
        return exits.USAGE if is_asked_wrongly and problem.get("type") != _ITS_FILE else exits.FAILED


class Download(NamedTuple):
    """An answer that is data, in whatever format was asked for."""

    content: bytes
    headers: Mapping[str, str]


class Saved(NamedTuple):
    """The headers of an answer whose body was written to a file."""

    headers: Mapping[str, str]


class Server:
    """Asks a Dialtone server. A missing server, or an answer that is not Dialtone's, ends the command."""

    def __init__(self, url: str, *, token: str = "", client: ClientFactory | None = None) -> None:
        self._url = url
        self._client = client or _open_client
        self._headers = {"accept": "application/json"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"

    def get(
        self,
        path: str,
        params: Mapping[str, str] | tuple[tuple[str, str], ...] | None = None,
        *,
        patience: float = PATIENCE,
    ) -> Reply:
        """Read; `patience` is how many seconds to wait for the answer."""
        return self._ask("GET", path, params=params, patience=patience)

    def post(
        self,
        path: str,
        body: object,
        *,
        patience: float = PATIENCE,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Reply:
        """Do something; `patience` is how many seconds to wait for the answer."""
        content = msgspec.json.encode(body)
        return self._ask(
            "POST", path, params=params, content=content, patience=patience, more_headers=headers or {}
        )

    def fetch(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        patience: float = PATIENCE,
    ) -> Download | Reply:
        """Ask for data, with a body by POST; a problem comes as a Reply."""
        content = None if body is None else msgspec.json.encode(body)
        answer = self._request(
            "GET" if body is None else "POST",
            path,
            params=params,
            content=content,
            patience=patience,
            more_headers={"accept": "*/*"},
        )
        if answer.is_success and "dialtone-truncated" in answer.headers:
            return Download(answer.content, answer.headers)
        return self._reply(answer)

    def save(self, path: str, target: Path, *, patience: float = CALL_PATIENCE) -> Saved | Reply:
        """Write an answer to a file piece by piece; a problem comes as a Reply.

        Raises:
            OSError: it cannot be written.
        """
        try:
            with (
                self._client(self._url) as client,
                client.stream(
                    "GET", path, headers={**self._headers, "accept": "*/*"}, timeout=patience
                ) as answer,
            ):
                if not answer.is_success:
                    answer.read()
                    return self._reply(answer)
                with target.open("wb") as file:
                    file.writelines(answer.iter_bytes())
                return Saved(answer.headers)
        except _UNREACHABLE as error:
            raise self._no_server() from error
        except httpx.HTTPError as error:
            raise exits.CommandError(f"The answer broke off ({type(error).__name__}); try again.") from error

    def delete(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """End something."""
        return self._ask("DELETE", path, params=params)

    @contextmanager
    def stream(
        self, path: str, params: Sequence[tuple[str, str]], *, last_id: str = ""
    ) -> Iterator[Iterator[bytes] | Reply]:
        """Open an event stream behind an id: its bytes as they come, or the answer that refuses it.

        Reading raises httpx.TransportError when the connection is lost, or silent for 45 s.
        """
        headers = {**self._headers, "accept": "text/event-stream, application/json"}
        if last_id:
            headers["last-event-id"] = last_id
        timeout = httpx.Timeout(PATIENCE, read=SILENCE)
        try:
            with (
                self._client(self._url) as client,
                client.stream("GET", path, params=list(params), headers=headers, timeout=timeout) as answer,
            ):
                if answer.headers.get("content-type", "").startswith("text/event-stream"):
                    yield answer.iter_bytes()
                else:
                    answer.read()
                    yield self._reply(answer)
        except _UNREACHABLE as error:
            raise self._no_server() from error

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | tuple[tuple[str, str], ...] | None = None,
        content: bytes | None = None,
        patience: float = PATIENCE,
        more_headers: Mapping[str, str] = {},
    ) -> Reply:
        return self._reply(
            self._request(
                method, path, params=params, content=content, patience=patience, more_headers=more_headers
            )
        )

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | tuple[tuple[str, str], ...] | None = None,
        content: bytes | None = None,
        patience: float = PATIENCE,
        more_headers: Mapping[str, str] = {},
    ) -> httpx.Response:
        headers = {**self._headers, **more_headers}
        if content is not None:
            headers["content-type"] = "application/json"
        try:
            with self._client(self._url) as client:
                return client.request(
                    method, path, params=params, content=content, headers=headers, timeout=patience
                )
        except _UNREACHABLE as error:
            raise self._no_server() from error
        except httpx.HTTPError as error:
            raise exits.CommandError(
                f"The server at {self._url} did not answer as it should ({type(error).__name__}); "
                "look at its log, then try again."
            ) from error

    def _reply(self, answer: httpx.Response) -> Reply:
        if answer.status_code == HTTPStatus.NO_CONTENT:
            return Reply(answer.status_code, "", {})
        reply = Reply(answer.status_code, answer.text, _decoded(answer))
        if reply.body is None:
            raise exits.CommandError(
                f"What answers at {self._url} is not Dialtone: set --url or DIALTONE_URL to its address."
            )
        return reply

    def _no_server(self) -> exits.NoServerError:
        return exits.NoServerError(
            f"No Dialtone answers at {self._url}. Start one with `dialtone serve --config FILE` "
            "(or `dialtone demo`), or set DIALTONE_URL to where it runs."
        )


def segment(text: str) -> str:
    """Return text as one segment of a path."""
    return quote(text, safe="")


def _open_client(url: str) -> httpx.Client:
    """The environment's proxies are for the internet, and Dialtone is mostly at home: they are not used."""
    return httpx.Client(base_url=url, trust_env=False)


def _decoded(answer: httpx.Response) -> object:
    if "json" not in answer.headers.get("content-type", ""):
        return None
    try:
        return msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return None
