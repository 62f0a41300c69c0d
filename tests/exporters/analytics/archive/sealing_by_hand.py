"""An archive driven by hand, step by step, over a directory as the store has it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from exporters.analytics.archive.files import SealedFile
from exporters.analytics.archive.sealed import Archive
from exporters.analytics.archive.sealing import Part, write_part
from exporters.analytics.settings import Retention
from tests.exporters.analytics.generated import START, Pair

DAY = 86_400.0
TODAY = datetime.fromtimestamp(START, UTC).date()


def archive_of(pair: Pair) -> Archive:
    assert pair.writer.archive is not None
    return pair.writer.archive


def today_of(pair: Pair) -> date:
    return datetime.fromtimestamp(pair.clock.time(), UTC).date()


def planned(pair: Pair) -> list[Part]:
    """Plan and checkpoint, as the keeper does."""

    def plan(archive: Archive) -> list[Part]:
        parts = archive.plan(today_of(pair) - timedelta(days=1))
        if parts:
            pair.writer.checkpoint()
        return parts

    return pair.writer.with_archive(plan) or []


def write(pair: Pair, part: Part, *, is_whole: bool = False) -> SealedFile | None:
    assert pair.writer.database is not None
    with pair.writer.database.reading() as cursor:
        return write_part(cursor, part, archive_of(pair).folder, is_whole=is_whole)


def seal(pair: Pair, part: Part, file: SealedFile) -> bool | None:
    return pair.writer.with_archive(lambda archive: archive.seal(part, file))


def seal_all(pair: Pair, *, is_whole: bool = False) -> int:
    """Seal whatever is old enough; return how many parts."""
    parts = planned(pair)
    for part in parts:
        file = write(pair, part, is_whole=is_whole)
        assert file is not None
        assert seal(pair, part, file)
    return len(parts)


def expire(pair: Pair, retention: Retention) -> int:
    found = pair.writer.with_archive(
        lambda archive: archive.expire(retention, today=today_of(pair), due=pair.clock.monotonic())
    )
    pair.writer.checkpoint()
    assert found is not None
    return found


def files(directory: Path) -> list[Path]:
    return sorted(path for path in (directory / "archive").glob("*/*/*") if path.is_file())
