"""The view of a table: its hot rows and the files of its sealed days, each named, with all their values.

Files stand in blocks of days that lie in a row, each under the bounds of its days: a query of some days is
planned without the other blocks, whose files are not even opened. A file written before a column was added
gives NULL for it.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from exporters.analytics.archive.files import SealedFile
from exporters.analytics.derived import whole
from exporters.analytics.tables import hot, quoted

_SMALLEST, _LARGEST = 4, 32
"""Days of a block: the newest four, then eight, and so on. Each block costs every query about 0.3 ms, and
each file of a block that it needs about 0.1 ms.
"""


def view_of(table: str, files: Iterable[SealedFile], archive: Path) -> str:
    """Return the statement that makes the view."""
    blocks = "".join(_block(table, block, archive) for block in _blocks(files))
    return f"CREATE OR REPLACE VIEW {table} AS SELECT {whole(table)} FROM {hot(table)}{blocks}"  # noqa: S608 - our schema


def rows_of(files: Sequence[SealedFile], archive: Path) -> str:
    """Return the FROM clause of these files' rows."""
    names = ", ".join(quoted(str(archive / file.name)) for file in files)
    # Without this, DuckDB takes the folder's name for a column.
    return f"read_parquet([{names}], hive_partitioning = false)"


def _block(table: str, block: Sequence[SealedFile], archive: Path) -> str:
    first, last = block[-1].day, block[0].day
    columns = "*" if block[0].is_whole else whole(table)
    return (
        f" UNION ALL BY NAME SELECT {columns} FROM {rows_of(block, archive)}"  # noqa: S608 - our own names
        f" WHERE ts >= TIMESTAMP '{first}' AND ts < TIMESTAMP '{last + dt.timedelta(days=1)}'"
    )


def _blocks(files: Iterable[SealedFile]) -> Iterator[Sequence[SealedFile]]:
    """The newest first; files of one block have the same columns, of the same types."""
    newest_first = sorted(files, key=lambda file: (file.day, *_form(file)), reverse=True)
    size = _SMALLEST
    while newest_first:
        oldest = newest_first[0].day - dt.timedelta(days=size - 1)
        inside = [file for file in newest_first if file.day >= oldest]
        for _, block in groupby(
            sorted(inside, key=lambda file: (*_form(file), file.day), reverse=True),
            key=_form,
        ):
            yield tuple(block)
        newest_first = newest_first[len(inside) :]
        size = min(2 * size, _LARGEST)


def _form(file: SealedFile) -> tuple[int, bool]:
    return file.footer.schema, file.is_whole
