"""A desk for backtests that answers the same to every order."""

import anyio

from exporters.analytics.backtest.alerts.outcome import (
    AlertBacktest,
    AlertSide,
    NotedAlert,
    NotedIncident,
    Told,
)
from exporters.analytics.backtest.comparison import Change, Fidelity, differences
from exporters.analytics.backtest.order import Order
from exporters.analytics.backtest.outcome import Backtest, Side, Spell
from exporters.analytics.backtest.tally import Bucket, Tally
from exporters.analytics.backtest.watched.order import WatchOrder, shown
from exporters.analytics.backtest.watched.outcome import Spent, WatchedBacktest
from integrations.execution.policy import Policy
from integrations.signals import BreakerState, Health


class FakeBacktests:
    """Keeps what it was asked; raises `error` where there is one."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.watch_orders: list[WatchOrder] = []
        self.callers: list[str] = []
        self.ids: list[str] = []
        self.error: Exception | None = None
        self.hangs = False
        self.left = 0

    def forget(self) -> None:
        """Be as new, for an application that is made once for several tests."""
        self.orders.clear()
        self.watch_orders.clear()
        self.callers.clear()
        self.ids.clear()
        self.error = None

    async def backtest(self, order: Order, *, caller: str, query_id: str = "") -> Backtest:
        if self.error is not None:
            raise self.error
        if self.hangs:
            await self._hang()
        self.orders.append(order)
        self.callers.append(caller)
        self.ids.append(query_id)
        return answer(order)

    async def watched(
        self, order: WatchOrder, *, caller: str, query_id: str = ""
    ) -> tuple[WatchedBacktest, ...]:
        if self.error is not None:
            raise self.error
        self.watch_orders.append(order)
        self.callers.append(caller)
        self.ids.append(query_id)
        return (
            *(objective_answer(order, name) for name in order.objectives),
            *(heartbeat_answer(order, name) for name in order.heartbeats),
        )

    async def _hang(self) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            self.left += 1


def alerts(order: Order) -> AlertBacktest:
    """Today an incident in the second stretch that the pager is told of; under the proposed rules none."""
    at = (order.start + order.end) / 2 + 60
    incident = NotedIncident(
        first_failure_at=at - 30,
        opened_at=at,
        resolved_at=at + 600,
        state=Health.DOWN,
        reason="<i>3 checks</i> in a row failed",
        delay=30.0,
        told=(Told(at=at + 10, receiver="pager"),),
    )
    alert = NotedAlert(
        name="IntegrationDown",
        severity="critical",
        capability="",
        at=at,
        ended_at=at + 690,
        delay=30.0,
        told_at=at + 10,
        receivers=("pager",),
    )
    return AlertBacktest(
        changes=(Change(key="check.fail_after", today=3, proposed=9),),
        fidelity=Fidelity(recorded=2, given_back=2, invented=0),
        today=AlertSide(incidents=(incident,), alerts=(alert,), messages={"pager": 2}, open_seconds=600.0),
        proposed=AlertSide(incidents=(), alerts=(), messages={}, open_seconds=0.0),
        saved=(alert,),
        added=(),
        unnoticed=(incident,),
        notes=("Checks were taken as they were.",),
    )


def answer(order: Order) -> Backtest:
    """One opening under the proposed policy, in the second of two stretches."""
    half = (order.end - order.start) / 2
    quiet, busy = Bucket(start=order.start, calls=8), Bucket(start=order.start + half, calls=12, failed=6)
    spell = Spell(
        capability="read",
        state=BreakerState.OPEN,
        start=order.start + half + 60,
        seconds=90.0,
        reason="<b>7 of 14</b> calls failed",
    )
    return Backtest(
        integration=order.integration,
        start=order.start,
        end=order.end,
        changes=differences(order.today, order.proposed),
        calls=20,
        checks=5,
        fidelity=Fidelity(recorded=4, given_back=4, invented=0),
        today=Side(
            tally=Tally(calls=20, succeeded=14, failed=6, attempts=26, waited=60.0),
            openings=0,
            transitions=0,
            guarded_seconds=0.0,
            spells=(),
            buckets=(quiet, busy),
        ),
        proposed=Side(
            tally=Tally(
                calls=20, succeeded=12, failed=3, rejected=5, lost=2, spared=3, attempts=18, waited=30.0
            ),
            openings=1,
            transitions=3,
            guarded_seconds=90.0,
            spells=(spell,),
            buckets=(quiet, Bucket(start=busy.start, calls=12, failed=3, rejected=5)),
        ),
        notes=("Waiting is taken as it was.",),
        alerts=alerts(order),
    )


def objective_answer(order: WatchOrder, name: str) -> WatchedBacktest:
    """Today an alert in the second half that the pager is told of; under the proposed settings none."""
    at = (order.start + order.end) / 2 + 60
    burn = NotedAlert(
        name="SLOBurnRate",
        severity="critical",
        capability="",
        at=at,
        ended_at=at + 600,
        delay=240.0,
        told_at=at + 10,
        receivers=("pager",),
        objective=name,
    )
    return WatchedBacktest(
        kind="objective",
        name=name,
        start=order.start,
        end=order.end,
        heard=1_000,
        alerts=AlertBacktest(
            changes=differences(shown(order.today, slo=name), shown(order.proposed, slo=name)),
            fidelity=Fidelity(recorded=2, given_back=2, invented=0),
            today=AlertSide(incidents=(), alerts=(burn,), messages={"pager": 2}, open_seconds=0.0),
            proposed=AlertSide(incidents=(), alerts=(), messages={}, open_seconds=0.0),
            saved=(burn,),
            added=(),
            unnoticed=(),
            notes=("Counted by the hour.",),
        ),
        today=Spent(good=990, bad=10, budget_left=-1.0),
        proposed=Spent(good=990, bad=10, budget_left=0.5),
    )


def heartbeat_answer(order: WatchOrder, heartbeat: str) -> WatchedBacktest:
    """What a heartbeat would have told of: the same as of an integration."""
    asked = Order(integration="", today=Policy(), proposed=Policy(), start=order.start, end=order.end)
    return WatchedBacktest(
        kind="heartbeat",
        name=heartbeat,
        start=order.start,
        end=order.end,
        heard=1,
        alerts=alerts(asked),
    )
