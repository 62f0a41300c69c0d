"""Each format's reader, on answers as the formats' documentation and their readers show them."""

import codecs
import json

import pytest

from integrations.signals import Indicator
from integrations.status_pages.formats import address, read_page
from integrations.status_pages.reading import PageReading, UnreadablePageError, select

NOW = 1_800_000_000.0

# Fields and words as https://www.githubstatus.com/api and other Statuspage sites document them.
STATUSPAGE = {
    "page": {"id": "kctbh9vrtdwd", "name": "GitHub", "url": "https://www.githubstatus.com"},
    "status": {"indicator": "major", "description": "Partial System Outage"},
    "components": [
        {"id": "1", "name": "API Requests", "status": "partial_outage", "group": False},
        {"id": "2", "name": "Webhooks", "status": "operational", "group": False},
        {"id": "3", "name": "Pages", "status": "major_outage", "group": False},
        {"id": "4", "name": "Everything", "status": "major_outage", "group": True},
    ],
    "incidents": [
        {
            "name": "Disruption with API requests",
            "status": "investigating",
            "impact": "major",
            "created_at": "2026-11-22T12:03:00.000Z",
            "started_at": "2026-11-22T12:01:00.000Z",
            "resolved_at": None,
            "shortlink": "https://stspg.io/x1",
            "components": [{"name": "API Requests", "status": "partial_outage"}],
        },
        {"name": "Old one", "status": "resolved", "impact": "critical", "components": []},
    ],
    "scheduled_maintenances": [
        {
            "name": "Webhooks move",
            "status": "in_progress",
            "impact": "maintenance",
            "scheduled_for": "2026-11-22T10:00:00Z",
            "components": [{"name": "Webhooks"}],
        },
        {"name": "Later", "status": "scheduled", "components": [{"name": "Webhooks"}]},
    ],
}

# The example of https://docs.slack.dev/reference/slack-status-api, shortened.
SLACK = {
    "status": "active",
    "date_created": "2019-04-09T07:35:46-07:00",
    "active_incidents": [
        {
            "id": "546",
            "date_created": "2018-09-07T14:35:00-07:00",
            "title": "Slack's forwarding email feature is failing for some customers",
            "type": "incident",
            "status": "active",
            "url": "https://slack-status.com/2018-09/7dea1cd14cd0f657",
            "services": ["Apps/Integrations/APIs"],
            "notes": [],
        }
    ],
}

GOOGLE = [
    {
        "id": "a",
        "begin": "2026-11-22T09:00:00+00:00",
        "created": "2026-11-22T09:10:00+00:00",
        "external_desc": "Elevated errors in Cloud Pub/Sub",
        "status_impact": "SERVICE_DISRUPTION",
        "affected_products": [{"title": "Google Cloud Pub/Sub", "id": "p"}],
        "uri": "incidents/a",
    },
    {
        "id": "b",
        "begin": "2026-11-01T00:00:00Z",
        "end": "2026-11-01T01:00:00Z",
        "status_impact": "SERVICE_OUTAGE",
    },
    {"id": "c", "status_impact": "SERVICE_OUTAGE", "most_recent_update": {"status": "AVAILABLE"}},
]

SALESFORCE = {
    "key": "NA99",
    "status": "MAJOR_INCIDENT_CORE",
    "Incidents": [
        {
            "id": 7,
            "createdAt": "2026-11-22T08:10:00.000Z",
            "message": {"pathDescription": "Users cannot log in"},
            "IncidentImpacts": [{"startTime": "2026-11-22T08:00:00.000Z", "endTime": None}],
        }
    ],
    "Maintenances": [],
}

AZURE = """<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Azure Status</title>
<item><title>Azure Key Vault - West Europe - Investigating</title><link>https://azure.status.microsoft/x</link>
<pubDate>Sun, 22 Nov 2026 09:00:00 Z</pubDate>
<description>Requests to Key Vault may fail.</description></item>
</channel></rss>"""

AWS = [
    {"date": "1800000000", "region_name": "Ireland", "service": "s3-eu-west-1", "service_name": "Amazon S3",
     "status": "2", "summary": "Increased error rates"},
    {"date": "1799990000", "service": "sqs-eu-west-1", "service_name": "Amazon SQS", "status": "0"},
]  # fmt: skip

