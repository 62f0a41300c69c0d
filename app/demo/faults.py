"""What goes wrong in the demo, and when: every kind of trouble within the first minutes, again and again."""

from collections.abc import Sequence

from integrations.simulator.faults import Fault, FaultKind
from integrations.simulator.schedule import Plan, Schedule

_ALWAYS = 10.0 * 365 * 86_400

# Fault, start, duration, every and jitter; all in seconds.
_TROUBLES = (
    (
        Fault(kind=FaultKind.ANNOUNCEMENT, vendor="jira", code="degraded", action="Create and edit"),
        0,
        90,
        600,
        60,
    ),
    (Fault(kind=FaultKind.SERVER_ERROR, vendor="http", account="shop-api"), 10, 40, 200, 20),
    (
        Fault(kind=FaultKind.VENDOR_ERROR, vendor="http", account="legacy-erp", code="maintenance"),
        20,
        25,
        130,
        15,
    ),
    (Fault(kind=FaultKind.TOKEN_EXPIRED, vendor="slack", account="alerts"), 35, 50, 320, 30),
    (Fault(kind=FaultKind.LATENCY, vendor="http", account="status-page", seconds=1.3), 60, 30, 160, 15),
    (
        Fault(kind=FaultKind.SERVER_ERROR, vendor="github", account="prod", status=502, share=0.9),
        90,
        45,
        420,
        40,
    ),
    (
        Fault(kind=FaultKind.ANNOUNCEMENT, vendor="github", code="partial_outage", action="API Requests"),
        105,
        60,
        420,
        40,
    ),
    (
        Fault(kind=FaultKind.THROTTLED, vendor="slack", account="prod", share=0.4, retry_after=2),
        150,
        25,
        260,
        30,
    ),
    (Fault(kind=FaultKind.SERVER_ERROR, vendor="salesforce", status=503), 180, 30, 480, 40),
    (Fault(kind=FaultKind.RESET, vendor="prometheus", share=0.5), 210, 20, 380, 30),
    (Fault(kind=FaultKind.THROTTLED, vendor="datadog", retry_after=20), 240, 25, 450, 40),
    (Fault(kind=FaultKind.MALFORMED, vendor="prometheus", share=0.3), 260, 15, 500, 30),
    (Fault(kind=FaultKind.HANG, vendor="github", account="prod", share=0.1, seconds=12), 330, 30, 600, 60),
)


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
        Plan(fault, start=start, duration=duration, every=every, jitter=jitter)
        for fault, start, duration, every, jitter in _TROUBLES
    ]
