"""A connection's config values: checked against the fields that the manifest declares."""

import re
from collections.abc import Mapping
from functools import lru_cache

import httpx
import msgspec

from integrations.manifest import inputs
from integrations.manifest.conditions import Condition, why_no_condition
from integrations.manifest.given_webhooks import read_webhooks
from integrations.manifest.hosts import may_be_host, parsed_url
from integrations.manifest.inbound import Webhooks
from integrations.manifest.schema import ConfigField
from integrations.manifest.templates import fits_header

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # A header's name, RFC 9110, 5.6.2.
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "url": (str,),
    "endpoint": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list, tuple),
    "headers": (dict,),
    "condition": (dict, Condition),
    "webhooks": (dict, Webhooks),
}
_NAMES = {
    "string": "text", "url": "a URL", "endpoint": "a URL or unix:///PATH",
    "integer": "a whole number", "number": "a number",
    "boolean": "true or false", "object": "a mapping", "array": "a list",
    "headers": "a mapping of header names to text", "condition": "a condition",
    "webhooks": "webhooks as a manifest has them (docs/webhooks.md)",
}  # fmt: skip


class _Written:
    """A value that equals those that are written alike: 1, 1.0 and true are equal otherwise."""

    __slots__ = ("_text", "value")

    def __init__(self, value: object) -> None:
        self.value = value
        self._text = repr(value)

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Written) and self._text == other._text


@lru_cache(maxsize=256)
def _condition(written: _Written) -> Condition:
    """The condition; most sites expect the same, and it is wanted when a file is checked and when an
    integration is opened.
    """
    return msgspec.convert(written.value, Condition)


def read_field(value: object, field: ConfigField) -> object:
    """The value, right for its field; a condition is decoded.

    Raises:
        ValueError: saying what is expected; never showing the value.
    """
    if not isinstance(value, _TYPES[field.type]) or (isinstance(value, bool) and field.type != "boolean"):
        raise ValueError(_expected(field))
    if field.enum and str(value) not in field.enum:
        raise ValueError(f"one of {', '.join(field.enum)}")
    if field.type == "url" or (field.type == "endpoint" and not _is_socket(str(value))):
        _check_url(str(value), field)
    if field.type == "headers" and not _are_headers(value):
        raise ValueError(_expected(field) + ", names as tokens and text in ASCII")
    if field.type == "condition" and isinstance(value, dict):
        try:
            return _condition(_Written(value))
        except msgspec.ValidationError as error:
            raise ValueError(f"a condition: {why_no_condition(error)}") from error
    if field.type == "webhooks" and isinstance(value, dict):
        return read_webhooks(value)
    return value


def read_fields(
    config: Mapping[str, object], fields: Mapping[str, ConfigField]
) -> tuple[dict[str, object], dict[str, str]]:
    """The values with their defaults, and what is expected of those that are wrong, missing or unknown."""
    values: dict[str, object] = {}
    wrong = {name: f"one of {', '.join(sorted(fields)) or 'none'}" for name in config.keys() - fields.keys()}
    for name, field in fields.items():
        value = config.get(name, field.default)
        if value is msgspec.UNSET:
            if field.required:
                wrong[name] = _expected(field)
            continue
        try:
            values[name] = read_field(value, field)
        except ValueError as error:
            wrong[name] = str(error)
    return values, wrong


def _are_headers(value: object) -> bool:
    pairs = value.items() if isinstance(value, dict) else ()
    return all(
        isinstance(name, str) and _TOKEN.fullmatch(name) and fits_header(inputs.text(text))
        for name, text in pairs
    )


def _is_socket(value: str) -> bool:
    return value.startswith("unix:///") and len(value) > len("unix:///") and "\0" not in value


def _check_url(value: str, field: ConfigField) -> None:
    try:
        url = parsed_url(value)
        host = url.host
    except (httpx.InvalidURL, UnicodeError) as error:
        # A host that begins with `xn--` and stands for no name shows itself only when it is read.
        raise ValueError(_expected(field)) from error
    if url.scheme not in ("http", "https") or not host or url.userinfo:
        raise ValueError(_expected(field) + " with http or https, a host, and no user in it")
    if not may_be_host(url):
        raise ValueError(_expected(field) + " whose host is a name or an address")
    if not 0 < (1 if url.port is None else url.port) < 65_536:
        raise ValueError(_expected(field) + " with a port from 1 to 65535")


def _expected(field: ConfigField) -> str:
    example = f" such as {field.example}" if field.example else ""
    return f"{_NAMES[field.type]}{example} ({field.title})"
