"""How a run is to be made: for whom, until when, and who hears of it."""

import msgspec

from integrations.examination import Examination
from integrations.execution.fairness import Priority
from integrations.execution.outcome import Origin
from integrations.execution.trace import Trace
from integrations.execution.tracing import CallIDs
from integrations.manifest.evidence import HealthCheck


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """How an action is to be run. `deadline` is a value of the clock's `monotonic`.

    `priority` says who goes first of those that must wait; None takes the origin's. A `trace` is told all
    that happens, an `examination` what was asked and answered. `certificate` looks at the server's
    certificate, `cold` sends each request over a connection of its own.
    `check` is what it is made for, where that is one: its condition has the last word, and the answer's data
    are nobody's. `call_ids` are those of its calls, wherever they are made.
    """

    capability: str
    deadline: float
    run_id: str
    caller: str = ""
    origin: Origin = Origin.TRAFFIC
    idempotency_key: str = ""
    trace_id: str = ""
    parent_span_id: str = ""
    sampled: bool | None = None
    trace_state: str = ""
    certificate: bool = False
    cold: bool = False
    cost: float | None = None
    pages: int = 1
    priority: Priority | None = None
    trace: Trace | None = None
    examination: Examination | None = None
    check: HealthCheck | None = None
    call_ids: CallIDs = msgspec.field(default_factory=CallIDs)
