"""What an operator may declare as a heartbeat."""

import re

import msgspec

from integrations.connection import Labels
from monitors.cron import CronSchedule

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

LONGEST = 366 * 86_400.0


class HeartbeatSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job or event that must be heard of: every `period` seconds, or as `cron` says in the IANA `zone`.

    `grace` is how many seconds later it may come. `longest` is how many seconds a run may take from start to
    success or failure; None: it is not watched. `name` is for people.
    """

    id: str
    name: str = ""
    period: float | None = None
    cron: str = ""
    zone: str = "UTC"
    grace: float = 300.0
    longest: float | None = None
    labels: Labels = Labels()

    def __post_init__(self) -> None:
        """Refuse one that could never be judged.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not _ID.fullmatch(self.id):
            raise ValueError("heartbeats.id must be lower-case letters, digits and hyphens, at most 63")
        if (self.period is None) == (not self.cron):
            raise ValueError("heartbeats take either period or cron")
        if self.period is not None and not 1 <= self.period <= LONGEST:
            raise ValueError("heartbeats.period must be from 1 second to a year")
        if not 0 <= self.grace <= LONGEST:
            raise ValueError("heartbeats.grace must be from 0 seconds to a year")
        if self.longest is not None and not 1 <= self.longest <= LONGEST:
            raise ValueError("heartbeats.longest must be from 1 second to a year")
        if self.cron:
            CronSchedule(self.cron, self.zone)
