"""What the API asks of heartbeats, objectives and root causes."""

from collections import Counter
from collections.abc import Iterable

from app.desks.record import Record
from integrations.credentials.secret import Secret
from integrations.samples import Sample
from monitors.egress import EgressStatus, EgressWatch
from monitors.heartbeat_keys import HeartbeatKeys
from monitors.heartbeats import HeartbeatStatus, HeartbeatWatch, subject_of
from monitors.parent import Parent
from monitors.parents import Parents
from monitors.slo import SLOWatch
from monitors.slo_report import SLOStatus


class WatchingDesk:
    """Answers from memory; only a key that is made, or made anew, is waited for."""

    def __init__(
        self,
        *,
        heartbeats: HeartbeatWatch,
        keys: HeartbeatKeys,
        slos: SLOWatch,
        parents: Parents,
        egress: EgressWatch,
        record: Record,
    ) -> None:
        self.beats = heartbeats
        self.keys = keys
        self.turned_away: Counter[str] = Counter()
        self._slos = slos
        self._parents = parents
        self._egress = egress
        self._record = record

    def heartbeats(self) -> list[HeartbeatStatus]:
        """All of them."""
        return self.beats.statuses()

    def heartbeat(self, heartbeat: str) -> HeartbeatStatus:
        """One of them.

        Raises:
            LookupError: when there is none of this id.
        """
        return self.beats.status(heartbeat)

    async def key(self, heartbeat: str) -> Secret:
        """The key of a heartbeat's URL, made at the first asking.

        Raises:
            LookupError: when there is none of this id.
        """
        self.beats.status(heartbeat)
        return await self.keys.key(heartbeat)

    async def rotate(self, heartbeat: str, *, actor: str, reason: str) -> Secret:
        """Another key; the one before counts for a day more.

        Raises:
            LookupError: when there is none of this id.
        """
        self.beats.status(heartbeat)
        key = await self.keys.key(heartbeat, rotate=True)
        await self._record(actor, "heartbeat_url_rotate", reason=reason, integration=subject_of(heartbeat))
        return key

    def objectives(self) -> list[SLOStatus]:
        """How all objectives stand."""
        return self._slos.statuses()

    def parents(self) -> tuple[Parent, ...]:
        """What is suspected or known to explain failures, outermost first."""
        return self._parents.active()

    def samples(self) -> Iterable[Sample]:
        """What was refused where heartbeats arrive."""
        for reason, count in self.turned_away.items():
            yield Sample("dialtone_heartbeats_turned_away_total", (reason,), count)

    def egress(self) -> EgressStatus:
        """What the canaries on our way out showed last."""
        return self._egress.status()
