"""A report as a document, before it is HTML or Markdown: sentences, tables, pictures."""

from typing import Literal

import msgspec

from app.web.chart import Chart

Tone = Literal["bad", "warn", "good", "plain"]

SIGNS: dict[Tone, str] = {
    "bad": "\N{BALLOT X}",
    "warn": "\N{BLACK UP-POINTING TRIANGLE}",
    "good": "\N{CHECK MARK}",
    "plain": "\N{BULLET}",
}
"""A tone is told by a sign, so that it is seen without colour."""


SHOWN = 20
"""Rows of a table; the data as JSON holds more."""


class Sentence(msgspec.Struct, frozen=True):
    """Plain words, with how grave they are."""

    text: str
    tone: Tone = "plain"


class Cell(msgspec.Struct, frozen=True):
    """What stands in a table, with a sign before it where the tone is not plain; `chart` is drawn instead of
    the text where drawing is possible.
    """

    text: str
    tone: Tone = "plain"
    chart: Chart | None = None


class Column(msgspec.Struct, frozen=True):
    """A column's head; numbers stand on the right. `is_drawn`: it holds charts."""

    name: str
    is_number: bool = False
    is_drawn: bool = False


def heads(*names: str) -> tuple[Column, ...]:
    """Return columns of these names: of numbers those with # before it, of charts those with ~."""
    return tuple(
        Column(name.lstrip("#~"), is_number=name.startswith("#"), is_drawn=name.startswith("~"))
        for name in names
    )


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of cells; `more` says what was left out."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    more: str = ""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One subject: words, then pictures, then tables, then what is to be known of the numbers."""

    title: str
    words: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The whole: title, what to know in ten seconds, sections."""

    title: str
    subtitle: str
    headlines: tuple[Sentence, ...]
    sections: tuple[Section, ...]
    footer: tuple[str, ...] = ()


def more(whole: int) -> str:
    """What a table says of the rows that it does not show."""
    return f"And {whole - SHOWN:,} more." if whole > SHOWN else ""
