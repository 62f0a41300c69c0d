"""Groups, decisions and silences in the database."""

import msgspec
import pytest

from app.storage.storage import Storage
from monitors.alerts.consequences import Consequences
from monitors.alerts.decisions import Decision, DecisionReader, Flush, Verdict
from monitors.alerts.group import Group, GroupID, Notified
from monitors.alerts.matchers import parse_matchers
from monitors.alerts.notification import Reason
from monitors.alerts.outbox import Crowd, Message
from monitors.alerts.silences import Silence
from monitors.alerts.store import AlertStore, Loaded
from monitors.incident import Incident
from tests.fakes.alerting import alert, an_incident

KEY = '{}:{vendor="github"}'
GROUP = Group(
    key=KEY,
    route="{}",
    receiver="pager",
    labels={"vendor": "github"},
    alerts=(alert(),),
    due_at=30.5,
    pending=Reason.FIRST,
    pending_since=20.5,
)
TOLD = msgspec.structs.replace(
    GROUP,
    sequence=1,
    due_at=14_430.5,
    pending=None,
    pending_since=None,
    notified=Notified(at=30.5, began_at=30.5, reason=Reason.FIRST, firing=(alert().fingerprint,)),
    suppressed=("silenced 7 00ff",),
)
MESSAGE = Message(
    id="01",
    receiver="pager",
    type="integration.failed",
    subject=KEY,
    sequence=1,
    created_at=30.5,
    content=b"{}",
)
SILENCE = Silence(
    id="7",
    matchers=parse_matchers('vendor="github",team=~"a|b"'),
    starts_at=1.0,
    ends_at=2.0,
    actor="ana",
    comment="upgrade",
    updated_at=1.0,
)


def decision(
    at: float = 30.5, *, verdict: Verdict = Verdict.SENT, incidents: tuple[str, ...] = ("i-1",)
) -> Decision:
    return Decision(
        at=at, group_key=KEY, receiver="pager", verdict=verdict, reason="why", incidents=incidents
    )


async def waiting(storage: Storage) -> list[Message]:
    crowd = Crowd(at_once=4)
    return [each.message for each in await storage.outbox.claim(now=99.0, lease=9.0, limit=9, crowd=crowd)]


@pytest.fixture
def store(storage: Storage) -> AlertStore:
    return storage.alerts


async def test_groups_are_stored_with_the_change_that_made_them_due(
    storage: Storage, store: AlertStore
) -> None:
    await storage.health.save_health([], [], Consequences(groups=(GROUP,)))
    assert await store.load() == Loaded(groups=(GROUP,))


async def test_a_flush_stores_groups_messages_decisions_and_incidents_as_one(
    storage: Storage, store: AlertStore
) -> None:
    incident: Incident = an_incident("i-1", at=5.0)
    await storage.health.save_health([], [], Consequences(groups=(GROUP,)))
    await store.save_flush(
        Flush(groups=(TOLD,), messages=(MESSAGE,), decisions=(decision(),), incidents=(incident,))
    )
    assert (await store.load()).groups == (TOLD,)
    assert list(await storage.alerts.decisions("i-1", limit=10)) == [decision()]
    assert await storage.incidents.incident("i-1") == incident
    assert await waiting(storage) == [MESSAGE]


async def test_a_flush_that_is_stored_twice_is_stored_once(storage: Storage, store: AlertStore) -> None:
    flush = Flush(groups=(TOLD,), messages=(MESSAGE,), decisions=(decision(), decision(verdict=Verdict.HELD)))
    await store.save_flush(flush)
    await store.save_flush(flush)
    assert len(await storage.alerts.decisions("i-1", limit=10)) == 2
    assert await waiting(storage) == [MESSAGE]


async def test_a_flush_of_which_a_part_fails_leaves_nothing(storage: Storage, store: AlertStore) -> None:
    broken = decision(at=float("nan"))  # NaN is NULL to SQLite, and the column refuses it.
    with pytest.raises(Exception, match=r"NOT NULL|constraint"):
        await store.save_flush(
            Flush(
                groups=(TOLD,),
                messages=(MESSAGE,),
                decisions=(broken,),
                incidents=(an_incident("i-1", at=5.0),),
            )
        )
    assert await store.load() == Loaded()
    assert await storage.incidents.incident("i-1") is None
    assert await waiting(storage) == []


async def test_a_group_is_one_row_a_receiver_and_forgotten_alone(store: AlertStore) -> None:
    chat = msgspec.structs.replace(GROUP, receiver="chat")
    await store.save_flush(Flush(groups=(GROUP, chat, TOLD)))
    assert sorted((await store.load()).groups, key=lambda each: each.receiver) == [chat, TOLD]
    await store.save_flush(Flush(forgotten=(GroupID(KEY, "pager"),)))
    assert (await store.load()).groups == (chat,)


async def test_decisions_are_read_by_incident_newest_first_up_to_a_limit(
    storage: Storage, store: AlertStore
) -> None:
    reader: DecisionReader = storage.alerts
    both = decision(at=1.0, incidents=("i-1", "i-2"))
    await store.save_flush(Flush(decisions=(both, decision(at=2.0), decision(at=3.0))))
    assert [each.at for each in await reader.decisions("i-1", limit=2)] == [3.0, 2.0]
    assert list(await reader.decisions("i-2", limit=10)) == [both]


async def test_decisions_about_no_incident_are_read_too(storage: Storage, store: AlertStore) -> None:
    alone = decision(incidents=())
    await store.save_flush(Flush(decisions=(alone,)))
    assert list(await storage.alerts.decisions("", limit=10)) == [alone]


async def test_old_decisions_are_forgotten_a_thousand_at_a_time(storage: Storage, store: AlertStore) -> None:
    many = tuple(decision(at=float(number)) for number in range(1_500))
    await store.save_flush(Flush(decisions=many))
    assert await storage.alerts.forget_decisions(before=1_400.0) == 1_000
    assert await storage.alerts.forget_decisions(before=1_400.0) == 400
    assert await storage.alerts.forget_decisions(before=1_400.0) == 0
    assert len(await storage.alerts.decisions("i-1", limit=10_000)) == 100


async def test_silences_are_replaced_by_id_and_deleted(store: AlertStore) -> None:
    longer = msgspec.structs.replace(SILENCE, ends_at=9.0)
    await store.save_silences([SILENCE, msgspec.structs.replace(SILENCE, id="8")], forgotten=())
    await store.save_silences([longer], forgotten=["8"])
    assert (await store.load()).silences == (longer,)


async def test_what_this_version_stores_is_read_by_the_next_with_further_fields(store: AlertStore) -> None:
    class Later(Group, frozen=True, kw_only=True):
        further: str = "default"

    await store.save_flush(Flush(groups=(GROUP,)))
    (read,) = (await store.load()).groups
    assert msgspec.json.decode(msgspec.json.encode(read), type=Later).further == "default"