AWS_FEED = """<rss version="2.0"><channel>
<item><title>Service is operating normally: [RESOLVED] Errors</title><guid>https://status.aws.amazon.com/#ec2-us-east-1_1799999000</guid>
<pubDate>Fri, 15 Jan 2027 07:50:00 GMT</pubDate></item>
<item><title>Increased API errors</title><guid>https://status.aws.amazon.com/#ec2-us-east-1_1799998000</guid>
<pubDate>Fri, 15 Jan 2027 07:30:00 GMT</pubDate></item>
<item><title>Elevated latency</title><guid>https://status.aws.amazon.com/#s3-eu-west-1_1799998000</guid>
<pubDate>Fri, 15 Jan 2027 07:30:00 GMT</pubDate></item>
<item><title>Forgotten</title><guid>https://status.aws.amazon.com/#sns-eu-west-1_1790000000</guid>
<pubDate>Mon, 21 Sep 2026 12:00:00 GMT</pubDate></item>
</channel></rss>"""


def read(kind: str, value: object, *components: str) -> PageReading:
    """What the reader of a kind makes of an answer."""
    body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
    return read_page(kind, body, components=components, now=NOW)


def test_a_statuspage_summary_says_what_its_components_and_incidents_are() -> None:
    said = select(read("statuspage", STATUSPAGE), ("api requests", "Issues"))

    assert said.indicator is Indicator.PARTIAL_OUTAGE
    assert said.components == ("API Requests",)
    assert said.title == "Disruption with API requests"
    assert said.url == "https://stspg.io/x1"
    assert (said.started_at, said.announced_at) == (1_795_348_860.0, 1_795_348_980.0)
    assert said.unknown == ("Issues",)


def test_a_maintenance_counts_once_it_has_begun() -> None:
    said = select(read("statuspage", STATUSPAGE), ("Webhooks",))

    assert (said.indicator, said.title) == (Indicator.MAINTENANCE, "Webhooks move")


def test_without_components_all_of_a_page_counts_but_its_groups() -> None:
    reading = read("statuspage", STATUSPAGE)

    assert select(reading, ()).indicator is Indicator.MAJOR_OUTAGE
    assert [part.name for part in reading.parts] == ["API Requests", "Webhooks", "Pages"]


def test_an_incident_that_is_only_watched_leaves_the_word_to_its_components() -> None:
    page = {
        "components": [{"name": "API", "status": "operational"}],
        "incidents": [
            {"name": "x", "impact": "critical", "status": "monitoring", "components": [{"name": "API"}]}
        ],
    }

    assert select(read("statuspage", page), ("API",)).indicator is Indicator.OPERATIONAL


def test_an_incident_counts_before_its_component_is_coloured() -> None:
    page = {
        "components": [{"name": "API", "status": "operational"}],
        "incidents": [
            {"name": "x", "impact": "critical", "status": "investigating", "components": [{"name": "API"}]}
        ],
    }

    assert select(read("statuspage", page), ("API",)).indicator is Indicator.MAJOR_OUTAGE


def test_slack_names_services_and_all_others_are_well() -> None:
    reading = read("slack", SLACK)

    said = select(reading, ("Apps/Integrations/APIs", "Messaging"))
    assert said.indicator is Indicator.PARTIAL_OUTAGE
    assert said.components == ("Apps/Integrations/APIs",)
    assert said.announced_at == 1_536_356_100.0
    assert said.unknown == ()
    assert select(reading, ("Messaging",)).indicator is Indicator.OPERATIONAL


def test_google_counts_incidents_without_an_end() -> None:
    reading = read("google", GOOGLE)

    said = select(reading, ("Google Cloud Pub/Sub",))
    assert len(reading.troubles) == 1
    assert said.indicator is Indicator.PARTIAL_OUTAGE
    assert said.url == "", "a relative address is no link"


def test_a_salesforce_instance_is_as_its_status_says() -> None:
    said = select(read("salesforce_trust", SALESFORCE), ())

    assert said.indicator is Indicator.MAJOR_OUTAGE
    assert said.title == "Users cannot log in"
    assert said.announced_at is not None
    assert said.started_at is not None
    assert said.announced_at - said.started_at == 600
    assert (
        select(read("salesforce_trust", {"key": "NA1", "status": "OK"}), ()).indicator
        is Indicator.OPERATIONAL
    )


