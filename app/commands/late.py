"""Commands that are loaded when they are asked for: a server would hold them all for as long as it lives, and
loading them takes a second.
"""

from collections import UserDict
from collections.abc import Iterator, Mapping
from importlib import import_module

import click


class LateCommands(UserDict[str, click.Command]):
    """Commands by their names. `places` says where each stands in a package: the module, the name in it."""

    def __init__(self, package: str, places: Mapping[str, tuple[str, str]]) -> None:
        super().__init__()
        self._package, self._places = package, places

    def __missing__(self, name: str) -> click.Command:
        module, attribute = self._places[name]
        command = getattr(import_module(f"{self._package}.{module}"), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{attribute} is no command")
        return command

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
