"""Opsgenie's Alert API, and Jira Service Management's, which took it over: create, acknowledge and close by
alias (Opsgenie's description of the API; https://docs.opsgenie.com/docs/alert-api for the limits).

A text's angle brackets become quotation marks: Opsgenie shows a message's HTML.
"""

import hashlib

from monitors.alerts.formats.drawing import Drawn, Letter
from monitors.alerts.formats.sending import Once, below, dedup_key, is_taken, posted
from monitors.alerts.formats.telling import as_text
from monitors.alerts.notification import Notification, Reason, common
from monitors.alerts.plain import and_more, shortened
from monitors.alerts.receivers import OpsgenieReceiver
from monitors.alerts.wording import brief

LONGEST_MESSAGE = 130
LONGEST_DESCRIPTION = 15_000
MOST_TAGS, LONGEST_TAG = 20, 50
LONGEST_ENTITY = 512
LONGEST_DETAILS = 8_000

_SOURCE = "Dialtone"
_PRIORITIES = {"critical": "P1", "error": "P2", "warning": "P3", "info": "P5"}
_QUOTES = str.maketrans("<>", "\u2039\u203a")


class OpsgenieFormat(Once):
    """One API integration of a team."""

    def __init__(self, receiver: OpsgenieReceiver) -> None:
        self._receiver = receiver

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        """One request; a test is created and closed at once, under an alias of its own. A digest of alerts
        that are over tells nothing: others, of digests before it, may still fire under the same alias.
        """
        told = letter.notification
        alias = dedup_key(told)
        if told.reason is Reason.TEST:
            alias = hashlib.sha256(letter.message.id.encode()).hexdigest()
            return self._create(told, alias=alias), self._act("close", alias=alias, note="The test is over.")
        if told.status == "resolved":
            return (
                ()
                if told.reason is Reason.DIGEST
                else (self._act("close", alias=alias, note=brief(told).title),)
            )
        if told.reason is Reason.CHANGED and is_taken(told):
            return (self._act("acknowledge", alias=alias, note=_taken_by(told)),)
        return (self._create(told, alias=alias),)

    def _create(self, told: Notification, *, alias: str) -> Drawn:
        said = brief(told)
        integrations = sorted({alert.labels.get("integration", "") for alert in told.alerts} - {""})
        body: dict[str, object] = {
            "message": shortened(said.summary, LONGEST_MESSAGE).translate(_QUOTES),
            "alias": alias,
            "description": as_text(said, limit=LONGEST_DESCRIPTION).translate(_QUOTES),
            "tags": self._tags(said.severity, integrations),
            "details": _details(told),
            "entity": and_more(integrations, limit=LONGEST_ENTITY),
            "source": _SOURCE,
            "priority": _PRIORITIES[said.severity],
        }
        return self._asked(self._receiver.url.reveal(), body)

    def _act(self, action: str, *, alias: str, note: str) -> Drawn:
        url = below(self._receiver.url.reveal(), f"/{alias}/{action}", query="identifierType=alias")
        return self._asked(url, {"source": _SOURCE, "note": note.translate(_QUOTES)})

    def _asked(self, url: str, body: dict[str, object]) -> Drawn:
        return posted(url, body, headers={"authorization": f"GenieKey {self._receiver.api_key.reveal()}"})

    def _tags(self, severity: str, integrations: list[str]) -> list[str]:
        wanted = dict.fromkeys([*self._receiver.tags, severity, *integrations])
        return [shortened(tag, LONGEST_TAG) for tag in wanted][:MOST_TAGS]


def _details(told: Notification) -> dict[str, str]:
    """The labels that all alerts share, as many as fit."""
    labels, _ = common(told.alerts)
    details: dict[str, str] = {}
    room = LONGEST_DETAILS
    for name, value in labels.items():
        room -= len(name) + len(value)
        if room < 0:
            break
        details[name] = value
    return details


def _taken_by(told: Notification) -> str:
    names = {incident.acknowledgement.actor for incident in told.incidents if incident.acknowledgement}
    return f"Taken by {and_more(sorted(names), limit=200)}, in Dialtone."
