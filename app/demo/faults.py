"""What goes wrong in the demo, and when: every kind of trouble within the first minutes, again and again."""

from collections.abc import Sequence

from integrations.simulator.faults import Fault, FaultKind
from integrations.simulator.schedule import Plan, Schedule

_ALWAYS = 10.0 * 365 * 86_400


def fault_schedule(seed: int) -> Schedule[Fault]:
    """Return the demo's faults; their time begins when the simulator follows them. Seconds."""
    return Schedule([*_pace(), *_troubles()], seed=seed)


def _pace() -> Sequence[Plan[Fault]]:
    # A loopback answers in 2 ms; these give the vendors the latencies one knows from the internet.
    layers = ((0.9, 0.03), (0.4, 0.06), (0.1, 0.15), (0.01, 0.6))
    return [
        Plan(Fault(kind=FaultKind.LATENCY, share=share, seconds=seconds), start=0, duration=_ALWAYS)
        for share, seconds in layers
    ]


def _troubles() -> Sequence[Plan[Fault]]:
    return [
        Plan(
            Fault(kind=FaultKind.SERVER_ERROR, vendor="http", account="shop-api"),
            start=10,
            duration=40,
            every=200,
            jitter=20,
        ),
        Plan(
            Fault(kind=FaultKind.VENDOR_ERROR, vendor="http", account="legacy-erp", code="maintenance"),
            start=20,
            duration=25,
            every=130,
            jitter=15,
        ),
        Plan(
            Fault(kind=FaultKind.TOKEN_EXPIRED, vendor="slack", account="alerts"),
            start=35,
            duration=50,
            every=320,
            jitter=30,
        ),
        Plan(
            Fault(kind=FaultKind.LATENCY, vendor="http", account="status-page", seconds=1.3),
            start=60,
            duration=30,
            every=160,
            jitter=15,
        ),
        Plan(
            Fault(kind=FaultKind.SERVER_ERROR, vendor="github", account="prod", status=502, share=0.9),
            start=90,
            duration=45,
            every=420,
            jitter=40,
        ),
        Plan(
            Fault(kind=FaultKind.THROTTLED, vendor="slack", account="prod", share=0.4, retry_after=2),
            start=150,
            duration=25,
            every=260,
            jitter=30,
        ),
        Plan(
            Fault(kind=FaultKind.RESET, vendor="prometheus", share=0.5),
            start=210,
            duration=20,
            every=380,
            jitter=30,
        ),
        Plan(
            Fault(kind=FaultKind.MALFORMED, vendor="prometheus", share=0.3),
            start=260,
            duration=15,
            every=500,
            jitter=30,
        ),
        Plan(
            Fault(kind=FaultKind.HANG, vendor="github", account="prod", share=0.1, seconds=12),
            start=330,
            duration=30,
            every=600,
            jitter=60,
        ),
    ]
