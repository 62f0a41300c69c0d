"""Silences and maintenance: what people make, see and end."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from app.desks.record import Record
from monitors.alerts.alert import Alert
from monitors.alerts.engine import AlertEngine
from monitors.alerts.maintenance import Maintenance
from monitors.alerts.matchers import Matcher, written
from monitors.alerts.settings import MaintenancePlan
from monitors.alerts.silences import Silence, Silences, SilenceState, preview
from monitors.alerts.standing import Phase


class Planned(NamedTuple):
    """A maintenance plan of the configuration, and whether it holds now."""

    plan: MaintenancePlan
    holds: bool


class SilenceDesk:
    """Silences over their store; who makes or ends one goes on record."""

    def __init__(
        self,
        silences: Silences,
        *,
        maintenance: Maintenance,
        engine: AlertEngine,
        plans: Callable[[], Sequence[MaintenancePlan]],
        record: Record,
    ) -> None:
        self._silences = silences
        self._maintenance = maintenance
        self._engine = engine
        self._plans = plans
        self._record = record

    def all(self) -> Sequence[Silence]:
        """All that are kept, those that end last first."""
        return self._silences.all()

    def get(self, silence: str) -> Silence | None:
        """One by its id."""
        return self._silences.get(silence)

    def state(self, silence: Silence) -> SilenceState:
        """Whether it holds."""
        return self._silences.state(silence)

    def planned(self) -> Sequence[Planned]:
        """The maintenance of the configuration."""
        return [Planned(plan, self._maintenance.holds(plan.name)) for plan in self._plans()]

    def matching(self, matchers: Sequence[Matcher]) -> Sequence[Alert]:
        """The alerts that fire now and that such a silence would mute."""
        firing = [row.alert for row in self._engine.alerts() if row.phase in {Phase.FIRING, Phase.ENDING}]
        return preview(matchers, firing)

    async def create(
        self,
        matchers: Sequence[Matcher],
        *,
        actor: str,
        comment: str,
        starts_at: float | None = None,
        ends_at: float | None = None,
        is_maintenance: bool = False,
        operator: str = "",
    ) -> Silence:
        """Begin one, now and for two hours unless told otherwise; `operator` is who asked, where that is not
        the `actor` it is kept under.

        Raises:
            SilenceError: saying what to change.
        """
        made = await self._silences.create(
            matchers,
            actor=actor,
            comment=comment,
            starts_at=starts_at,
            ends_at=ends_at,
            is_maintenance=is_maintenance,
        )
        await self._told(operator or actor, "maintenance" if is_maintenance else "silence", made)
        return made

    async def replace(self, silence: str, changed: Silence, *, operator: str) -> Silence:
        """Change one, as Alertmanager does.

        Raises:
            SilenceError: saying what to change.
        """
        made = await self._silences.replace(silence, changed)
        await self._told(operator, "silence_change", made)
        return made

    async def expire(self, silence: str, *, actor: str, reason: str = "") -> Silence:
        """End one now.

        Raises:
            SilenceError: when there is none of this id, or it ended already.
        """
        ended = await self._silences.expire(silence)
        why = f"{reason} ({silence})" if reason else silence
        await self._record(actor, "silence_expire", reason=f"{why}: {written(ended.matchers)}")
        return ended

    async def _told(self, actor: str, action: str, silence: Silence) -> None:
        reason = f"{silence.comment} ({silence.id}: {written(silence.matchers)})"
        await self._record(actor, action, reason=reason, expires_at=silence.ends_at)
