"""Reports without analytics: one of trouble, in which every name means harm, a calm one and an empty one."""

from msgspec.structs import replace

from exporters.analytics.report.outcome import (
    CostLine,
    Costs,
    CredentialLine,
    DriftLine,
    Ending,
    Gap,
    Growth,
    IncidentLine,
    Incidents,
    IntegrationAvailability,
    ObjectiveResult,
    Part,
    QuotaLine,
    ReceiverLine,
    Recorded,
    Report,
    StatusPage,
    Use,
    VendorAvailability,
    VendorObjective,
    WebhookLine,
)
from exporters.analytics.report.period import DAY, Period

TURNED = "\N{RIGHT-TO-LEFT OVERRIDE}"
HOSTILE = "<script>alert(1)</script>|`x`](https://evil.example)\n# owned" + TURNED + "'\""
"""Put wherever a name or a vendor's words stand."""


class FakeReports:
    """Keeps what it was asked; raises `error` where there is one."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.periods: list[Period] = []
        self.callers: list[str] = []
        self.error: Exception | None = None

    async def report(self, period: Period, *, caller: str) -> Report:
        if self.error is not None:
            raise self.error
        self.periods.append(period)
        self.callers.append(caller)
        return troubled(period)


def empty(period: Period) -> Report:
    """Nothing was recorded."""
    days = period.days
    return Report(
        period=period,
        made_at=period.until,
        recorded=Recorded(first_at=None, counts_until=None, hours=24 * len(days), hours_seen=0),
        objectives=(),
        vendors=(),
        incidents=Incidents(
            count=0, opened=0, before=0, explained=0, open=0, seconds=0.0, acknowledged=0,
            acknowledged_median=None, resolved_median=None, lines=(),
        ),
        use=Use(
            runs=0, failed=0, refused=0, before=None, callers=0, days=((0, 0, 0),) * len(days), by_team=(),
            by_caller=(), by_integration=(),
        ),
        quotas=(),
        costs=Costs(),
        drifts=(),
        credentials=(),
        endings=(),
        webhooks=(),
        receivers=(),
        status_pages=(),
        days=tuple(day.isoformat() for day in days),
    )  # fmt: skip


def calm(period: Period, *, name: str = "slack-prod") -> Report:
    """All went well: 100 runs a day, and as many the month before."""
    bare = empty(period)
    many = len(bare.days)
    whole = Part(good=1_000 * many, bad=0)
    days = (Part(good=1_000, bad=0),) * many
    objective = ObjectiveResult(
        name=name, objective=99.5, latency_below=None, counted="both", integrations=(name,), good=whole.good,
        bad=0, ratio=1.0, budget_left=1.0, met=True, days=days,
    )  # fmt: skip
    vendor = VendorAvailability(
        vendor=name,
        good=whole.good,
        bad=0,
        ratio=1.0,
        objectives=(VendorObjective(name=name, objective=99.5, good=whole.good, bad=0, ratio=1.0, met=True),),
        integrations=(
            IntegrationAvailability(
                integration=name, good=whole.good, bad=0, ratio=1.0, p95=0.21, seconds={}
            ),
        ),
        days=days,
    )
    grown = (Growth(name=name, runs=100 * many, failed=0, refused=0, before=100 * many),)
    return replace(
        bare,
        recorded=Recorded(
            first_at=period.start - 90 * DAY, counts_until=None, hours=24 * many, hours_seen=24 * many
        ),
        objectives=(objective,),
        vendors=(vendor,),
        use=Use(
            runs=100 * many, failed=0, refused=0, before=100 * many, callers=1, days=((100, 0, 0),) * many,
            by_team=(), by_caller=grown, by_integration=grown,
        ),
    )  # fmt: skip


def troubled(period: Period, *, name: str = HOSTILE) -> Report:
    """Something in every section."""
    fine = calm(period, name=name)
    many = len(fine.days)
    start = period.start + 3_600
    lasted = min(8_100.0, period.until - start)
    days = (Part(good=800, bad=200), *fine.objectives[0].days[1:])
    (vendor,) = fine.vendors
    line = IncidentLine(
        incident="i-1",
        integration=name,
        vendor=name,
        state="down",
        reason=name,
        began_at=start - 60,
        opened_at=start,
        resolved_at=start + 8_100,
        seconds=lasted,
        acknowledged_by=name,
        acknowledged_after=420.0,
        failures=310,
        rejected=20,
        callers=(name,),
        caller_count=4,
        reopened=1,
        explained=2,
    )
    grown = (Growth(name=name, runs=100 * many, failed=310, refused=20, before=30 * many, team=name),)
    return replace(
        fine,
        recorded=replace(
            fine.recorded, hours_seen=24 * many - 5, gaps=(Gap(start=start, end=start + 18_000),)
        ),
        objectives=(
            replace(fine.objectives[0], bad=200, ratio=0.98, budget_left=-3.0, met=False, days=days),
        ),
        vendors=(
            replace(
                vendor,
                bad=200,
                ratio=0.98,
                days=days,
                objectives=(replace(vendor.objectives[0], bad=200, ratio=0.98, met=False),),
                integrations=(
                    replace(vendor.integrations[0], bad=200, ratio=0.98, seconds={"down": 8_100.0}),
                ),
            ),
        ),
        incidents=Incidents(
            count=1,
            opened=1,
            before=3,
            explained=2,
            open=0,
            seconds=8_100.0,
            acknowledged=1,
            acknowledged_median=420.0,
            resolved_median=8_100.0,
            lines=(line,),
        ),
        use=replace(
            fine.use,
            failed=310,
            refused=20,
            before=30 * many,
            days=((100, 60, 20), *fine.use.days[1:]),
            by_team=grown,
            by_caller=grown,
            by_integration=grown,
        ),
        quotas=(
            QuotaLine(
                integration=name,
                vendor=name,
                bucket=name,
                share=0.02,
                remaining=100.0,
                limit=5_000.0,
                at=start,
                throttled=720.0,
            ),
        ),
        costs=Costs(
            totals=(CostLine(currency="EUR", name="", cost=123.456, before=100.0),),
            by_integration=(
                CostLine(currency="EUR", name=name, cost=100.0, before=90.0),
                CostLine(currency="EUR", name="slack", cost=23.456, before=10.0),
            ),
            by_team=(CostLine(currency="EUR", name=name, cost=123.456, before=100.0),),
        ),
        drifts=(
            DriftLine(
                vendor=name,
                action=name,
                pointer=name,
                expected="number",
                found=("string",),
                seen=4,
                first_at=start,
                last_at=start + DAY,
            ),
        ),
        credentials=(
            CredentialLine(
                integration=name, credential=name, event="rejected", count=2, detail=name, last_at=start
            ),
        ),
        endings=(Ending(kind="certificate", name=name, ends_at=period.until + DAY, detail=name),),
        webhooks=(
            WebhookLine(
                integration=name, accepted=90, duplicates=1, refused=2, missing=3, silences=1, silent=7_200.0
            ),
        ),
        receivers=(ReceiverLine(receiver=name, messages=5, delivered=4, failed_tries=9, dead=1, lag=1.5),),
        status_pages=(StatusPage(vendor=name, notices=1, lag=1_800.0),),
    )
