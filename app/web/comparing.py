"""Comparisons: what holds today beside what is proposed."""

import msgspec


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a comparison; a name that begins with spaces belongs to the row above."""

    name: str
    today: str
    proposed: str
    means: str = ""
