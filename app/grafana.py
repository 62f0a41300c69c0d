"""A running Grafana, as the commands speak to it: folders, boards, data sources, and what they answer.

Paths and bodies are those of Grafana's HTTP API (https://grafana.com/docs/grafana/latest/developers/http_api).
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from app.boards import Board

PATIENCE = 20.0
LARGEST = 16 * 1024 * 1024
"""Bytes of an answer that are read at most."""
_TOLD = 300
"""Characters of what Grafana said that are passed on."""
_ADVICE: Mapping[int, str] = {
    400: "A board that was provisioned from files can only be changed there.",
    401: "Give a service account's token in GRAFANA_TOKEN, or its file with --token-file.",
    403: "The token lacks a permission: give its service account the role Editor, and datasources:read.",
    404: "Give Grafana's own address, with its sub-path and without /d/ or /dashboards.",
    412: "Another board has this title in the folder: rename or delete it, or choose another --folder.",
    413: "A proxy before Grafana takes no request so large: raise its limit to 1 MB.",
}

T = TypeVar("T")


class GrafanaError(Exception):
    """Grafana did not do what was asked; the message says what, why and what to do next."""


class DataSource(msgspec.Struct, frozen=True, kw_only=True):
    """A data source of Grafana's."""

    uid: str
    name: str
    type: str


class _Answer(NamedTuple):
    status: int
    location: str
    content: bytes


class Grafana:
    """Asks the Grafana at `url` (with its sub-path) with a service account's token, over clients that
    `open_client` opens. No redirect is followed, so that the token goes to no other place.
    """

    def __init__(self, url: str, *, token: str, open_client: Callable[[str], httpx.Client]) -> None:
        self._url = url.rstrip("/")
        self._headers = {"accept": "application/json"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._open_client = open_client

    def version(self) -> str:
        """Return Grafana's version; empty where it keeps it to itself."""
        answer = self._ask("GET", "/api/health", "ask for its health")
        return self._decoded(answer, _Health, "its health").version

    def ensure_folder(self, uid: str, *, title: str) -> bool:
        """Make a folder unless there is one with this uid; return whether it was made."""
        answer = self._ask(
            "GET", f"/api/folders/{_segment(uid)}", f"look for the folder {title}", missing=True
        )
        if answer.status != HTTPStatus.NOT_FOUND:
            return False
        self._ask("POST", "/api/folders", f"make the folder {title}", body={"uid": uid, "title": title})
        return True

    def board(self, uid: str) -> Board | None:
        """Return a board as Grafana has it, None where it has none of this uid."""
        answer = self._ask(
            "GET", f"/api/dashboards/uid/{_segment(uid)}", f"read the board {uid}", missing=True
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return self._decoded(answer, _Held, f"the board {uid}").dashboard

    def save(self, board: Board, *, folder: str, message: str) -> None:
        """Create or replace a board."""
        body = {"dashboard": board, "folderUid": folder, "overwrite": True, "message": message}
        self._ask("POST", "/api/dashboards/db", f"save the board {board['uid']}", body=body)

    def data_sources(self) -> list[DataSource]:
        """Return all data sources."""
        answer = self._ask("GET", "/api/datasources", "list its data sources")
        return self._decoded(answer, list[DataSource], "its data sources")

    def has_series(self, source: DataSource, query: str) -> bool:
        """Return whether a Prometheus has a result for a query now, asked through Grafana."""
        path = f"/api/datasources/proxy/uid/{_segment(source.uid)}/api/v1/query"
        answer = self._ask("GET", path, f"ask the data source {source.name}", params={"query": query})
        return bool(self._decoded(answer, _Queried, f"what {source.name} knows").data.result)

    def _ask(
        self,
        method: str,
        path: str,
        doing: str,
        *,
        body: object = None,
        params: Mapping[str, str] | None = None,
        missing: bool = False,
    ) -> _Answer:
        """Ask, and raise unless it went well; `missing`: that it is not there is an answer too."""
        content = None if body is None else msgspec.json.encode(body)
        headers = self._headers if content is None else {**self._headers, "content-type": "application/json"}
        try:
            with (
                self._open_client(self._url) as client,
                client.stream(
                    method,
                    f"{self._url}{path}",
                    params=params,
                    content=content,
                    headers=headers,
                    timeout=PATIENCE,
                    follow_redirects=False,
                ) as given,
            ):
                answer = _Answer(given.status_code, given.headers.get("location", ""), _read(given))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise GrafanaError(self._lost(doing, error)) from error
        if answer.status < HTTPStatus.MULTIPLE_CHOICES or (missing and _is_missing(answer)):
            return answer
        raise GrafanaError(self._refused(doing, answer))

    def _lost(self, doing: str, error: Exception) -> str:
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return (
            f"Cannot {doing} at {self._url} ({why}). Is this Grafana's address, with http:// or https://? "
            "For a certificate of your own authority set SSL_CERT_FILE."
        )

    def _refused(self, doing: str, answer: _Answer) -> str:
        told = f": {said}" if (said := _said(answer)) else ""
        if answer.status < HTTPStatus.BAD_REQUEST:
            place = answer.location.split("?", 1)[0][:_TOLD] or "nowhere"
            advice = (
                f"It redirects to {place}: give that address; a page to log in means that a token is wanted."
            )
        else:
            advice = _ADVICE.get(answer.status, "Look at Grafana's log.")
        return f"Cannot {doing} at {self._url}: it answered {answer.status}{told}. {advice}"

    def _decoded(self, answer: _Answer, shape: type[T], what: str) -> T:
        try:
            return msgspec.json.decode(answer.content, type=shape)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise GrafanaError(
                f"What answers at {self._url} does not tell {what} as Grafana does. {_ADVICE[404]}"
            ) from error


class _Health(msgspec.Struct, frozen=True, kw_only=True):
    database: str
    version: str = ""


class _Held(msgspec.Struct, frozen=True, kw_only=True):
    dashboard: Board


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    message: str


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    result: list[object]


class _Queried(msgspec.Struct, frozen=True, kw_only=True):
    """Prometheus' answer to a query."""

    data: _Result


def _segment(text: str) -> str:
    return quote(text, safe="")


def _read(answer: httpx.Response) -> bytes:
    """Read a body of bounded size."""
    content = bytearray()
    for part in answer.iter_bytes():
        content += part
        if len(content) > LARGEST:
            raise httpx.ReadError(f"an answer of more than {LARGEST} bytes")
    return bytes(content)


def _is_missing(answer: _Answer) -> bool:
    """Whether Grafana itself says that it has no such thing; another server's 404 says no more than that."""
    return answer.status == HTTPStatus.NOT_FOUND and bool(_said(answer))


def _said(answer: _Answer) -> str:
    """What Grafana said for itself, on one line."""
    try:
        told = msgspec.json.decode(answer.content, type=_Message).message
    except (msgspec.DecodeError, msgspec.ValidationError):
        return ""
    return " ".join(told.split())[:_TOLD]
