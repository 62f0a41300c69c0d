import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.storage import schema, sqlite, tables, upgrading
from app.storage.errors import (
    MissingDriverError,
    StorageDamagedError,
    StorageError,
    StorageUnavailableError,
    UnknownSchemaError,
)
from app.storage.storage import FILE_NAME, open_database, open_storage
from integrations.clock import SystemClock
from integrations.credentials.secret import Secret

HEAD = max(file.name[1:5] for file in (schema.MIGRATIONS / "versions").glob("v0*.py"))
LATER = '''"""A later schema."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
'''


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """Migrations that know one version more."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for file in (schema.MIGRATIONS / "env.py", *(schema.MIGRATIONS / "versions").glob("v0*.py")):
        (folder / file.relative_to(schema.MIGRATIONS)).write_text(file.read_text())
    (folder / "versions" / "v9999_later.py").write_text(LATER.format(head=HEAD))
    return folder


def names(connection: sa.Connection) -> set[str]:
    return set(sa.inspect(connection).get_table_names())


def test_a_new_file_is_the_owners_alone_and_fully_durable(path: Path) -> None:
    connection = open_database(path)

    def pragma(name: str) -> object:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()

    assert path.stat().st_mode & 0o777 == 0o600
    assert (pragma("journal_mode"), pragma("synchronous"), pragma("locking_mode")) == ("wal", 2, "exclusive")
    sqlite.close(connection)


def test_the_migrations_lead_to_the_tables_of_this_version(path: Path) -> None:
    connection = sqlite.open_sqlite(path)
    with connection.begin():
        upgrading.upgrade(connection, schema.MIGRATIONS)

    differences = compare_metadata(MigrationContext.configure(connection), tables.metadata)

    assert differences == []
    connection.rollback()
    sqlite.close(connection)


def test_a_new_database_is_as_if_it_had_been_led_through_all_versions(tmp_path: Path) -> None:
    old, new = sqlite.open_sqlite(tmp_path / "old"), open_database(tmp_path / "new")
    with old.begin():
        upgrading.upgrade(old, schema.MIGRATIONS)

    assert described(new) == described(old)
    assert described(new)["alembic_version"]
    for connection in (old, new):
        sqlite.close(connection)


def described(connection: sa.Connection) -> dict[str, object]:
    """Each table with its columns as SQLite knows them, each index as it was written, and the revision."""
    with connection.begin():
        made = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master").fetchall()
        found: dict[str, object] = {name: sql for kind, name, sql in made if kind != "table"}
        for _, table, sql in (each for each in made if each[0] == "table"):
            columns = connection.exec_driver_sql(f"PRAGMA table_xinfo({table})").fetchall()
            foreign = connection.exec_driver_sql(f"PRAGMA foreign_key_list({table})").fetchall()
            found[table] = columns, foreign, "AUTOINCREMENT" in sql, sql.count("CHECK"), sql.count("UNIQUE")
        found["revision"] = connection.exec_driver_sql("SELECT * FROM alembic_version").fetchall()
    return found


def test_the_names_of_the_versions_files_are_what_alembic_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)

    assert [script.revision for script in scripts.walk_revisions()] == schema.revisions()[::-1]
    assert scripts.get_current_head() == schema.revisions()[-1]


def test_only_an_older_database_loads_alembic(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from app.storage.storage import open_database;"
        "import app.storage.sqlite as sqlite\n"
        "for _ in range(2): sqlite.close(open_database(Path(sys.argv[1])))\n"
        "assert 'alembic' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", program, str(tmp_path / FILE_NAME)], check=True)


def test_a_copy_is_kept_before_an_older_database_is_changed(path: Path, later: Path) -> None:
    connection = open_database(path)
    copies: list[Path] = []
    schema.migrate(
        connection,
        migrations=later,
        keep_copy=lambda revision: copies.append(sqlite.keep_copy(connection, path, revision)),
    )

    assert "later" in names(connection)
    connection.rollback()
    sqlite.close(connection)
    assert [copy.name for copy in copies] == [f"dialtone.sqlite.schema-{HEAD}"]
    assert copies[0].stat().st_mode & 0o777 == 0o600
    old = open_database(copies[0])
    assert "later" not in names(old)
    old.rollback()
    sqlite.close(old)


def test_a_failing_migration_changes_nothing(path: Path, later: Path) -> None:
    connection = open_database(path)
    file = later / "versions" / "v9999_later.py"
    file.write_text(file.read_text() + "    raise RuntimeError('half way')\n")

    with pytest.raises(RuntimeError, match="half way"):
        schema.migrate(connection, migrations=later)

    assert "later" not in names(connection)
    connection.rollback()
    sqlite.close(connection)


def test_a_newer_schema_is_refused(path: Path, later: Path) -> None:
    connection = open_database(path)
    schema.migrate(connection, migrations=later)
    sqlite.close(connection)

    with pytest.raises(
        UnknownSchemaError, match=f"has schema 9999, this Dialtone knows schemas up to {HEAD}"
    ):
        open_database(path)


def test_another_programs_database_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (id INTEGER)")
    other.close()

    with pytest.raises(UnknownSchemaError, match=r"not Dialtone's \(theirs\)"):
        open_database(path)


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"this is no database at all " * 100)

    with pytest.raises(StorageDamagedError, match="is damaged"):
        open_database(path)

    assert path.read_bytes().startswith(b"this is no database")


def test_a_damaged_database_is_refused_with_what_to_do(path: Path) -> None:
    connection = open_database(path)
    with connection.begin():
        rows = [{"integration": f"i{number:05}", "body": b"x" * 500} for number in range(500)]
        connection.execute(sa.insert(tables.execution_line), rows)
    sqlite.close(connection)
    content = bytearray(path.read_bytes())
    content[20 * 4096 : 22 * 4096] = os.urandom(2 * 4096)
    path.write_bytes(content)

    with pytest.raises(StorageDamagedError, match=r"put back a backup, or rescue"):
        open_database(path)


def test_a_file_that_another_program_has_open_is_refused(path: Path) -> None:
    sqlite.close(open_database(path))
    hold = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA locking_mode=EXCLUSIVE');"
        "c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"

        with pytest.raises(StorageUnavailableError, match="open in another program"):
            open_database(path)


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "no url", "sqlite:///:memory:"])
def test_a_url_that_names_no_usable_database_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"storage\.url"):
        open_storage(Secret(url), state_dir=tmp_path, clock=SystemClock())


async def test_a_folder_that_is_missing_is_a_clear_failure(tmp_path: Path) -> None:
    storage = open_storage(Secret("sqlite:///missing/x.sqlite"), state_dir=tmp_path, clock=SystemClock())

    with pytest.raises(StorageUnavailableError, match=r"cannot open the database .*No such file"):
        await storage.start()

    assert storage.healthy() == "storage is not open"


async def test_postgresql_without_its_driver_says_what_to_install(tmp_path: Path) -> None:
    storage = open_storage(
        Secret("postgresql://db.example/dialtone"), state_dir=tmp_path, clock=SystemClock()
    )

    try:
        import psycopg  # type: ignore[import-not-found,unused-ignore]  # the optional extra
    except ImportError:
        with pytest.raises(MissingDriverError, match=r"pip install 'dialtone\[postgres\]'"):
            await storage.start()
    else:
        assert psycopg.__version__
