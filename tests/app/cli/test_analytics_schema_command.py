"""`dialtone analytics schema` and GET /v2/analytics/schema, against the application in-process."""

import json
from dataclasses import replace

import pytest
from litestar.testing import TestClient

from app.asgi import create_app
from exporters.analytics.described import bundled_schema
from exporters.analytics.tables import TABLES
from exporters.analytics.views import bundled_views
from tests.app.cli.test_commands import run
from tests.fakes.parts import FakeDialtone


@pytest.fixture
def dialtone() -> FakeDialtone:
    return FakeDialtone()


def test_all_tables_and_views_are_listed_views_first(dialtone: FakeDialtone) -> None:
    result = run(dialtone, "analytics", "schema")

    names = [line.split()[0] for line in result.stdout.splitlines()[1:] if line.strip()]
    views, tables = sorted(view.name for view in bundled_views()), sorted(TABLES.values())
    assert result.exit_code == 0
    assert names[: len(views) + len(tables)] == [*views, *tables]
    assert any(name.startswith("zone_bucket(moment") for name in names)


def test_one_is_shown_column_by_column(dialtone: FakeDialtone) -> None:
    result = run(dialtone, "analytics", "schema", "usage_daily")

    assert result.exit_code == 0
    assert "Who uses what, by day" in result.stdout
    assert "Runs in which Dialtone refused a request." in result.stdout


def test_as_json_it_is_the_apis_answer_or_one_relation_of_it(dialtone: FakeDialtone) -> None:
    everything = json.loads(run(dialtone, "analytics", "schema", "--json").stdout)
    one = json.loads(run(dialtone, "analytics", "schema", "calls", "--json").stdout)

    assert len(everything["relations"]) == len(bundled_schema().relations)
    assert one in everything["relations"]
    assert one["columns"][0] == {"name": "ts", "type": "TIMESTAMP", "doc": "When it ended (UTC)."}


def test_an_unknown_table_names_the_nearest(dialtone: FakeDialtone) -> None:
    result = run(dialtone, "analytics", "schema", "usage_dayly")

    assert result.exit_code == 2
    assert "did you mean usage_daily?" in result.output


def test_analytics_that_is_off_has_no_schema(dialtone: FakeDialtone) -> None:
    app = create_app(replace(dialtone.parts(), analytics=None))

    answer = TestClient(app, base_url="http://127.0.0.1:4350").get("/v2/analytics/schema")

    assert answer.status_code == 503
    assert "Analytics is off" in answer.json()["detail"]
