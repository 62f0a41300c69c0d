"""Bulk queries: what they ask for, and how one answer's locator leads to the next."""

import httpx

from tests.fakes.framework import CATALOG, RecordingVendor, connection_for, framework_for


async def test_results_are_read_on_by_the_locator_of_the_answer_before() -> None:
    pages = [
        httpx.Response(200, text="Id\n1\n", headers={"sforce-locator": "MTAw"}),
        httpx.Response(200, text="Id\n2\n", headers={"sforce-locator": "null"}),
    ]
    vendor = RecordingVendor(*pages)
    framework = framework_for(vendor)
    connection = connection_for(CATALOG.manifest("salesforce"), auth="token")
    framework.register_integration(connection)

    first = await framework.execute_integration(connection.id, "queries.results", {"job": "7505g1"})
    second = await framework.execute_integration(
        connection.id, "queries.results", {"job": "7505g1", "locator": "MTAw", "max_records": 1}
    )

    assert first.ok, first.detail
    assert "MTAw" in repr(first.data)
    assert "null" in repr(second.data)
    assert vendor.requests[0].headers["accept"] == "text/csv"
    assert dict(vendor.requests[1].url.params) == {"locator": "MTAw", "maxRecords": "1"}
