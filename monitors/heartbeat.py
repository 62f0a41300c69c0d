"""One heartbeat: what was heard of it, and whether that is enough. Pure functions of its state and the time.

Times are UTC seconds. It is down when it reports a failure, is not heard of by its due time and grace, or
runs longer than it may; a success makes it up again.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from integrations.signals import Health
from monitors.cron import CronSchedule
from monitors.heartbeat_settings import HeartbeatSettings

MOST_RUNS = 16
"""Runs at once whose starts are remembered; the oldest is forgotten."""

MAX_TEXT = 1024
"""Characters kept of what came with the last beat."""

PATIENCE = 3600.0
"""Seconds waited at most, after a start of Dialtone, for what may have come while it was away."""


class Beat(StrEnum):
    """What a job says."""

    SUCCESS = "success"
    START = "start"
    FAIL = "fail"
    LOG = "log"


class HeartbeatState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a heartbeat, and stored. `known_since` is when it was configured first, `anchor` from
    when its next beat is reckoned. `runs` are starts without an end, by run id. `text` is what came with the
    last beat: treat it as a secret, for jobs write what they like. `duration` is the last run's, in seconds.
    """

    id: str
    known_since: float
    anchor: float
    health: Health = Health.UNKNOWN
    since: float
    reason: str = "Not heard of yet."
    last_beat: Beat | None = None
    last_beat_at: float | None = None
    last_success_at: float | None = None
    exit_status: int | None = None
    duration: float | None = None
    runs: Mapping[str, float] = {}
    text: str = ""
    beats: int = 0


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One beat as it came in. `run` tells runs apart that overlap; empty for jobs that never do."""

    beat: Beat
    at: float
    run: str = ""
    exit_status: int | None = None
    text: str = ""


def first(settings: HeartbeatSettings, *, at: float) -> HeartbeatState:
    """A heartbeat that was just configured: it has until its first due time to be heard of."""
    return HeartbeatState(id=settings.id, known_since=at, anchor=at, since=at)


def taken_up(state: HeartbeatState, *, now: float) -> HeartbeatState:
    """A stored state, reckoned from now where it lies ahead: a wall clock that was set back before the start
    gives no job more time.
    """
    runs = {run: min(began, now) for run, began in state.runs.items()}
    return msgspec.structs.replace(state, anchor=min(state.anchor, now), runs=runs)


def expected(settings: HeartbeatSettings, state: HeartbeatState) -> float:
    """When the next success is expected."""
    if settings.period is not None:
        return state.anchor + settings.period
    return CronSchedule(settings.cron, settings.zone).after(state.anchor)


def deadline(settings: HeartbeatSettings, state: HeartbeatState, *, started_at: float) -> float:
    """Until when a success must come. What was expected before Dialtone's own start at `started_at` may have
    come while it was away: then it may take as long again, an hour and an hour of grace at most.
    """
    due = expected(settings, state)
    if due >= started_at:
        return due + settings.grace
    again = min(settings.period or PATIENCE, PATIENCE)
    return max(due + settings.grace, started_at + again + min(settings.grace, PATIENCE))


def hear(state: HeartbeatState, heard: Heard) -> HeartbeatState:
    """The state after a beat."""
    state = msgspec.structs.replace(
        state,
        last_beat=heard.beat,
        last_beat_at=heard.at,
        text=heard.text[:MAX_TEXT],
        beats=state.beats + 1,
        exit_status=heard.exit_status,
    )
    match heard.beat:
        case Beat.START:
            return msgspec.structs.replace(state, runs=_begun(state, heard))
        case Beat.SUCCESS:
            state = _ended(state, heard)
            changed = msgspec.structs.replace(state, anchor=heard.at, last_success_at=heard.at)
            return _turned(changed, Health.UP, "Heard of.", at=heard.at)
        case Beat.FAIL:
            return _turned(_ended(state, heard), Health.DOWN, _failed(heard), at=heard.at)
        case _:
            return state


def look(
    settings: HeartbeatSettings, state: HeartbeatState, *, now: float, started_at: float
) -> HeartbeatState:
    """The state as time has it: overdue, or a run that is too long."""
    if state.health is Health.DOWN:
        return state
    longest = settings.longest
    if longest is not None and state.runs and now - min(state.runs.values()) > longest:
        reason = f"A run has not ended within {_span(longest)}."
        return _turned(state, Health.DOWN, reason, at=now)
    if now > deadline(settings, state, started_at=started_at):
        return _turned(state, Health.DOWN, _overdue(settings, state), at=now)
    return state


def next_look(settings: HeartbeatSettings, state: HeartbeatState, *, started_at: float) -> float | None:
    """When it is to be looked at next, if nothing is heard; None while only a beat can change it."""
    if state.health is Health.DOWN:
        return None
    due = deadline(settings, state, started_at=started_at)
    if settings.longest is not None and state.runs:
        return min(due, min(state.runs.values()) + settings.longest)
    return due


def _begun(state: HeartbeatState, heard: Heard) -> dict[str, float]:
    runs = {run: at for run, at in state.runs.items() if run != heard.run} | {heard.run: heard.at}
    return dict(list(runs.items())[-MOST_RUNS:])


def _ended(state: HeartbeatState, heard: Heard) -> HeartbeatState:
    began = state.runs.get(heard.run)
    if began is None:
        return msgspec.structs.replace(state, duration=None)
    runs = {run: at for run, at in state.runs.items() if run != heard.run}
    return msgspec.structs.replace(state, runs=runs, duration=max(0.0, heard.at - began))


def _turned(state: HeartbeatState, health: Health, reason: str, *, at: float) -> HeartbeatState:
    since = state.since if health is state.health else at
    return msgspec.structs.replace(state, health=health, reason=reason, since=since)


def _failed(heard: Heard) -> str:
    if heard.exit_status is None:
        return "It reported a failure."
    return f"It reported a failure (exit status {heard.exit_status})."


def _overdue(settings: HeartbeatSettings, state: HeartbeatState) -> str:
    how = f"every {_span(settings.period)}" if settings.period else f"at {settings.cron} ({settings.zone})"
    if state.last_success_at is None:
        return f"It was never heard of; it is expected {how}."
    return f"It is overdue: expected {how}, with {_span(settings.grace)} of grace."


def _span(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length or (seconds >= length and seconds % length == 0):
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"
