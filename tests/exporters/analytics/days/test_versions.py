"""Versions of a file under one name: the newest is what was put in, the kept ones stay where they were."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.analytics.days.footers import Span, footer_of, moved
from exporters.analytics.days.versions import Version, version_of, write_version

COLUMNS = (
    "range AS seq, 'x' || range AS word, [range, NULL] AS list,"
    "{'a': range, 'b': {'c': range::VARCHAR}} AS deep,"
    "MAP {range: 'v'} AS map, range % 2 = 0 AS even, make_timestamp(range) AS ts,"
    "range::DECIMAL(20, 3) AS exact,"
    "NULL::INTEGER AS nothing, uuid() AS id, range / 7 AS part, 'blob'::BLOB AS bytes"
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def make(connection: duckdb.DuckDBPyConnection, path: Path, rows: int, *, compression: str = "zstd") -> Path:
    connection.execute(
        f"COPY (SELECT {COLUMNS} FROM range({rows})) TO '{path}' "
        f"(FORMAT parquet, COMPRESSION {compression}, ROW_GROUP_SIZE 2048)"
    )
    return path


def content_of(connection: duckdb.DuckDBPyConnection, path: Path) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT * FROM read_parquet('{path}')").fetchall()


@pytest.mark.parametrize("rows", [0, 1, 9_000])
def test_a_moved_file_reads_as_the_one_it_was_made_of(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, rows: int
) -> None:
    old, new = make(connection, tmp_path / "old", 5_000), make(connection, tmp_path / "new", rows)

    version = write_version(new, old, tmp_path / "part", keep=[version_of(old)])

    assert version.data.start == old.stat().st_size
    assert content_of(connection, tmp_path / "part") == content_of(connection, new)
    assert (tmp_path / "part").read_bytes()[: old.stat().st_size] == old.read_bytes()


@pytest.fixture(scope="module")
def files(connection: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("files")
    return {rows: make(connection, folder / str(rows), rows) for rows in (0, 1, 50, 300, 700, 3_000)}


@given(
    sizes=st.lists(st.sampled_from([0, 1, 50, 300, 700, 3_000]), min_size=2, max_size=6),
    keeps=st.lists(st.integers(1, 3), min_size=6, max_size=6),
)
def test_each_version_is_whole_and_keeps_those_it_must(
    connection: duckdb.DuckDBPyConnection,
    files: dict[int, Path],
    tmp_path_factory: pytest.TempPathFactory,
    *,
    sizes: list[int],
    keeps: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("versions")
    current, part = folder / "current", folder / "part"
    kept: list[tuple[Version, bytes]] = []
    for size, count in zip(sizes, keeps, strict=False):
        if kept:
            kept = kept[-count:]
            version = write_version(files[size], current, part, keep=[version for version, _ in kept])
            part.replace(current)
        else:
            version = version_of(files[size])
            shutil.copyfile(files[size], current)
        content = current.read_bytes()
        ((rows,),) = connection.execute(f"SELECT count(seq) FROM read_parquet('{current}')").fetchall()
        assert rows == size
        assert len(content) == version.footer.end
        for earlier, before in kept:
            for span in (earlier.data, earlier.footer):
                assert content[slice(*span)] == before[slice(*span)]
        kept = [*kept, (version, content)]


def test_what_nobody_reads_takes_no_space(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    current, part = tmp_path / "current", tmp_path / "part"
    make(connection, current, 20_000)
    version = version_of(current)
    for _ in range(8):
        new = make(connection, tmp_path / "new", 20_000)
        version = write_version(new, current, part, keep=[version])
        part.replace(current)

    assert current.stat().st_blocks * 512 < 2.5 * new.stat().st_size
    assert current.stat().st_size < 5 * new.stat().st_size


def test_a_footer_that_is_not_moved_is_the_same(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = make(connection, tmp_path / "file", 3_000, compression="snappy")
    footer = path.read_bytes()[footer_of(path).start :]

    assert moved(footer, 0) == footer
    assert moved(moved(footer, 1 << 40), -(1 << 40)) == footer


@given(noise=st.binary(max_size=200))
def test_noise_is_no_footer_or_gives_one_of_its_own_length(noise: bytes) -> None:
    try:
        made = moved(noise + bytes(8), 5)
    except ValueError:
        return
    assert made.endswith(b"PAR1")
    assert int.from_bytes(made[-8:-4], "little") == len(made) - 8


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1\xff\xff\xff\x7fPAR1", b"x" * 100, b"PARx....PAR1"])
def test_what_is_no_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(ValueError, match="no Parquet file"):
        footer_of(tmp_path / "file")


def test_a_version_goes_into_the_first_place_that_is_free(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    new, old = make(connection, tmp_path / "new", 100), make(connection, tmp_path / "old", 9_000)
    size, end = footer_of(new).start, old.stat().st_size
    low, high = Span(0, size + 5), Span(end - 10, end)

    at_end = write_version(new, old, tmp_path / "part", keep=[Version(data=Span(0, end - 10), footer=high)])
    between = write_version(new, old, tmp_path / "part", keep=[Version(data=low, footer=high)])
    first = write_version(new, old, tmp_path / "part", keep=[Version(data=Span(size, end - 10), footer=high)])

    assert [one.data.start for one in (at_end, between, first)] == [end, size + 5, 0]
    assert all(one.footer.start >= end for one in (at_end, between, first))
