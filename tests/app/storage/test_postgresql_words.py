"""What SQLite's indexes and statements are in PostgreSQL's words."""

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from app.storage.tables import _upsert, health_state, insert_new, metadata, signal_log, word_for_postgresql

DIALECT = postgresql.dialect()


def test_each_partial_index_has_its_condition_there_too() -> None:
    word_for_postgresql()

    partial = {
        index: str(index.dialect_options["sqlite"]["where"])
        for table in metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }
    assert len(partial) > 1
    for index, condition in partial.items():
        assert str(CreateIndex(index).compile(dialect=DIALECT)).endswith(f"WHERE {condition}")


def test_a_row_takes_the_place_of_the_one_with_its_key() -> None:
    text = str(_upsert(health_state, "postgresql").compile(dialect=DIALECT))

    assert text.endswith("ON CONFLICT (integration) DO UPDATE SET body = excluded.body")


def test_a_row_that_is_there_already_is_left_out() -> None:
    text = str(insert_new(signal_log, "postgresql").compile(dialect=DIALECT))

    assert text.endswith("ON CONFLICT DO NOTHING")
