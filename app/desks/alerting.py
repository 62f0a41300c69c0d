"""All desks of alerting."""

from typing import NamedTuple

from app.desks.alerts import AlertDesk
from app.desks.incidents import IncidentDesk
from app.desks.receivers import ReceiverDesk
from app.desks.silences import SilenceDesk
from app.desks.watching import WatchingDesk


class AlertingDesks(NamedTuple):
    """One desk a subject; `began_at` is when alerting began (UTC seconds)."""

    began_at: float
    incidents: IncidentDesk
    silences: SilenceDesk
    alerts: AlertDesk
    receivers: ReceiverDesk
    watching: WatchingDesk
