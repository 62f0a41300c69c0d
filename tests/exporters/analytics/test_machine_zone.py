"""A machine that is not on UTC."""

import os
import subprocess
import sys
from pathlib import Path

from tests.exporters.analytics.sql.snapshot_file import make_snapshot

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from pathlib import Path
from exporters.analytics.database import open_database
from exporters.analytics.sql.process import Snapshot

ASK = "SELECT now()::TIMESTAMP = now() AT TIME ZONE 'UTC'"
folder = Path(sys.argv[1])
database, _ = open_database(folder / "live.duckdb", memory_bytes=1 << 28, stamp="x")
with database.reading() as cursor:
    print(cursor.execute(ASK).fetchall())
database.close()
snapshot = Snapshot(sys.argv[2], directory=folder, memory=1 << 30)
with snapshot.reading() as cursor:
    print(cursor.execute(ASK).fetchall())
snapshot.close()
"""


def test_now_is_utc_in_named_queries_and_in_free_sql_wherever_the_machine_is(tmp_path: Path) -> None:
    path = make_snapshot(tmp_path / "hot.duckdb")

    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(path)],
        env=os.environ | {"TZ": "America/New_York"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.split("\n")[:2] == ["[(True,)]", "[(True,)]"]
