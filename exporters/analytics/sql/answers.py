"""Answers in the format asked for, within a number of rows and of bytes.

Times are ISO 8601 in UTC in JSON and CSV; whole numbers beyond 64 bits are text in JSON, because most readers
would round them; bytes are base64.
"""

import base64
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb
import msgspec

from exporters.analytics.sql.frames import Format

_FETCH = 500
_WIDEST = 1 << 63
_ZONED = "WITH TIME ZONE"


class TooLarge(ValueError):  # noqa: N818 - the name says what is wrong
    """The answer cannot be cut in this format, and has more bytes than it may."""


class Unsupported(ValueError):  # noqa: N818 - the name says what is wrong
    """This format cannot be written here; the message says what is missing."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered answer; `truncated` says that there were more rows."""

    columns: tuple[str, ...]
    body: bytes
    rows: int
    truncated: bool


class Statement(NamedTuple):
    """A statement that was let through, what is bound in it, and how many of its rows come before the first
    that is wanted.
    """

    sql: str
    values: Mapping[str, object] = {}
    skip: int = 0

    def first(self, rows: int) -> str:
        """Return the SQL of so many of its rows."""
        offset = f" OFFSET {self.skip}" if self.skip else ""
        return f"SELECT * FROM (\n{_bare(self.sql)}\n) LIMIT {rows}{offset}"  # noqa: S608 - the gate let it pass


def answer(
    connection: duckdb.DuckDBPyConnection,
    statement: Statement,
    *,
    shape: Format,
    rows: int,
    max_bytes: int,
    directory: Path,
) -> Answer:
    """Run an admitted statement and render what it gives. `directory` is where a file may be made on the way.

    Raises:
        duckdb.Error, TooLarge, Unsupported.
    """
    columns, source = _described(connection, statement)
    if shape is Format.PARQUET:
        write = partial(_parquet, connection, source, directory=directory)
        return _cut(columns, rows=rows, write=write, max_bytes=max_bytes)
    if shape is Format.ARROW:
        return _cut(columns, rows=rows, write=partial(_arrow, connection, source), max_bytes=max_bytes)
    connection.execute(source.first(rows + 1), dict(source.values))
    found = _rows(connection)
    return _TEXTS[shape](columns, found=found, limit=rows, max_bytes=max_bytes)


def write_parquet(connection: duckdb.DuckDBPyConnection, statement: Statement, path: Path) -> int:
    """Write all rows of an admitted statement to a file that is not there yet; return how many there are.

    Raises:
        duckdb.Error: the file may be there, and is of no use.
    """
    return _copy(connection, statement.sql, values=statement.values, path=path)


def _described(
    connection: duckdb.DuckDBPyConnection, statement: Statement
) -> tuple[tuple[str, ...], Statement]:
    """Return the columns, and the statement with its zoned times in UTC, which Python reads without more."""
    sql = statement.sql
    connection.execute(f"DESCRIBE SELECT * FROM (\n{_bare(sql)}\n)", dict(statement.values))  # noqa: S608 - the gate let it pass
    described = [(str(name), str(kind)) for name, kind, *_ in connection.fetchall()]
    columns = tuple(name for name, _ in described)
    if not any(_ZONED in kind for _, kind in described):
        return columns, statement
    aliases = [f"c{number}" for number in range(len(described))]
    values = [
        f'{_in_utc(alias, kind)} AS "{name.replace(chr(34), chr(34) * 2)}"'
        for alias, (name, kind) in zip(aliases, described, strict=True)
    ]
    inner = _bare(sql)
    zoneless = f"SELECT {', '.join(values)} FROM (\n{inner}\n) AS answer({', '.join(aliases)})"  # noqa: S608 - the gate let it pass
    return columns, statement._replace(sql=zoneless)


def _in_utc(alias: str, kind: str) -> str:
    if kind == f"TIMESTAMP {_ZONED}":
        return f"{alias} AT TIME ZONE 'UTC'"
    return f"{alias}::VARCHAR" if _ZONED in kind else alias


def _bare(sql: str) -> str:
    """The statement without the semicolons that end it, which another's parentheses may not hold, and without
    comments behind them.
    """
    text = sql.encode()
    end = len(text)
    # DuckDB counts bytes.
    for start, kind in reversed(duckdb.tokenize(sql)):
        if text[start : start + 1] == b";":
            end = start
        elif kind != duckdb.token_type.comment:
            break
    return text[:end].decode()


def _rows(connection: duckdb.DuckDBPyConnection) -> Iterator[Sequence[object]]:
    while part := connection.fetchmany(_FETCH):
        yield from part


class _Text:
    """Collects rows as text until there are too many of them, or too many bytes."""

    def __init__(self, limit: int, max_bytes: int) -> None:
        self.parts: list[bytes] = []
        self.rows = 0
        self.truncated = False
        self._limit = limit
        self._left = max_bytes

    def take(self, found: Iterator[Sequence[object]], render: Callable[[Sequence[object]], bytes]) -> None:
        """Take rows while they fit."""
        for row in found:
            line = render(row)
            self._left -= len(line) + 1
            if self.rows == self._limit or self._left < 0:
                self.truncated = True
                return
            self.parts.append(line)
            self.rows += 1


