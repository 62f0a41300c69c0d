"""Builds the request of an action from typed inputs.

A plan is made once for an action and a connection. It puts each checked param where the manifest says: path,
query, header, JSON body, form, multipart or GraphQL variable. An input can change neither host nor path, and
no request leaves the allowed origins. Credentials are put in later, by their kind.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import httpx
import msgspec

from integrations.clock import Clock
from integrations.credentials.secret import Secret
from integrations.errors import InvalidParams
from integrations.execution.bodiless import bodiless
from integrations.manifest import inputs, pointers
from integrations.manifest.constants import prepared
from integrations.manifest.hosts import ForeignHostError, Origins, parsed_url
from integrations.manifest.plans import ActionPlan
from integrations.manifest.queries import with_query
from integrations.manifest.schema import Input, Manifest
from integrations.manifest.templates import (
    Lookup,
    Position,
    Template,
    UnfitValueError,
    fits_header,
    template,
)
from integrations.manifest.values import Values

USER_AGENT = "Dialtone"

_OF_ONE_REQUEST = frozenset({"host", "content-length", "content-type", "transfer-encoding"})


class _Placed(NamedTuple):
    """An input's wire form, on its way to its place."""

    path: dict[str, str]
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: dict[str, object] | list[object]
    files: dict[str, bytes]
    filenames: dict[str, str]


class _Prepared(NamedTuple):
    """What the manifest says of an action's requests, parsed. `address` is empty where it holds a secret."""

    values: Values
    base: Template
    address: str
    path: Template
    headers: dict[str, Template]
    query: dict[str, Template]
    constant: Callable[[Lookup], object]