def test_azure_names_components_in_its_text() -> None:
    assert select(read("azure", AZURE, "Key Vault"), ("Key Vault",)).indicator is Indicator.DEGRADED
    assert select(read("azure", AZURE, "Storage"), ("Storage",)).indicator is Indicator.OPERATIONAL
    assert read("azure", "<rss><channel/></rss>").troubles == ()


@pytest.mark.parametrize(
    "mark", [codecs.BOM_UTF16_BE + b"be", codecs.BOM_UTF16_LE + b"le", codecs.BOM_UTF8], ids=["be", "le", "8"]
)
def test_aws_events_are_read_whatever_their_byte_order(mark: bytes) -> None:
    charset = {b"be": "utf-16-be", b"le": "utf-16-le"}.get(mark[2:], "utf-8")
    prefix = mark[:2] if mark[2:] in {b"be", b"le"} else mark

    reading = read_page("aws", prefix + json.dumps(AWS).encode(charset), now=NOW)

    said = select(reading, ("s3-eu-west-1",))
    assert said.indicator is Indicator.PARTIAL_OUTAGE
    assert said.title == "Amazon S3 in Ireland: Increased error rates"
    assert select(reading, ("Amazon SQS",)).indicator is Indicator.OPERATIONAL


def test_of_aws_feed_the_newest_word_on_each_service_counts_for_a_day() -> None:
    reading = read("aws", AWS_FEED)

    assert [trouble.components for trouble in reading.troubles] == [("s3-eu-west-1",)]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("statuspage", b"<html>moved</html>"),
        ("statuspage", b"{}"),
        ("statuspage", b"[]"),
        ("slack", b'{"error": 1}'),
        ("google", b"{}"),
        ("salesforce_trust", b'{"key": "NA1"}'),
        ("aws", b'"x"'),
        ("aws", b"<html/>"),
        ("azure", b"{}"),
        ("azure", b'<!DOCTYPE x [<!ENTITY a "b">]><rss><channel/></rss>'),
        ("slack", b"\xff\xfe\xd8"),
        ("none", b"{}"),
        ("statuspage", b"[" * 200_000),
    ],
)
def test_what_is_no_such_page_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(UnreadablePageError):
        read_page(kind, body, now=NOW)


@pytest.mark.parametrize("kind", ["statuspage", "slack", "google", "salesforce_trust", "aws"])
def test_wrong_types_everywhere_do_not_stop_a_reader(kind: str) -> None:
    odd: list[object] = [None, 1, "x", [], {}, {"name": 3, "status": [], "components": "no", "services": 4}]
    names = ("components", "incidents", "active_incidents", "Incidents")
    page: object = {"status": "active", "key": "k", "scheduled_maintenances": {}} | dict.fromkeys(names, odd)
    if kind in {"google", "aws"}:
        page = odd

    assert isinstance(read(kind, page), PageReading)


def test_texts_are_bounded_and_links_are_web_addresses() -> None:
    incident = {"name": "a\n" * 900, "impact": "minor", "shortlink": "javascript:alert(1)", "components": []}
    page = {"components": [], "incidents": [incident] * 900}

    reading = read("statuspage", page)

    assert len(reading.troubles) == 500
    assert len(reading.troubles[0].title) == 200
    assert "\n" not in reading.troubles[0].title
    assert reading.troubles[0].url == ""


def test_a_kind_knows_where_its_data_is() -> None:
    assert address("statuspage", "https://s.example/") == "https://s.example/api/v2/summary.json"
    assert address("slack", "https://s.example") == "https://s.example/api/v2.0.0/current"
    assert address("aws", "https://s.example/events") == "https://s.example/events"


@pytest.mark.parametrize("kind", ["azure", "aws"])
def test_a_feed_that_would_hold_up_the_loop_is_not_read(kind: str) -> None:
    feed = "<rss><channel>" + "<item><title>x</title></item>" * 40_000 + "</channel></rss>"

    with pytest.raises(UnreadablePageError, match="at most"):
        read_page(kind, feed.encode(), now=1.0)
