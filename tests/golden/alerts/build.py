"""What each receiver gets, byte for byte: `python -m tests.golden.alerts.build` writes the files beside this
one and the examples of docs/alert-formats.md anew. Look at the difference before you commit it: receivers
are written for what stands there.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from integrations.credentials.secret import Secret
from monitors.alerts.exchange import Masking, place_of
from monitors.alerts.formats.drawing import Drawn, Letter
from monitors.alerts.formats.mail import compose
from monitors.alerts.formats.table import format_for
from monitors.alerts.notification import Reason
from monitors.alerts.receivers import (
    AlertmanagerReceiver,
    AlertmanagerWebhookReceiver,
    CloudEventsReceiver,
    DiscordReceiver,
    EmailReceiver,
    GrafanaReceiver,
    HTTPReceiver,
    OpsgenieReceiver,
    PagerDutyReceiver,
    Receiver,
    ServiceNowReceiver,
    SlackReceiver,
    TeamsReceiver,
    WebhookReceiver,
)
from tests.fakes.notifications import (
    ENDED,
    alert,
    crowd,
    incident,
    letter,
    notification,
    resolved,
    taken,
)

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "alert-formats.md"
HOOK = Secret("https://hooks.example.com/dialtone")
KEYS = (Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),)

RECEIVERS: dict[str, Receiver] = {
    "webhook": WebhookReceiver(name="oncall", url=HOOK, signing_secrets=KEYS),
    "cloudevents": CloudEventsReceiver(name="oncall", url=HOOK, signing_secrets=KEYS),
    "cloudevents-binary": CloudEventsReceiver(name="oncall", url=HOOK, mode="binary"),
    "alertmanager_webhook": AlertmanagerWebhookReceiver(name="oncall", url=HOOK),
    "alertmanager_webhook-newer": AlertmanagerWebhookReceiver(name="oncall", url=HOOK, newer_fields=True),
    "grafana": GrafanaReceiver(name="oncall", url=HOOK),
    "alertmanager": AlertmanagerReceiver(
        name="oncall",
        urls=(Secret("https://am-1.example.com:9093"), Secret("https://am-2.example.com:9093")),
    ),
    "pagerduty": PagerDutyReceiver(name="oncall", routing_key=Secret("0123456789abcdef0123456789abcdef")),
    "opsgenie": OpsgenieReceiver(name="oncall", api_key=Secret("genie-key-of-a-team"), tags=("dialtone",)),
    "servicenow": ServiceNowReceiver(
        name="oncall", url=Secret("https://acme.service-now.com"), token=Secret("token-of-acme")
    ),
    "slack": SlackReceiver(name="oncall", token=Secret("xoxb-a-bot-s-token"), channel="C0123456789"),
    "slack-webhook": SlackReceiver(name="oncall", url=Secret("https://hooks.slack.com/services/T0/B0/x")),
    "discord": DiscordReceiver(name="oncall", url=Secret("https://discord.com/api/webhooks/12345/token")),
    "teams": TeamsReceiver(name="oncall", url=Secret("https://acme.logic.azure.com/workflows/w?sig=s")),
    "email": EmailReceiver(
        name="oncall",
        to=("Oncall <oncall@example.com>",),
        sender="Dialtone <dialtone@example.com>",
        smarthost="smtp.example.com:587",
    ),
}
SECRET_URLS = {"slack-webhook", "discord", "teams"}
REFERENCES = {"slack": "C0123456789:1503435956.000247", "discord": "1101"}


class Case(NamedTuple):
    """One message to one receiver."""

    name: str
    receiver: Receiver
    letter: Letter


def cases() -> Iterator[Case]:
    """All that is kept."""
    known = {
        "first": notification(),
        "resolved": resolved(),
        "taken": notification(reason=Reason.CHANGED, sequence=2, incidents=(taken(incident()),)),
        "escalated": notification(reason=Reason.ESCALATION, sequence=3, level=1),
        "partly": notification(
            reason=Reason.SOME_RESOLVED, sequence=2, alerts=(alert(), alert("slack-eu", ends_at=ENDED))
        ),
        "crowd": crowd(40, truncated_alerts=2, children=("jira-prod", "github-prod")),
    }
    for name, receiver in RECEIVERS.items():
        for case, told in known.items():
            reference = "" if case in {"first", "crowd"} else REFERENCES.get(name, "")
            yield Case(f"{name}.{case}", receiver, letter(told, reference=reference))


def sent(case: Case) -> str:
    """The requests as they go out, secrets in their places."""
    if isinstance(case.receiver, EmailReceiver):
        return compose(case.receiver, case.letter).as_bytes().decode()
    return "\n".join(map(_request, drawn(case.receiver, case.letter)))


def drawn(receiver: HTTPReceiver, told: Letter) -> tuple[Drawn, ...]:
    return format_for(receiver).draw(told)


def _request(one: Drawn) -> str:
    headers = "".join(f"{name}: {value}\n" for name, value in one.headers.items())
    return f"{one.method} {one.url}\n{headers}\n{one.body.decode()}\n"


def example(name: str) -> str:
    """The first message to a receiver as the documentation shows it: for people, and without secrets."""
    receiver = RECEIVERS[name]
    if isinstance(receiver, EmailReceiver):
        mail = compose(receiver, letter())
        headers = "\n".join(
            f"{header}: {value}" for header, value in mail.items() if header != "MIME-Version"
        )
        text = mail.get_body(("plain",)).get_content()
        return f"```text\n{headers}\n\n{text}```"
    one = drawn(receiver, letter())[0]
    mask = Masking(receiver)
    url = place_of(one.url) if name in SECRET_URLS else one.url
    headers = "\n".join(f"{header}: {value}" for header, value in mask.headers(one.headers).items())
    body = mask.text(msgspec.json.format(one.body.strip(), indent=2).decode())
    return f"```http\n{one.method} {url}\n{headers}\n\n{body}\n```"


def page(text: str) -> str:
    """The page with its examples made anew, each between `<!-- example NAME -->` and `<!-- end -->`."""
    return re.sub(
        r"(<!-- example ([\w-]+) -->\n)(?:(?!<!-- end -->).)*",
        lambda found: f"{found[1]}{example(found[2])}\n",
        text,
        flags=re.DOTALL,
    )


def main() -> None:
    """Write all files."""
    for old in HERE.glob("*.txt"):
        old.unlink()
    for case in cases():
        (HERE / f"{case.name}.txt").write_text(sent(case), "utf-8", newline="")
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
