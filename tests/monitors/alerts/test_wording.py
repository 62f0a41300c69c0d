"""What a notification says: in sentences, true, and complete."""

import pytest

from integrations.execution.outcome import FailureKind
from integrations.signals import Evidence, Health
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.sentences import headline, impact, length
from monitors.alerts.wording import Brief, Story, brief
from monitors.incident import Impact
from tests.fakes.notifications import (
    BEGAN,
    ENDED,
    EXTERNAL,
    HOSTILE,
    alert,
    crowd,
    hostile,
    incident,
    notification,
    resolved,
    taken,
)


def lines(story: Story) -> dict[str, str]:
    return {line.name: line.text for line in story.lines}


def texts(said: Brief) -> list[str]:
    found = [said.title, said.summary, said.why_now, said.explains]
    for story in said.stories:
        found += [story.headline, *story.so_far]
        found += [line.text for line in story.lines]
    return found


def test_an_incident_is_told_in_the_order_in_which_one_asks() -> None:
    (story,) = brief(notification()).stories

    assert lines(story) == {
        "What": "auth.test timed out after 10 s, three times in a row",
        "Since": "22 Nov 21:40 UTC, 5 min ago; confirmed at 21:40 UTC",
        "How sure": "Confirmed by Dialtone's own checks, several in a row.",
        "Affected": (
            "812 of 1,204 calls failed (67%), 90 were refused at once; callers: billing-agent, support-bot."
        ),
        "Vendor": "Slack says: partial outage of Messaging since 22 Nov 21:35 UTC (Sending fails).",
        "What to do": "See whether slack is up (its status page); if so, test the network here.",
    }
    assert list(lines(story)) == ["What", "Since", "How sure", "Affected", "Vendor", "What to do"]


def test_links_are_those_of_configuration() -> None:
    said = brief(notification())

    assert [(link.text, link.url) for link in said.stories[0].links] == [
        ("Details", f"{EXTERNAL}/integrations/slack-prod"),
        ("Runbook", "https://wiki.example.com/slack"),
    ]
    assert [link.url for link in said.links] == [EXTERNAL]


def test_the_end_says_how_long_it_took_and_asks_for_nothing() -> None:
    said = brief(resolved())

    assert said.title == "RESOLVED: slack-prod (slack) is well again after 12 min"
    told = lines(said.stories[0])
    assert told["When"] == "22 Nov 21:40 UTC, until 22 Nov 21:52 UTC"
    assert not {"What to do", "How sure", "Since"} & set(told)


@pytest.mark.parametrize(
    ("told", "title"),
    [
        (notification(), "CRITICAL: slack-prod (Slack) is down"),
        (notification(reason=Reason.TEST), "TEST: slack-prod (Slack) is down"),
        (
            crowd(3),
            (
                "CRITICAL: 3 alerts of environment prod, vendor slack:"
                " slack-0000 (Slack) is down, slack-0001 (Slack) is down, slack-0002 (Slack) is down"
            ),
        ),
        (
            notification(alerts=(alert(), alert("slack-eu", ends_at=ENDED))),
            (
                "CRITICAL: 1 of 2 alerts of environment prod, vendor slack still fire:"
                " slack-prod (Slack) is down"
            ),
        ),
        (
            notification(
                status="resolved",
                reason=Reason.ALL_RESOLVED,
                alerts=(alert(ends_at=ENDED), alert("slack-eu", ends_at=ENDED)),
            ),
            "RESOLVED: all 2 alerts of environment prod, vendor slack are over",
        ),
        (
            notification(alerts=(alert(labels={"severity": "page"}),), group_labels={}),
            "WARNING: slack-prod (Slack) is down",
        ),
        (notification(alerts=(alert(labels={"severity": "none"}),)), "INFO: slack-prod (Slack) is down"),
    ],
    ids=["one", "test", "several", "partly", "all over", "a severity of one's own", "none"],
)
def test_a_title_says_what_matters_first(told: Notification, title: str) -> None:
    assert brief(told).title == title


def test_the_worst_severity_that_still_fires_counts() -> None:
    told = notification(
        alerts=(alert(ends_at=ENDED), alert("slack-eu", labels={"severity": "info"})), incidents=()
    )

    assert brief(told).severity == "info"


def test_who_took_it_is_told_until_it_is_over() -> None:
    told = lines(brief(notification(incidents=(taken(incident()),))).stories[0])

    assert told["Taken by"] == "ada, since 22 Nov 21:42 UTC: on it"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (None, "Not known yet."),
        (Impact(calls=0, failures=0, rejected=0), "Nobody called it since then."),
        (Impact(calls=4, failures=1, rejected=0, callers=("a",)), "1 of 4 calls failed (25%); callers: a."),
        (
            Impact(calls=0, failures=0, rejected=7),
            "0 of 0 calls failed, 7 were refused at once.",
        ),
    ],
    ids=["unknown", "nobody", "some", "refused"],
)
def test_the_impact_claims_no_more_than_is_known(told: Impact | None, said: str) -> None:
    assert impact(told) == said


