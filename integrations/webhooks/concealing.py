"""Takes out of a body what is never to be kept, before it is stored.

Where a body holds none of it, it stays as it came, byte for byte; else it is written anew: JSON without its
spaces, a form with its fields in their order, XML in UTF-8 without comments.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from integrations.manifest import pointers
from integrations.manifest.evaluate import UNREADABLE
from integrations.webhooks.payload import JSON_FIELD, WebhookView, form_fields
from integrations.webhooks.xml_bodies import CONCEALED, conceal_xml


def conceal(view: WebhookView, places: Sequence[str]) -> bytes:
    """The body without what the pointers lead to; each passes through all items of the lists on its way.

    Raises:
        msgspec.DecodeError: when the body cannot be read.
    """
    paths = {pointers.parse(place) for place in places}
    value = view.json()
    if not any(_holds(value, path) for path in paths):
        return view.body
    match view.kind:
        case "xml":
            return conceal_xml(view.body, paths)
        case "form":
            return urlencode([_field(name, text, paths) for name, text in form_fields(view.body)]).encode()
        case _:
            return _written(value, paths)


def _holds(value: object, path: Sequence[str]) -> bool:
    if not path:
        return True
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return any(_holds(item, path) for item in value)
    return isinstance(value, Mapping) and path[0] in value and _holds(value[path[0]], path[1:])


def _field(name: str, text: str, paths: set[tuple[str, ...]]) -> tuple[str, str]:
    if (name,) in paths:
        return name, CONCEALED
    within = {path[1:] for path in paths if path[0] == name and len(path) > 1}
    if name != JSON_FIELD or not within or not text.startswith("{"):
        return name, text
    try:
        return name, _written(msgspec.json.decode(text), within).decode()
    except UNREADABLE:
        return name, CONCEALED


def _written(value: object, paths: set[tuple[str, ...]]) -> bytes:
    for path in paths:
        value = _without(value, path)
    return msgspec.json.encode(value)


def _without(value: object, path: Sequence[str]) -> object:
    if not path:
        return CONCEALED
    if isinstance(value, list):
        return [_without(item, path) for item in value]
    if isinstance(value, dict) and path[0] in value:
        return {**value, path[0]: _without(value[path[0]], path[1:])}
    return value
