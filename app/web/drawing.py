"""Draws pages from templates (environment.py)."""

from collections.abc import Callable
from functools import cached_property
from typing import Protocol


class Template(Protocol):
    """A template, of which only this is used."""

    def render(self, **values: object) -> str:
        """Fill it."""
        ...


class Drawing:
    """Fills templates; may be used from any thread. They are loaded with the first page: a server at which
    nobody looks does without their 2 MiB.
    """

    def __init__(self, *, version: str) -> None:
        self._version = version

    def draw(self, template: str, **values: object) -> str:
        """Return a template as text, filled with values."""
        return self._template(template).render(**values)

    @cached_property
    def _template(self) -> Callable[[str], Template]:
        from app.web.environment import make_environment

        return make_environment(version=self._version).get_template
