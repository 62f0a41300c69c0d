"""Fallbacks between the integrations of a file: each leads to one that there is, and none in a circle."""

from collections.abc import Iterator

from integrations.fallback import LONGEST, circle_from, is_too_long
from integrations.manifest.source import Document, Problem, nearest


def fallbacks(document: Document) -> Iterator[Problem]:
    """All that is wrong with where fallbacks lead."""
    places = dict(_links(document))
    links = {name: target for name, (_, target) in places.items()}
    for name, (index, target) in places.items():
        path = ("integrations", index, "fallback", "integration")
        if target and target not in links:
            yield document.problem(
                path,
                found=repr(target[:80]),
                expected="the id of another integration",
                nearest=nearest(target, links),
            )
        elif circle := circle_from(name, links):
            yield document.problem(
                path, found=" -> ".join(circle), expected="a chain of fallbacks that comes to an end"
            )
        elif is_too_long(name, links):
            expected = f"a chain of fallbacks through at most {LONGEST} integrations"
            yield document.problem(path, found=repr(target), expected=expected)


def _links(document: Document) -> Iterator[tuple[str, tuple[int, str]]]:
    """Each integration with its place and where it falls back to, or an empty text."""
    root = document.value if isinstance(document.value, dict) else {}
    items = root.get("integrations")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and isinstance(item.get("id"), str):
            fallback = item.get("fallback")
            target = fallback.get("integration") if isinstance(fallback, dict) else None
            yield item["id"], (index, target if isinstance(target, str) else "")