_encode = msgspec.json.Encoder(decimal_format="number").encode


def _json(
    columns: tuple[str, ...], *, found: Iterator[Sequence[object]], limit: int, max_bytes: int
) -> Answer:
    text = _Text(limit, max_bytes)
    text.take(found, lambda row: _encode([_plain(cell) for cell in row]))
    head = b'{"columns":' + _encode(columns) + b',"rows":['
    tail = b'],"truncated":' + _encode(text.truncated) + b"}"
    return _answered(columns, text, head + b",\n".join(text.parts) + tail)


def _records(
    columns: tuple[str, ...], *, found: Iterator[Sequence[object]], limit: int, max_bytes: int
) -> Answer:
    text = _Text(limit, max_bytes)
    text.take(found, lambda row: _record(columns, row))
    return _answered(columns, text, b"[" + b",\n".join(text.parts) + b"]")


def _ndjson(
    columns: tuple[str, ...], *, found: Iterator[Sequence[object]], limit: int, max_bytes: int
) -> Answer:
    text = _Text(limit, max_bytes)
    text.take(found, lambda row: _record(columns, row) + b"\n")
    return _answered(columns, text, b"".join(text.parts))


def _csv(
    columns: tuple[str, ...], *, found: Iterator[Sequence[object]], limit: int, max_bytes: int
) -> Answer:
    """RFC 4180."""
    text = _Text(limit, max_bytes)
    text.take(found, lambda row: _csv_line([_csv_cell(cell) for cell in row]))
    return _answered(columns, text, _csv_line(columns) + b"".join(text.parts))


_TEXTS = {Format.JSON: _json, Format.RECORDS: _records, Format.NDJSON: _ndjson, Format.CSV: _csv}


def _answered(columns: tuple[str, ...], text: _Text, body: bytes) -> Answer:
    return Answer(columns=columns, body=body, rows=text.rows, truncated=text.truncated)


def _record(columns: Sequence[str], row: Sequence[object]) -> bytes:
    return _encode({name: _plain(cell) for name, cell in zip(columns, row, strict=True)})


def _csv_line(cells: Sequence[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()


def _csv_cell(cell: object) -> object:
    value = _plain(cell)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return _encode(value).decode() if isinstance(value, list | dict | bool) else value


def _plain(cell: object) -> object:
    """Return a value that JSON has; msgspec does the rest, NaN and infinity as null."""
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=UTC) if cell.tzinfo is None else cell
    if isinstance(cell, int):
        return cell if -_WIDEST <= cell < _WIDEST else str(cell)
    return _plain_rare(cell)


def _plain_rare(cell: object) -> object:
    if isinstance(cell, list | tuple):
        return [_plain(one) for one in cell]
    if isinstance(cell, dict):
        return {str(key): _plain(value) for key, value in cell.items()}
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    if isinstance(cell, bytes | bytearray):
        return base64.b64encode(cell).decode()
    return cell if cell is None or isinstance(cell, str | float | Decimal) else str(cell)


def _cut(
    columns: tuple[str, ...], *, rows: int, write: Callable[[int], tuple[bytes, int]], max_bytes: int
) -> Answer:
    """Write a binary answer, which cannot be cut afterwards: if there are more rows, once more with fewer."""
    body, count = write(rows + 1)
    truncated = count > rows
    if truncated:
        body, count = write(rows)
    if len(body) > max_bytes:
        raise TooLarge
    return Answer(columns=columns, body=body, rows=count, truncated=truncated)


def _parquet(
    connection: duckdb.DuckDBPyConnection, source: Statement, limit: int, *, directory: Path
) -> tuple[bytes, int]:
    path = directory / f"answer-{limit}.parquet"
    try:
        count = _copy(connection, source.first(limit), values=source.values, path=path)
        return path.read_bytes(), count
    except duckdb.IOException as error:
        if path.exists():
            raise TooLarge from error
        raise
    finally:
        path.unlink(missing_ok=True)


def _copy(
    connection: duckdb.DuckDBPyConnection, sql: str, *, values: Mapping[str, object], path: Path
) -> int:
    target = str(path).replace("'", "''")
    connection.execute(
        f"COPY (\n{_bare(sql)}\n) TO '{target}' (FORMAT parquet, COMPRESSION zstd)", dict(values)
    )
    ((count, *_),) = connection.fetchall()
    return int(count)


def _arrow(connection: duckdb.DuckDBPyConnection, source: Statement, limit: int) -> tuple[bytes, int]:
    """The IPC stream format of Apache Arrow."""
    try:
        import nanoarrow
        from nanoarrow.c_array_stream import CArrayStream
        from nanoarrow.ipc import StreamWriter
    except ImportError as error:
        raise Unsupported("Arrow needs the package nanoarrow: install dialtone[arrow]") from error
    found = connection.sql(source.first(limit), params=dict(source.values))
    stream = nanoarrow.c_array_stream(found)
    schema, parts = stream.get_schema(), list(stream)
    written = io.BytesIO()
    with StreamWriter.from_writable(written) as writer:
        writer.write_stream(CArrayStream.from_c_arrays(parts, schema, validate=False))
    return written.getvalue(), sum(len(part) for part in parts)
