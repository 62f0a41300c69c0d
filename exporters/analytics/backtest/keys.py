"""Keys of a proposal, nested or dotted, laid over the values that hold today."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from integrations.manifest.source import nearest


class InvalidProposal(ValueError):  # noqa: N818 - the name says what is wrong
    """What is proposed cannot be used; `key` says where, the message what is wrong."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


def laid_over(
    values: Mapping[str, object], keys: Mapping[str, object], *, prefix: str = ""
) -> dict[str, object]:
    """Return other values. Keys are nested (`{"breaker": {"window": 30}}`) or dotted (`{"breaker.window":
    30}`); in a list, its members are called by their `id` or `name`. `prefix` is what an error puts before a
    key.

    Raises:
        InvalidProposal: naming the key, and the one that looks most like it.
    """
    laid = dict(values)
    for key, value in keys.items():
        _put(laid, key.split("."), value, key=f"{prefix}{key}")
    return laid


def refused(error: msgspec.ValidationError, *, prefix: str = "", keys: Sequence[str] = ()) -> InvalidProposal:
    """Return a value's refusal; where msgspec names no place, the `keys` that were given are named."""
    text = str(error)
    path = text.rpartition("`$.")[2].rstrip("`") if "`$." in text else ""
    return InvalidProposal(
        f"{prefix}{path}" if path else ", ".join(keys) or prefix.rstrip("."), text.partition(" - at ")[0]
    )


def unknown(name: str, known: Iterable[str]) -> str:
    """Say that there is no such name, and which looks most like it."""
    names = tuple(dict.fromkeys(known))
    near = nearest(name, names)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(names) or 'none'}"
    return f"there is no {name!r} here; {hint}"


def _put(values: dict[str, object], path: Sequence[str], value: object, *, key: str) -> None:
    name, rest = path[0], path[1:]
    if name not in values:
        raise InvalidProposal(key, unknown(name, values))
    inner = values[name]
    if isinstance(inner, list) and (rest or isinstance(value, Mapping)):
        values[name] = _among(inner, rest, value, key=key)
    elif not rest and not (isinstance(inner, dict) and isinstance(value, Mapping)):
        values[name] = value
    else:
        values[name] = _inside(inner, rest, value, key=key, name=name)


def _inside(inner: object, rest: Sequence[str], value: object, *, key: str, name: str) -> dict[str, object]:
    if not isinstance(inner, dict):
        raise InvalidProposal(key, f"{name!r} holds no further keys")
    changed = dict(inner)
    if rest:
        _put(changed, rest, value, key=key)
    elif isinstance(value, Mapping):
        for one, each in value.items():
            _put(changed, [str(one)], each, key=f"{key}.{one}")
    return changed


def _among(inner: Sequence[object], rest: Sequence[str], value: object, *, key: str) -> list[object]:
    """Change members of a list, which are called by their name."""
    if not rest and isinstance(value, Mapping):
        changed = list(inner)
        for name, each in value.items():
            changed = _member(changed, [str(name)], each, key=f"{key}.{name}")
        return changed
    return _member(inner, rest, value, key=key)


def _member(inner: Sequence[object], path: Sequence[str], value: object, *, key: str) -> list[object]:
    """Change the members of one name, which may hold dots."""
    names = [name for each in inner if (name := called(each))]
    places = range(len(path), 0, -1)
    place = next((place for place in places if ".".join(path[:place]) in names), 1)
    name, further = ".".join(path[:place]), path[place:]
    if name not in names:
        raise InvalidProposal(key, unknown(name, names))
    if not further and not isinstance(value, Mapping):
        raise InvalidProposal(key, f"say which key of {name!r}: {key}.…")
    return [
        _inside(each, further, value, key=key, name=name) if called(each) == name else each for each in inner
    ]


def called(member: object) -> str:
    """What a member of a list is called by: its id, or its name; empty for what has neither."""
    if not isinstance(member, Mapping):
        return ""
    return str(member.get("id") or member.get("name") or "")
