"""Whatever is published and read in whatever order: each reader gets exactly the signals that pass its
filter, in order, and what it does not get it is told."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.live.selection import Selection
from app.live.view import LiveView
from integrations.execution.outcome import FailureKind
from tests.app.live.reading import Browser
from tests.fakes.calls import call_record
from tests.fakes.clock import FakeClock

SELECTIONS = (
    Selection(),
    Selection(integrations=frozenset({"a"})),
    Selection(vendors=frozenset({"v"}), failed=True),
    Selection(kinds=frozenset({"health_change"})),
)
SIGNALS = st.builds(
    call_record,
    integration=st.sampled_from("ab"),
    vendor=st.sampled_from("vw"),
    kind=st.sampled_from([None, FailureKind.TIMEOUT]),
    detail=st.sampled_from(["", "x" * 3_000, "\n\nid: 1\n", "\u2028\x85\r"]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.lists(SIGNALS, min_size=1, max_size=9)),
        st.tuples(st.just("open"), st.sampled_from(SELECTIONS)),
        st.tuples(st.just("resume"), st.integers(0, 9)),
        st.tuples(st.just("take"), st.integers(0, 9)),
    ),
    max_size=60,
)


class Client:
    """A reader and what it may rightly expect: every match behind `place`, unless it is told otherwise."""

    def __init__(self, view: LiveView, published: list, *, selection: Selection, after: str) -> None:
        self.selection, self.view, self.published = selection, view, published
        self.reader = view.open(selection, after=after)
        self.browser = Browser()
        self.place = int(after.rpartition("-")[2]) if after else len(published)
        self.is_over = False

    def take(self) -> None:
        events = self.browser.events(self.reader.take())
        for event in events:
            if event.kind == "gap":
                self.place += event.data["missed"]
            elif event.kind == "dropped":
                self.is_over = True
                assert event.data["missed"] > 0
                assert event.data["last"] == self.browser.last_id
            else:
                number = int(event.id.rpartition("-")[2])
                assert self.expected(number) == [number]
                assert event.data["detail"] == self.published[number - 1].detail
                self.place = number
        last = int((self.browser.last_id or "-0").rpartition("-")[2])
        assert self.is_over or self.expected(last) == []

    def expected(self, until: int) -> list[int]:
        """The numbers it must get from its place on."""
        numbers = range(self.place + 1, until + 1)
        return [number for number in numbers if self.selection.matches(self.published[number - 1])]


class Play:
    """A view, everything that was published, and the clients."""

    def __init__(self, view: LiveView) -> None:
        self.view = view
        self.published: list = []
        self.clients: list[Client] = []

    def publish(self, signals: list) -> None:
        for signal in signals:
            self.published.append(signal)
            self.view.on_signal(signal)

    def open(self, selection: Selection, after: str = "") -> None:
        self.clients.append(Client(self.view, self.published, selection=selection, after=after))

    def resume(self, number: int) -> None:
        if self.clients:
            old = self.clients[number % len(self.clients)]
            self.open(old.selection, old.browser.last_id)

    def take(self, number: int) -> None:
        if self.clients:
            self.clients[number % len(self.clients)].take()

    def finish(self) -> None:
        for client in self.clients:
            while not client.is_over and client.reader._next < self.view.ring.end:
                client.take()
            assert client.is_over or client.expected(len(self.published)) == []


@settings(deadline=None)
@given(steps=STEPS, capacity=st.integers(1, 30), max_bytes=st.sampled_from([1, 5_000, 20_000, 10**6]))
def test_a_reader_gets_what_it_asked_for_in_order_without_a_gap_unless_told(steps, capacity, max_bytes):
    play = Play(LiveView(clock=FakeClock(), capacity=capacity, max_bytes=max_bytes))
    for name, value in steps:
        getattr(play, name)(value)
        assert play.view.ring.end - play.view.ring.first <= capacity
    play.finish()
