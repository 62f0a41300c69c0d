"""Notifications as the engine decides on them, for tests of what receivers are told."""

from urllib.parse import quote

import msgspec

from integrations.execution.outcome import FailureKind
from integrations.execution.transport import Reply
from integrations.signals import Evidence, Health
from monitors.alerts.alert import Alert
from monitors.alerts.formats.drawing import Letter
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.outbox import Message
from monitors.incident import Acknowledgement, Impact, Incident, TimelineEntry

BEGAN = 1_795_383_600.0
"""22 Nov 2026 21:40:00 UTC."""
CONFIRMED = BEGAN + 30.0
NOW = BEGAN + 300.0
ENDED = BEGAN + 720.0
EXTERNAL = "https://dialtone.example.com"
GROUP_KEY = '{}/{team="payments"}:{environment="prod", severity="critical", vendor="slack"}'

HOSTILE = (
    "<!channel> @everyone @here <@U123> <@&99> https://evil.example/login [click](https://evil.example) "
    '<a href="https://evil.example">me</a> <img src=x onerror=alert(1)> *bold* `code` ||spoiler|| '
    "**x** __y__ ~z~ # head > quote \u202egnp.exe\u202c zero\u200bwidth www.evil.example\r\nX-Injected: yes "
    "{{7*7}} ${jndi} \x1b[31m\x00"
)


def incident(**fields: object) -> Incident:
    """slack-prod is down; fields given take the place of others."""
    known: dict[str, object] = {
        "id": "inc-7",
        "integration": "slack-prod",
        "vendor": "slack",
        "capability": "",
        "state": Health.DOWN,
        "evidence": Evidence.CHECK,
        "reason": "auth.test timed out after 10 s, three times in a row",
        "kind": FailureKind.TIMEOUT,
        "began_at": BEGAN,
        "opened_at": CONFIRMED,
        "vendor_says": "Slack says: partial outage of Messaging since 22 Nov 21:35 UTC (Sending fails).",
        "impact": Impact(calls=1_204, failures=812, rejected=90, callers=("billing-agent", "support-bot")),
        "timeline": (
            TimelineEntry(at=CONFIRMED, event="opened", text="auth.test timed out after 10 s"),
            TimelineEntry(at=CONFIRMED + 60, event="note", text="Looking at it", actor="ada"),
        ),
    }
    return Incident(**{**known, **fields})


def taken(one: Incident) -> Incident:
    """The same incident, acknowledged."""
    return msgspec.structs.replace(
        one, acknowledgement=Acknowledgement(actor="ada", at=CONFIRMED + 90, reason="on it")
    )


def alert(integration: str = "slack-prod", **fields: object) -> Alert:
    """The alert of an integration that is down; `labels` and `annotations` given are added."""
    labels = {
        "alertname": "IntegrationDown",
        "environment": "prod",
        "integration": integration,
        "severity": "critical",
        "team": "payments",
        "vendor": "slack",
    }
    annotations = {
        "description": "auth.test timed out after 10 s, three times in a row",
        "runbook_url": "https://wiki.example.com/slack",
        "summary": f"{integration} (Slack) is down",
    }
    known: dict[str, object] = {
        "starts_at": BEGAN,
        "link": f"{EXTERNAL}/integrations/{quote(integration)}",
        "incident": "inc-7" if integration == "slack-prod" else "",
    }
    known |= {name: value for name, value in fields.items() if name not in {"labels", "annotations"}}
    return Alert(
        labels={**labels, **fields.get("labels", {})},
        annotations={**annotations, **fields.get("annotations", {})},
        **known,
    )


def notification(**fields: object) -> Notification:
    """The first message of slack-prod's group."""
    known: dict[str, object] = {
        "group_key": GROUP_KEY,
        "receiver": "oncall",
        "reason": Reason.FIRST,
        "status": "firing",
        "sequence": 1,
        "at": NOW,
        "alerts": (alert(),),
        "group_labels": {"environment": "prod", "severity": "critical", "vendor": "slack"},
        "route_labels": {"team": "payments"},
        "incidents": (incident(),),
        "external_url": EXTERNAL,
    }
    return Notification(**{**known, **fields})


def resolved() -> Notification:
    """The last message of the group."""
    return notification(
        reason=Reason.ALL_RESOLVED,
        status="resolved",
        sequence=2,
        at=ENDED + 10,
        alerts=(alert(ends_at=ENDED),),
        incidents=(incident(state=Health.UP, resolved_at=ENDED, reason="auth.test answers again"),),
    )


def crowd(count: int, **fields: object) -> Notification:
    """Many alerts in one group."""
    names = [f"slack-{number:04d}" for number in range(count)]
    alerts = tuple(alert(name) for name in names)
    return notification(alerts=alerts, incidents=(), **fields)


def hostile(text: str = HOSTILE) -> Notification:
    """A vendor that wants to act in our chats: everything it may say, says that."""
    told = incident(
        reason=text,
        vendor_says=text,
        impact=Impact(calls=1, failures=1, rejected=0, callers=(text,)),
        timeline=(TimelineEntry(at=CONFIRMED, event="note", text=text, actor=text),),
        acknowledgement=Acknowledgement(actor=text, at=CONFIRMED, reason=text),
    )
    one = alert(annotations={"summary": text, "description": text, "advice": text})
    other = alert("slack-eu", annotations={"summary": text, "description": text}, link="javascript:alert(1)")
    return notification(alerts=(one, other), incidents=(told,), children=(text,))


def letter(told: Notification | None = None, **fields: object) -> Letter:
    """A notification on its way."""
    told = told or notification()
    message = Message(
        id=f"0193a5b0-0000-7000-8000-{told.sequence:012d}",
        receiver=told.receiver,
        type="integration.failed",
        subject=told.group_key,
        sequence=told.sequence,
        created_at=told.at,
        content=msgspec.json.encode(told),
    )
    return Letter(**{"message": message, "notification": told, "at": told.at, **fields})


def reply(status: int = 200, body: bytes | str | dict[str, object] = b"", **headers: str) -> Reply:
    """What a receiver answers."""
    raw = msgspec.json.encode(body) if isinstance(body, dict) else body
    content = raw.encode() if isinstance(raw, str) else raw
    return Reply(status=status, headers=headers, body=content)
