"""Texts and values made wrong at random, by a given generator, so that a failure can be repeated."""

import copy
import random
from collections.abc import Callable

HOSTILE = (
    None,
    True,
    0,
    -1,
    1e300,
    10**290,
    -0.0,
    "",
    " ",
    "\x00",
    "\U0001f600",
    "é",
    "a" * 5_000,
    "../../etc/passwd",
    "${NOPE}",
    "${file:/nope}",
    "{config.nope}",
    "{",
    "/a/~2",
    "/0/1/2",
    "(a+)+$",
    "(",
    "[a-z]{1,99999}",
    "a" * 300,
    "http://[::1",
    "1e400",
    ".nan",
    [],
    {},
    [[[[[[]]]]]],
    {"": {"": {}}},
    ["a", 1, None],
)
"""Values that stand in place of others."""

_BYTES = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\t",
    b"&a ",
    b"*a",
    b"!!x ",
    b"%",
    b"- ",
    b": ",
    b"[",
    b"}",
    b'"',
    b"|\n",
    b"?",
)


def mutated_bytes(rng: random.Random, text: bytes) -> bytes:
    """The text cut, repeated, with bytes of its own or of YAML's put in, or in another encoding."""
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        here, there = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        there = min(there, here + rng.choice((1, 5, 80, 2_000)))
        text = rng.choice(_WAYS)(rng, text, here, there)
    return text


def _shuffled(rng: random.Random, text: bytes) -> bytes:
    lines = text.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


_WAYS: tuple[Callable[[random.Random, bytes, int, int], bytes], ...] = (
    lambda _, text, here, __: text[:here],
    lambda _, text, here, there: text[:here] + text[there:],
    lambda rng, text, here, there: text[:there] + text[here:there] * rng.choice((1, 2, 50)) + text[there:],
    lambda rng, text, here, _: text[:here] + rng.choice(_BYTES) * rng.choice((1, 1, 70, 3_000)) + text[here:],
    lambda rng, text, here, _: text[:here] + rng.randbytes(1) + text[here + 1 :],
    lambda rng, text, here, there: text[:here] + rng.randbytes(there - here) + text[there:],
    lambda rng, text, _, __: _shuffled(rng, text),
    lambda rng, text, _, __: text.decode("latin-1").encode(rng.choice(("utf-16", "utf-32", "utf-8"))),
)


def mutated_tree(rng: random.Random, value: object) -> object:
    """A copy of the value in which some places are gone, renamed, doubled, swapped or of another kind."""
    made = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        places = list(_places(made))
        if not places:
            return made
        _mutate(rng, *rng.choice(places), others=places)
    return made


def _places(value: object) -> list[tuple[object, object]]:
    found: list[tuple[object, object]] = []
    below = [value]
    while below:
        here = below.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        found += [(here, key) for key in keys]
        below += [here[key] for key in keys]
    return found


def _mutate(rng: random.Random, around: object, key: object, *, others: list[tuple[object, object]]) -> None:
    way = rng.randrange(6)
    if way == 0:
        del around[key]
    elif way == 1 and isinstance(around, dict):
        around[str(key) + rng.choice(("", "x", " ", "é", "." * 50))] = around.pop(key)
    elif way == 2:
        other, at = rng.choice(others)
        if at in other if isinstance(other, dict) else at < len(other):
            around[key] = copy.deepcopy(other[at])
    elif way == 3:
        deep: object = around[key]
        for _ in range(rng.choice((1, 3, 90))):
            deep = rng.choice(([deep], {"a": deep}))
        around[key] = deep
    elif way == 4 and isinstance(around[key], str) and around[key]:
        text = around[key]
        at = rng.randrange(len(text))
        around[key] = (
            text[:at] + rng.choice(("", "{", "}", "~", "/", "\x00", "%", "é", "(", "*" * 9)) + text[at + 1 :]
        )
    else:
        around[key] = copy.deepcopy(rng.choice(HOSTILE))
