"""A report as Markdown (CommonMark with tables, as GitHub reads it). Pictures are told in words."""

import re
from collections.abc import Iterable, Iterator

from app.web.report.composing import compose
from app.web.report.document import SIGNS, Cell, Section, Table, Tone
from exporters.analytics.report.outcome import Report

_MEANS = re.compile(r"[\\`*\[\]<>|~#&]|(?<![^\W_])_|_(?![^\W_])")
_SPACE = re.compile(r"\s+")


def markdown(report: Report) -> str:
    """Return the text."""
    document = compose(report)
    lines = [f"# {escaped(document.title)}", "", escaped(document.subtitle), ""]
    lines += [f"- {_signed(one.text, one.tone)}" for one in document.headlines]
    for section in document.sections:
        lines += ["", f"## {escaped(section.title)}", *_section(section)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return text that Markdown takes as it is, on one line."""
    flat = _SPACE.sub(lambda found: "\N{NO-BREAK SPACE}" if found[0] == "\N{NO-BREAK SPACE}" else " ", text)
    return _MEANS.sub(r"\\\g<0>", flat)


def _section(section: Section) -> Iterator[str]:
    for words in section.words:
        yield from ("", escaped(words))
    for chart in section.charts:
        yield from ("", escaped(chart.text))
    for table in section.tables:
        yield ""
        yield from _table(table)
    for note in section.notes:
        yield from ("", escaped(note))


def _table(table: Table) -> Iterator[str]:
    """Columns that hold nothing but pictures are left out."""
    kept = [
        place
        for place, column in enumerate(table.columns)
        if not column.is_drawn or any(row[place].text for row in table.rows)
    ]
    columns = [table.columns[place] for place in kept]
    yield _row(column.name for column in columns)
    yield "|" + "|".join("---:" if column.is_number else "---" for column in columns) + "|"
    for row in table.rows:
        yield _row(_cell(row[place]) for place in kept)
    if table.more:
        yield from ("", table.more)


def _row(texts: Iterable[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def _cell(cell: Cell) -> str:
    return _signed(cell.text, cell.tone)


def _signed(text: str, tone: Tone) -> str:
    sign = "" if tone == "plain" else f"{SIGNS[tone]} "
    return f"{sign}{escaped(text)}"
