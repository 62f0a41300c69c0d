"""What an import gives: integrations for our file, and all that could not be carried over."""

import msgspec


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was not carried over, or not fully.

    `entry` is the peer's name for it (empty: the file as a whole), `line` its line (0: unknown), `setting`
    the peer's key (empty: the whole entry), `instead` what the operator can do.
    """

    entry: str
    line: int
    setting: str
    why: str
    instead: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        subject = ": ".join(filter(None, (self.entry, self.setting)))
        return where + ". ".join(filter(None, (f"{subject}: {self.why}", self.instead)))


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """An environment variable that takes the place of a secret; `holds` says which, never its value."""

    name: str
    holds: str


class Integration(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `integrations`, as it is to be written; `source` is the peer's name for it."""

    source: str
    settings: dict[str, object]
    comments: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.settings["id"])


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A peer's configuration as ours. `notes` tell differences that hold for the peer as a whole."""

    integrations: tuple[Integration, ...]
    left_out: tuple[LeftOut, ...]
    variables: tuple[Variable, ...]
    notes: tuple[str, ...]
