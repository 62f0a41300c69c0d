"""What alerting keeps is forgotten in time, and not before."""

from pathlib import Path

from msgspec.structs import replace

from app.alert_keeping import DAY, KEEP_DECISIONS_DAYS, KEEP_INCIDENTS_DAYS, AlertKeeping
from app.storage.storage import open_storage
from monitors.alerts.consequences import Consequences
from monitors.alerts.decisions import Decision, Flush, Verdict
from monitors.alerts.matchers import parse_matchers
from monitors.alerts.silences import RETENTION, Silences
from monitors.alerts.steady import SteadyClock
from tests.fakes.alerting import an_incident
from tests.fakes.clock import FakeClock


async def test_what_is_old_is_forgotten_and_what_is_not_stays(tmp_path: Path) -> None:
    clock = FakeClock()
    storage = open_storage(None, state_dir=tmp_path, clock=clock)
    silences = Silences(clock=SteadyClock(clock), store=storage.alerts)
    keeping = AlertKeeping(storage, silences=silences, clock=clock)
    await storage.start()
    try:
        at = clock.time()
        over = replace(an_incident("over", at=at), resolved_at=at)
        going_on = an_incident("going-on", at=at)
        await storage.health.save_health((), (), Consequences(incidents=(over, going_on)))
        decision = Decision(
            at=at, group_key="g", receiver="r", verdict=Verdict.SENT, reason="x", incidents=("over",)
        )
        await storage.alerts.save_flush(Flush(decisions=(decision,)))
        await silences.create(parse_matchers('team="a"'), actor="ann", comment="x", ends_at=at + 60)

        clock.advance(RETENTION)
        await keeping.look()
        kept = (len(silences.all()), len(await storage.alerts.decisions("over", limit=9)))
        clock.advance(KEEP_DECISIONS_DAYS * DAY)
        await keeping.look()
        decided = len(await storage.alerts.decisions("over", limit=9))
        left = [one.id for one in await storage.incidents.incidents()]
        clock.advance(KEEP_INCIDENTS_DAYS * DAY)
        await keeping.look()
        last = [one.id for one in await storage.incidents.incidents()]
    finally:
        await storage.aclose()

    assert kept == (1, 1)
    assert (decided, sorted(left)) == (0, ["going-on", "over"])
    assert silences.all() == ()
    assert last == ["going-on"]
