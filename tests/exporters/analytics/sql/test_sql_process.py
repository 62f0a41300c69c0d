"""A reader's answering, within this process: what it reads, in which formats, and what it cannot do."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import nanoarrow
import pytest
from nanoarrow.ipc import InputStream

from exporters.analytics.sql.frames import Format, Question, Reply, packed, read_frame
from exporters.analytics.sql.process import Answering, Snapshot, serve
from tests.exporters.analytics.sql.snapshot_file import ROWS, SEALED, make_snapshot, question

Ask = Callable[..., tuple[Reply, bytes]]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_snapshot(tmp_path_factory.mktemp("snapshot") / "hot.duckdb")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def ask(path: Path, own: Path) -> Ask:
    answering = Answering(own, memory=1 << 30)

    def asked(sql: str, shape: Format = Format.JSON, **limits: object) -> tuple[Reply, bytes]:
        return answering.reply(question(path, sql, format=shape, **limits))

    return asked


TWO = "SELECT ts, integration, seq FROM calls ORDER BY seq LIMIT 2"


def test_json_has_columns_and_rows(ask: Ask) -> None:
    reply, body = ask(TWO)

    assert json.loads(body) == {
        "columns": ["ts", "integration", "seq"],
        "rows": [["2026-11-22T10:00:00Z", "slack-prod", 0], ["2026-11-22T10:00:01Z", "slack-prod", 1]],
        "truncated": False,
    }
    assert (reply.error, reply.rows, reply.truncated, reply.size) == ("", 2, False, len(body))
    assert reply.cpu > 0


def test_records_and_ndjson_have_an_object_a_row(ask: Ask) -> None:
    first = {"ts": "2026-11-22T10:00:00Z", "integration": "slack-prod", "seq": 0}

    _, records = ask(TWO, Format.RECORDS)
    _, lines = ask(TWO, Format.NDJSON)

    assert json.loads(records)[0] == first
    assert [json.loads(line)["seq"] for line in lines.splitlines()] == [0, 1]


def test_csv_quotes_what_it_must(ask: Ask) -> None:

    _, body = ask("SELECT 'a,\"b\"\nc' AS text, [1, 2] AS list, NULL AS nothing, true AS yes", Format.CSV)

    rows = list(csv.reader(io.StringIO(body.decode(), newline="")))
    assert rows == [["text", "list", "nothing", "yes"], ['a,"b"\nc', "[1,2]", "", "true"]]


def test_parquet_is_read_back_by_duckdb(ask: Ask, own: Path, tmp_path: Path) -> None:
    reply, body = ask("SELECT seq FROM calls ORDER BY seq DESC", Format.PARQUET)

    (tmp_path / "back.parquet").write_bytes(body)
    back = duckdb.sql(f"SELECT count(*), first(seq) FROM '{tmp_path}/back.parquet'").fetchall()
    assert back == [(ROWS, ROWS - 1)]
    assert reply.rows == ROWS
    assert list(own.iterdir()) == []


def test_arrow_is_read_back_by_an_arrow_reader(ask: Ask) -> None:
    reply, body = ask("SELECT seq, [integration] AS names FROM calls ORDER BY seq", Format.ARROW)

    found = nanoarrow.Array(InputStream.from_readable(io.BytesIO(body)))
    assert [one["seq"] for one in found.to_pylist()] == list(range(ROWS))
    assert found.to_pylist()[0]["names"] == ["slack-prod"]
    assert reply.rows == ROWS


def test_an_empty_answer_has_its_columns_in_every_format(ask: Ask) -> None:
    empty = "SELECT seq FROM calls WHERE false"

    assert ask(empty)[1] == b'{"columns":["seq"],"rows":[],"truncated":false}'
    assert ask(empty, Format.RECORDS)[1] == b"[]"
    assert ask(empty, Format.NDJSON)[1] == b""
    assert ask(empty, Format.CSV)[1] == b"seq\r\n"
    assert ask(empty, Format.PARQUET)[0].rows == 0
    assert ask(empty, Format.ARROW)[0].rows == 0


@pytest.mark.parametrize("shape", list(Format))
def test_more_rows_than_asked_for_are_cut_and_told(ask: Ask, shape: Format) -> None:
    cut, _ = ask("SELECT seq FROM calls", shape, rows=7)
    whole, _ = ask("SELECT seq FROM calls", shape, rows=ROWS)

    assert (cut.rows, cut.truncated) == (7, True)
    assert (whole.rows, whole.truncated) == (ROWS, False)


@pytest.mark.parametrize("shape", [Format.JSON, Format.RECORDS, Format.NDJSON, Format.CSV])
def test_a_text_stops_before_it_has_too_many_bytes(ask: Ask, shape: Format) -> None:
    reply, body = ask("SELECT repeat('x', 100) AS x FROM range(1000)", shape, max_bytes=2_000)

    assert reply.truncated
    assert 10 < reply.rows < 20
    assert len(body) < 2_200


@pytest.mark.parametrize("shape", [Format.PARQUET, Format.ARROW])
def test_a_binary_answer_that_is_too_large_is_an_error(ask: Ask, shape: Format) -> None:
    reply, body = ask("SELECT hash(range) AS h FROM range(10000)", shape, rows=10_000, max_bytes=2_000)

    assert (reply.error, body) == ("too_large", b"")
    assert "2,000 bytes" in reply.detail


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("1::HUGEINT << 100", str(1 << 100)),
        ("1.50::DECIMAL(5, 2)", 1.5),
        ("DATE '2026-11-22'", "2026-11-22"),
        ("TIME '10:00:01'", "10:00:01"),
        ("INTERVAL 90 minute", 5_400.0),
        ("'abc'::BLOB", "YWJj"),
        ("'nan'::DOUBLE", None),
        ("{'a': [1], 'b': TIMESTAMP '2026-11-22 10:00:00'}", {"a": [1], "b": "2026-11-22T10:00:00Z"}),
        ("MAP {'k': 1}", {"k": 1}),
        ("TIMESTAMPTZ '2026-11-22 12:00:00+02:00'", "2026-11-22T10:00:00Z"),
        ("'11111111-2222-3333-4444-555555555555'::UUID", "11111111-2222-3333-4444-555555555555"),
        ("NULL", None),
    ],
)
def test_each_type_becomes_a_value_that_json_has(ask: Ask, sql: str, value: object) -> None:
    reply, body = ask(f"SELECT {sql} AS x, 1 AS y")

    assert reply.error == ""
    assert json.loads(body)["rows"] == [[value, 1]]


def test_a_zoned_time_within_a_list_is_a_text(ask: Ask) -> None:
    _, body = ask("SELECT [TIMESTAMPTZ '2026-11-22 10:00:00+00:00'] AS x")

    assert "2026-11-22" in json.loads(body)["rows"][0][0]


def test_columns_of_the_same_name_are_told_apart(ask: Ask) -> None:
    _, body = ask("SELECT 1 AS a, 2 AS a", Format.RECORDS)

    assert list(json.loads(body)[0].values()) == [1, 2]


@pytest.mark.parametrize(
    "behind", [";", "; -- so many; we hope", " ;\n;; /* a;b */ ; ", " -- no end;", "\n-- é\n;--"]
)
@pytest.mark.parametrize("shape", [Format.JSON, Format.PARQUET])
def test_a_statement_may_end_with_semicolons_and_comments(ask: Ask, shape: Format, behind: str) -> None:
    reply, _ = ask(f"SELECT 'ä;€' AS \";\"{behind}", shape)
    assert (reply.error, reply.detail, reply.columns) == ("", "", (";",))


def test_views_are_published_and_what_dialtone_keeps_for_itself_is_not(ask: Ask) -> None:
    assert json.loads(ask("SELECT calls FROM busy")[1])["rows"] == [[ROWS]]

    reply, _ = ask("SELECT * FROM ledger")

    assert reply.error == "refused"
    assert "busy, " in reply.detail
    for name in ("ledger", "meta", "cursors", "hot_", "sealed_files"):
        assert name not in reply.detail.partition(";")[2]


def test_an_error_of_duckdb_is_told_as_it_is(ask: Ask) -> None:
    reply, body = ask("SELECT nothing FROM calls")

    assert reply.error == "failed"
    assert "nothing" in reply.detail
    assert body == b""


def test_a_query_ends_with_its_time(ask: Ask) -> None:
    reply, _ = ask("SELECT sum(hash(range)) FROM range(100000000000)", seconds=0.2)

    assert reply.error == "timeout"
    assert "0.2 s" in reply.detail


def test_what_the_gate_would_miss_the_connection_does_not_allow(path: Path, tmp_path: Path) -> None:
    snapshot = Snapshot(str(shutil.copy(path, tmp_path / "own.duckdb")), directory=tmp_path, memory=1 << 30)
    (tmp_path.parent / "other.csv").write_text("a\n1\n")
    for sql in (
        "DELETE FROM hot_calls",
        "CREATE TABLE t AS SELECT 1",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "RESET lock_configuration",
        "INSTALL httpfs",
        "LOAD httpfs",
        f"SELECT * FROM read_csv('{tmp_path.parent}/other.csv')",
        "SELECT * FROM read_text('/etc/passwd')",
        f"COPY hot_calls TO '{tmp_path.parent}/stolen.csv'",
        f"ATTACH '{tmp_path.parent}/new.duckdb' AS other",
    ):
        with snapshot.reading() as cursor, pytest.raises(duckdb.Error):
            cursor.execute(sql).fetchall()
    snapshot.close()
    assert not (tmp_path.parent / "stolen.csv").exists()


def test_a_new_snapshot_takes_the_place_of_the_old(path: Path, tmp_path: Path) -> None:
    answering = Answering(tmp_path, memory=1 << 30)
    older = Path(shutil.copy(path, tmp_path / "older.duckdb"))
    newer = Path(shutil.copy(path, tmp_path / "newer.duckdb"))
    connection = duckdb.connect(str(newer))
    connection.execute("DELETE FROM hot_calls")
    connection.close()

    counts = [
        json.loads(answering.reply(question(one, "SELECT count(*) FROM calls"))[1])["rows"][0][0]
        for one in (older, newer, older)
    ]

    assert counts == [ROWS, 0, ROWS]


def test_questions_are_answered_in_turn_until_they_end(path: Path, tmp_path: Path) -> None:
    own = Path(shutil.copy(path, tmp_path / "own.duckdb"))
    asked = b"".join(packed(question(own, f"SELECT {number}")) for number in (1, 2))
    answered = io.BytesIO()
    allowed: list[float] = []

    serve(io.BytesIO(asked), answered, Answering(tmp_path, memory=1 << 30), allow=allowed.append)

    assert allowed == [question(own, "").seconds] * 2
    answered.seek(0)
    assert read_frame(answered, Reply) == Reply()
    for number in (1, 2):
        reply = read_frame(answered, Reply)
        assert reply is not None
        assert json.loads(answered.read(reply.size))["rows"] == [[number]]
    assert read_frame(answered, Reply) is None


def test_a_frame_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="frame of"):
        read_frame(io.BytesIO(b"\xff\xff\xff\xff"), Question)


def test_rows_of_sealed_days_are_seen_and_their_files_are_not(tmp_path: Path) -> None:
    path = make_snapshot(tmp_path / "snapshots" / "hot.duckdb", sealed=True)
    answering = Answering(tmp_path / "own", memory=1 << 30)
    file = tmp_path / "archive" / SEALED

    _, body = answering.reply(question(path, "SELECT count(*), min(seq) FROM calls"))
    assert json.loads(body)["rows"] == [[ROWS, 0]]

    for sql in (f"SELECT * FROM read_parquet('{file}')", f"SELECT * FROM '{file}'", f'TABLE "{file}"'):
        assert answering.reply(question(path, sql))[0].error == "refused"


def test_the_connection_reads_listed_files_alone_and_writes_none_to_the_archive(tmp_path: Path) -> None:
    path = make_snapshot(tmp_path / "snapshots" / "hot.duckdb", sealed=True)
    folder = (tmp_path / "archive" / SEALED).parent
    (folder / "part-2.parquet").write_bytes((folder / "part-1.parquet").read_bytes())
    snapshot = Snapshot(str(path), directory=tmp_path / "own", memory=1 << 30)

    for sql in (
        f"SELECT * FROM read_parquet('{folder}/part-2.parquet')",
        f"SELECT * FROM read_parquet('{folder}/*.parquet')",
        f"SELECT * FROM glob('{folder}/*')",
        f"COPY hot_calls TO '{folder}/part-3.parquet' (FORMAT parquet)",
        f"COPY hot_calls TO '{folder}' (FORMAT parquet, PARTITION_BY (integration), OVERWRITE_OR_IGNORE)",
    ):
        with snapshot.reading() as cursor, pytest.raises(duckdb.Error):
            cursor.execute(sql).fetchall()
    snapshot.close()

    assert sorted(each.name for each in folder.iterdir()) == ["part-1.parquet", "part-2.parquet"]