class RequestPlan(ActionPlan):
    """How one action's requests are made for one connection. What it takes is made with the first."""

    __slots__ = ("_clock", "_config", "_manifest", "_origins", "_ready", "_secrets")

    def __init__(
        self,
        manifest: Manifest,
        name: str,
        *,
        config: Mapping[str, object],
        origins: Origins,
        clock: Clock,
        secrets: Mapping[str, Secret] | None = None,
    ) -> None:
        super().__init__(manifest, name)
        self._manifest = manifest
        self._config = config
        self._origins = origins
        self._clock = clock
        self._secrets = secrets
        self._ready: _Prepared | None = None

    @property
    def _prepared(self) -> _Prepared:
        if self._ready is None:
            self._ready = self._prepare()
        return self._ready

    def _prepare(self) -> _Prepared:
        action, manifest = self.action, self._manifest
        values = Values(self._config, clock=self._clock, secrets=self._secrets)
        base = template(action.base_url or manifest.base_url)
        is_secret = any(name.startswith("secret.") for name in base.names)
        headers = {**manifest.headers, **action.headers}
        constant = action.body.base if action.body is not None else msgspec.UNSET
        return _Prepared(
            values=values,
            base=base,
            address="" if is_secret else base.fill(values).rstrip("/"),
            path=template(action.path, Position.PATH),
            headers={key.lower(): template(text, Position.HEADER) for key, text in headers.items()},
            query={key: template(text) for key, text in action.query.items()},
            constant=prepared(constant if isinstance(constant, (dict, list)) else {}),
        )

    def build(self, params: Mapping[str, object], *, key: str | None = None) -> httpx.Request:
        """The request for checked params; `key` is the idempotency key, put where the action wants one.

        Raises:
            InvalidParams: when a value cannot stand where it is to go.
        """
        placed = self._place(params)
        self._add_key(placed, key)
        try:
            url = self._url(placed)
            return self._request(url, {**self._filled_headers(), **placed.headers}, placed)
        except UnfitValueError as error:
            raise InvalidParams(self.name, {"path": str(error)}) from error
        except httpx.InvalidURL:
            # What it says quotes the address, which may hold a secret.
            reason = "the values make it no address, or too long a one"
            raise InvalidParams(self.name, {"address": reason}) from None
        except UnicodeError as error:
            raise InvalidParams(
                self.name, {"text": "a value of path, query or body is no Unicode"}
            ) from error

    def follow(self, url: str, request: httpx.Request) -> httpx.Request:
        """The request for a further page at `url`, which the vendor named: like `request`, within the allowed
        origins.

        Raises:
            ForeignHostError: when the URL leads elsewhere.
        """
        try:
            target = request.url.join(url)
        except httpx.InvalidURL as error:
            raise ForeignHostError("what was given is no address") from error
        headers = {key: value for key, value in request.headers.items() if key not in _OF_ONE_REQUEST}
        return httpx.Request(request.method, self._origins.check(target), headers=headers)

    def _url(self, placed: _Placed) -> httpx.URL:
        ready = self._prepared
        path = ready.path.fill(self._lookup(placed.path))
        address = ready.address or ready.base.fill(ready.values).rstrip("/")
        if not address:
            missing = ", ".join(ready.base.names)
            raise InvalidParams(self.name, {"address": f"{missing} is not set, and says where to call"})
        query = [(name, wanted.fill(ready.values)) for name, wanted in ready.query.items()]
        # What holds values of a caller, or a secret, would fill the memory of addresses with what comes once.
        is_constant = bool(ready.address) and not ready.path.names
        parsed = parsed_url(address + path) if is_constant else httpx.URL(address + path)
        return self._origins.check(with_query(parsed, (*query, *placed.query)))

    def _filled_headers(self) -> dict[str, str]:
        ready = self._prepared
        filled = {key: wanted.fill(ready.values) for key, wanted in ready.headers.items()}
        return {"user-agent": USER_AGENT, **{key: text for key, text in filled.items() if text}}

    def _lookup(self, path: Mapping[str, str]) -> Lookup:
        values = self._prepared.values
        return lambda name: path[name] if name in path else values(name)

    def _place(self, params: Mapping[str, object]) -> _Placed:
        placed = _Placed(path={}, query=[], headers={}, body=self._base_body(), files={}, filenames={})
        problems: dict[str, str] = {}
        for name, declared in self.action.input.items():
            if name not in params:
                continue
            try:
                _put(placed, name, declared=declared, value=params[name])
            except UnfitValueError as error:
                problems[name] = str(error)
        if problems:
            raise InvalidParams(self.name, problems)
        return placed

    def _base_body(self) -> dict[str, object] | list[object]:
        filled = self._prepared.constant(self._prepared.values)
        return filled if isinstance(filled, (dict, list)) else {}

    def _add_key(self, placed: _Placed, key: str | None) -> None:
        place = self.action.idempotency
        if place is None:
            return
        key = key or str(uuid.uuid4())
        if place.longest and len(key) > place.longest:
            key = hashlib.sha256(key.encode()).hexdigest()[: place.longest]
        if place.header:
            if not fits_header(key):
                raise InvalidParams(self.name, {"idempotency key": "it holds a character that no header may"})
            placed.headers[place.header.lower()] = key
        elif place.path:
            placed.path.setdefault(place.path, key)
        else:
            pointers.put(placed.body, place.to, key)

    def _whole(self, placed: _Placed) -> object:
        """The value of the one input that is all of the JSON body; nothing where it is not given."""
        name = self.action.body.whole if self.action.body is not None else ""
        wire = self.action.input[name].name or name
        return placed.body.get(wire) if isinstance(placed.body, dict) else None

    def _form(self, placed: _Placed) -> dict[str, str | list[str]]:
        """A form's fields: a list's items apart, in the style of its input, all else as text."""
        styles = {(one.name or name): one.style for name, one in self.action.input.items()}
        fields: dict[str, list[str]] = {}
        body = placed.body if isinstance(placed.body, dict) else {}
        for name, value in body.items():
            for wire, text in inputs.pairs(name, value, styles.get(name, "json")):
                fields.setdefault(wire, []).append(text)
        return {wire: texts[0] if len(texts) == 1 else texts for wire, texts in fields.items()}

    def _request(self, url: httpx.URL, headers: dict[str, str], placed: _Placed) -> httpx.Request:
        method = self.action.method
        if self.action.graphql:
            document = {"query": self.action.graphql, "variables": placed.body}
            return httpx.Request("POST", url, headers=headers, json=document)
        if self.action.body is None:
            return bodiless(method, url, headers)
        if self.action.body.content_type:
            headers = {**headers, "content-type": self.action.body.content_type}
        match self.action.body.kind:
            case "json":
                content = placed.body if not self.action.body.whole else self._whole(placed)
                return httpx.Request(method, url, headers=headers, json=content)
            case "form":
                return httpx.Request(method, url, headers=headers, data=self._form(placed))
            case "multipart":
                files = {
                    name: (placed.filenames.get(name, name), content)
                    for name, content in placed.files.items()
                }
                return httpx.Request(method, url, headers=headers, data=self._form(placed), files=files)
            case _:
                return httpx.Request(method, url, headers=headers, content=_single(placed))


def _put(placed: _Placed, name: str, *, declared: Input, value: object) -> None:
    wire = declared.name or name
    match declared.place:
        case "path":
            placed.path[name] = inputs.text(value)
        case "query":
            placed.query.extend(inputs.pairs(wire, value, declared.style))
        case "header":
            placed.headers[wire.lower()] = inputs.header(inputs.text(value))
        case "file":
            placed.files[wire] = inputs.raw(value)
        case "filename":
            placed.filenames[wire] = inputs.header(inputs.text(value))
        case _:
            pointers.put(placed.body, declared.to or "/" + inputs.escape(wire), value)


def _single(placed: _Placed) -> bytes:
    """The one value that is the whole body of a text or bytes request."""
    body = placed.body if isinstance(placed.body, dict) else {}
    values: Iterable[object] = [*body.values(), *placed.files.values()]
    return inputs.raw(next(iter(values), b""))
