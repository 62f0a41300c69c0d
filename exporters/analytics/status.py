"""How analytics is, for people and for metrics."""

from collections.abc import Iterable, Mapping

import msgspec

from exporters.analytics.archive.keeper import ArchiveStatus
from exporters.analytics.days.folder import FolderStatus
from integrations.samples import Sample


class AnalyticsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How analytics is. `freshness` is the age in seconds of the oldest row that is not loaded yet.

    `rows` counts rows committed since the start by table, `dropped` rows that were lost on the way,
    `set_aside` names damaged files that were renamed; `checkpointed_at` is UTC seconds. `archive` is what is
    known of sealed days, whose troubles stop nothing; `folder` how the folder for other programs is, where
    there is one.
    """

    ok: bool
    reason: str
    freshness: float
    rows: Mapping[str, int]
    dropped: int
    spool_bytes: int
    set_aside: tuple[str, ...]
    checkpointed_at: float | None
    engine: str
    archive: ArchiveStatus
    folder: FolderStatus | None = None

    def samples(self) -> Iterable[Sample]:
        """What of it is measured, as the catalogue names it."""
        yield Sample("dialtone_analytics_up", (), float(self.ok))
        yield Sample("dialtone_analytics_write_lag_seconds", (), self.freshness)
        yield Sample("dialtone_analytics_spool_bytes", (), self.spool_bytes)
        yield Sample("dialtone_analytics_files_set_aside", (), len(self.set_aside))
        if self.checkpointed_at is not None:
            yield Sample("dialtone_analytics_checkpoint_timestamp_seconds", (), self.checkpointed_at)
        for table, count in self.rows.items():
            yield Sample("dialtone_analytics_rows_total", (table,), count)
        yield from self.archive.samples()
