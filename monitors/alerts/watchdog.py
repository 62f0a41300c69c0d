"""The watchdog: an alert that always fires, and a heartbeat to somebody outside who misses it.

The heartbeat is a POST to a URL of a dead-man's switch. It goes out only after something was really
committed, so that it stops within a minute when the process is gone, stands still, or can store nothing. When
storage has failed for ALARM_AFTER, one message goes out unsaved, to the receiver named for that: what cannot
be stored cannot be delivered in the ordinary way.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

import anyio
import msgspec
import structlog

from integrations.clock import Clock
from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from integrations.samples import Sample
from monitors.alerts.alert import Alert
from monitors.alerts.event_types import event_type
from monitors.alerts.formats.drawing import Drawn, Heard, Letter
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.outbox import Message, new_message_id
from monitors.alerts.receivers import Receiver, WebhookReceiver
from monitors.alerts.schedule import Sent
from monitors.alerts.sending import Calls, HTTPSender, Sender

INTERVAL = 60.0
COMMIT_SECONDS = 15.0
SEND_SECONDS = 15.0
ALARM_AFTER = 60.0
HEARTBEAT = "watchdog"
"""The name of the line to the dead-man's switch."""

log = structlog.get_logger("dialtone.alerts")


class WatchdogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who misses Dialtone: `heartbeat_url` is asked (POST) every `interval` seconds; `last_resort` names the
    receiver that is told when nothing can be stored. `alert` lets the alert Watchdog fire for ever.
    """

    heartbeat_url: Secret | None = None
    interval: float = INTERVAL
    last_resort: str = ""
    alert: bool = False
    allow_networks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would miss nothing, or ask too often.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not 5 <= self.interval <= 3600:
            raise ValueError("watchdog.interval must be from 5 to 3600 seconds")


class Reports(Protocol):
    """Who is told of alerts."""

    def raise_alert(self, alert: Alert, /) -> None:
        """Let an alert fire."""
        ...


class Proof(Protocol):
    """Storage, as far as it proves that it works."""

    async def prove(self, at: float, /) -> None:
        """Commit something; raises when that is not possible."""
        ...


class Beat:
    """The format of a heartbeat: an empty POST. A Format."""

    def __init__(self, url: Secret) -> None:
        self._url = url

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:  # noqa: ARG002 - each is the same
        """One request."""
        return (Drawn(url=self._url.reveal(), headers={"content-length": "0"}, body=b""),)

    def read(self, reply: object) -> Heard:  # noqa: ARG002 - its status says all
        """Nothing beyond the status."""
        return Heard()

    def repeat_after(self, letter: Letter) -> float | None:  # noqa: ARG002 - the watchdog beats itself
        """Never."""
        return None


class Watchdog:
    """Beats. `heartbeat` sends a beat, None where nobody listens; `last_resort` gives the sender and the
    receiver for when storage fails.
    """

    def __init__(
        self,
        *,
        settings: WatchdogSettings,
        clock: Clock,
        proof: Proof,
        heartbeat: Sender | None = None,
        last_resort: Callable[[], tuple[Receiver, Sender] | None] = lambda: None,
        reports: Reports | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._proof = proof
        self._heartbeat = heartbeat
        self._last_resort = last_resort
        self._reports = reports
        self._results: Counter[str] = Counter()
        self._last_beat: float | None = None
        self._failing_since: float | None = None
        self._is_told = False

    async def run(self) -> None:
        """Beat until cancelled."""
        if self._settings.alert and self._reports is not None:
            self._reports.raise_alert(watchdog_alert(self._clock.time()))
        while True:
            began = self._clock.monotonic()
            await self.beat()
            await self._clock.sleep(max(1.0, self._settings.interval - self._clock.monotonic() + began))

    async def beat(self) -> None:
        """Commit, and tell of it; or tell that nothing can be committed."""
        error = await self._why_not()
        if not error:
            self._failing_since, self._is_told = None, False
            await self._send_beat()
            return
        self._results["withheld"] += 1
        now = self._clock.monotonic()
        self._failing_since = now if self._failing_since is None else self._failing_since
        if not self._is_told and now - self._failing_since >= min(ALARM_AFTER, self._settings.interval):
            self._is_told = await self._alarm(error)

    def samples(self) -> Iterable[Sample]:
        """The beats, by what became of them, and when one was last taken."""
        if self._last_beat is not None:
            yield Sample("dialtone_watchdog_last_beat_timestamp_seconds", (), self._last_beat)
        for result, count in self._results.items():
            yield Sample("dialtone_watchdog_beats_total", (result,), count)

    async def _why_not(self) -> str:
        try:
            with anyio.fail_after(COMMIT_SECONDS):
                await self._proof.prove(self._clock.time())
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing can be stored
            return type(error).__name__
        return ""

    async def _send_beat(self) -> None:
        if self._heartbeat is None:
            return
        sent = await self._try(self._heartbeat, _beat_letter(self._clock.time()))
        self._results["sent" if sent.kind is None else "failed"] += 1
        if sent.kind is None:
            self._last_beat = self._clock.time()
        else:
            log.warning("the outgoing heartbeat was not taken", kind=str(sent.kind), status=sent.status)

    async def _alarm(self, error: str) -> bool:
        found = self._last_resort()
        if found is None:
            log.error("nothing can be stored, and no receiver is named for that", error=error)
            return True
        receiver, sender = found
        sent = await self._try(sender, _alarm_letter(receiver.name, error, at=self._clock.time()))
        log.error("nothing can be stored; told unsaved", receiver=receiver.name, taken=sent.kind is None)
        return sent.kind is None

    async def _try(self, sender: Sender, letter: Letter) -> Sent:
        try:
            with anyio.fail_after(SEND_SECONDS):
                return await sender.send(letter)
        except Exception as error:  # noqa: BLE001 - a beat that cannot be sent must not end the watchdog
            return Sent(kind=FailureKind.CONNECTION, detail=type(error).__name__)


def heartbeat_sender(
    settings: WatchdogSettings, *, calls: Calls, clock: Clock, own_port: int = 0
) -> Sender | None:
    """What sends the beats, over a line of its own; None where no URL is configured."""
    if settings.heartbeat_url is None:
        return None
    url = settings.heartbeat_url
    receiver = WebhookReceiver(
        name=HEARTBEAT, url=url, allow_networks=settings.allow_networks, timeout=SEND_SECONDS
    )
    return HTTPSender(receiver, Beat(url), calls=calls, clock=clock, own_port=own_port)


def watchdog_alert(at: float) -> Alert:
    """The alert that always fires: whoever expects it notices when it is missing."""
    return Alert(
        labels={"alertname": "Watchdog", "severity": "none"},
        annotations={"summary": "Dialtone is alive: this alert always fires."},
        starts_at=at,
    )


def _letter(name: str, receiver: str, notification: Notification) -> Letter:
    message = Message(
        id=new_message_id(notification.at),
        receiver=receiver,
        type=event_type(notification),
        subject=name,
        sequence=1,
        created_at=notification.at,
        content=b"",
    )
    return Letter(message=message, notification=notification, at=notification.at)


def _notification(receiver: str, alert: Alert) -> Notification:
    name = alert.labels["alertname"]
    return Notification(
        group_key=f'{{}}:{{alertname="{name}"}}',
        receiver=receiver,
        reason=Reason.FIRST,
        status="firing",
        sequence=1,
        at=alert.starts_at,
        alerts=(alert,),
        group_labels={"alertname": name},
    )


def _beat_letter(at: float) -> Letter:
    return _letter("watchdog", HEARTBEAT, _notification(HEARTBEAT, watchdog_alert(at)))


def _alarm_letter(receiver: str, error: str, *, at: float) -> Letter:
    alert = Alert(
        labels={"alertname": "StorageFailing", "severity": "critical"},
        annotations={
            "summary": f"Dialtone can store nothing ({error}), so it delivers no alerts.",
            "what_to_do": "Look at the disk or the database; /readyz and the log say more.",
        },
        starts_at=at,
    )
    return _letter("storage", receiver, _notification(receiver, alert))