@pytest.mark.parametrize("state", list(Health))
def test_every_state_has_words(state: Health) -> None:
    said = headline(incident(state=state, capability="write"))

    assert said.startswith("slack-prod (slack), write, ")


@pytest.mark.parametrize("evidence", list(Evidence))
def test_every_evidence_is_named(evidence: Evidence) -> None:
    (story,) = brief(notification(incidents=(incident(evidence=evidence),))).stories

    assert lines(story)["How sure"].endswith(".")
    assert lines(story)["How sure"][0].isupper()
    assert not lines(story)["How sure"].startswith("By ")


@pytest.mark.parametrize("vendor", ["", "http", "slack-prod"])
def test_a_vendor_that_says_no_more_is_not_named(vendor: str) -> None:
    assert headline(incident(vendor=vendor)) == "slack-prod is down"


def test_a_flapping_incident_says_so_and_how_often_it_came_back() -> None:
    one = incident(flapping=True, state=Health.UP, reopened=2)

    assert headline(one) == "slack-prod (slack) goes up and down"
    told = notification(incidents=(one,))
    assert "began again 2 times since" in lines(brief(told).stories[0])["Since"]


@pytest.mark.parametrize("name", ["advice", "what_to_do"])
def test_the_rule_s_advice_takes_the_place_of_ours(name: str) -> None:
    told = notification(alerts=(alert(annotations={name: "Call Bea."}),))

    assert lines(brief(told).stories[0])["What to do"] == "Call Bea."


def test_an_alert_without_an_incident_is_told_by_its_annotations() -> None:
    one = alert("receiver", incident="", annotations={"summary": "The pager does not answer"})

    story = brief(notification(alerts=(one,), incidents=())).stories[0]

    assert story.headline == "The pager does not answer"
    assert lines(story)["Since"] == "22 Nov 21:40 UTC, 5 min ago"
    over = alert(incident="", ends_at=BEGAN + 60, annotations={"summary": "The pager does not answer"})
    assert brief(notification(alerts=(over,), incidents=())).stories[0].headline == (
        "Over after 60 s: The pager does not answer"
    )


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.FIRST])
def test_every_later_message_says_why_it_comes(reason: Reason) -> None:
    said = brief(notification(reason=reason, level=2))

    assert said.why_now or reason is Reason.ALL_RESOLVED
    assert brief(notification()).why_now == ""


def test_children_are_named_within_bounds() -> None:
    said = brief(notification(children=tuple(f"jira-{number:03d}" for number in range(200))))

    assert said.explains.startswith("Explains 200 more, held back: jira-000, ")
    assert len(said.explains) < 700


def test_what_a_vendor_says_holds_no_line_break_and_no_address() -> None:
    said = brief(hostile())

    for text in texts(said):
        assert "://" not in text
        assert text.isprintable()
    links = [link.url for story in said.stories for link in story.links] + [link.url for link in said.links]
    assert not [url for url in links if "evil" in url or not url.startswith("https://")]


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://a.example/\nX: y", 'https://a.example/"><b', "https://é.example", ""],
)
def test_a_link_that_is_none_is_left_out(url: str) -> None:
    said = brief(notification(alerts=(alert(annotations={"runbook_url": url}),)))

    assert [link.text for link in said.stories[0].links] == ["Details"]


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://status.slack.com/2026-11/abc", ["status.slack.com"]),
        ("https://dialtone.example.com@evil.example/x", []),
        ("https://dialtone.example.com.evil.example/x", ["dialtone.example.com.evil.example"]),
        ("https://[", []),
        (f"{EXTERNAL}/@team", ["Details"]),
        ("http://status.slack.com/", []),
        (EXTERNAL, []),
        (f"{EXTERNAL}/integrations/a", ["Details"]),
    ],
    ids=["vendor", "disguised", "alike", "broken", "a name", "in clear", "ours at the top", "ours"],
)
def test_where_a_vendor_s_link_leads_is_seen(link: str, shown: list[str]) -> None:
    said = brief(notification(alerts=(alert(link=link),)))

    assert [each.text for each in said.stories[0].links] == [*shown, "Runbook"]


def test_lengths_are_in_the_unit_people_use() -> None:
    assert [length(seconds) for seconds in (-5, 0, 89, 90, 5_399, 5_400, 200_000)] == [
        "0 s", "0 s", "89 s", "2 min", "90 min", "2 h", "2 days",
    ]  # fmt: skip


def test_a_failure_of_our_own_making_is_advised_as_one() -> None:
    told = notification(incidents=(incident(kind=FailureKind.NOT_FOUND, vendor_says=HOSTILE),))

    assert "configuration" in lines(brief(told).stories[0])["What to do"]
