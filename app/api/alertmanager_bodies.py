"""The bodies of /api/v2, named as in Alertmanager's own description of its API (openapi.yaml, version 2)."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from app.desks.alerts import SeenAlert, SeenGroup
from monitors.alerts.matchers import Matcher, Operator
from monitors.alerts.silences import Silence

RESOLVE_TIMEOUT = 300.0
"""Seconds from now until which an alert that fires is said to fire: Alertmanager's resolve_timeout."""


LabelName = Annotated[str, msgspec.Meta(min_length=1)]


class _Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A body with Alertmanager's names."""


class AMMatcher(_Body, frozen=True, kw_only=True):
    """One condition on one label."""

    name: LabelName
    value: str
    is_regex: bool
    is_equal: bool = True


class ReceiverName(_Body, frozen=True, kw_only=True):
    """A receiver."""

    name: str


class AMAlertStatus(_Body, frozen=True, kw_only=True):
    """What keeps an alert quiet."""

    state: Literal["unprocessed", "active", "suppressed"]
    silenced_by: tuple[str, ...]
    inhibited_by: tuple[str, ...]
    muted_by: tuple[str, ...]


class GettableAlert(_Body, frozen=True, kw_only=True):
    """An alert that fires. Times are RFC 3339."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    receivers: tuple[ReceiverName, ...]
    fingerprint: str
    starts_at: str
    updated_at: str
    ends_at: str
    status: AMAlertStatus
    generator_url: str = msgspec.field(name="generatorURL", default="")


class AlertGroup(_Body, frozen=True, kw_only=True):
    """The alerts that a receiver is told of together."""

    labels: Mapping[str, str]
    route_labels: Mapping[str, str]
    receiver: ReceiverName
    alerts: tuple[GettableAlert, ...]


class AMSilenceStatus(_Body, frozen=True, kw_only=True):
    """Whether a silence holds."""

    state: Literal["expired", "active", "pending"]


class GettableSilence(_Body, frozen=True, kw_only=True):
    """A silence."""

    id: str
    status: AMSilenceStatus
    updated_at: str
    annotations: Mapping[str, str]
    matchers: tuple[AMMatcher, ...]
    starts_at: str
    ends_at: str
    created_by: str
    comment: str


class PostableSilence(_Body, frozen=True, kw_only=True):
    """A silence to make, or with `id` to change."""

    matchers: list[AMMatcher]
    starts_at: dt.datetime
    ends_at: dt.datetime
    created_by: str
    comment: str
    id: str | None = None


class SilenceMade(_Body, frozen=True, kw_only=True):
    """The id of the silence that holds now."""

    silence_id: str = msgspec.field(name="silenceID")


class ClusterStatus(_Body, frozen=True, kw_only=True):
    """There is no cluster."""

    status: Literal["ready", "settling", "disabled"] = "disabled"
    peers: tuple[str, ...] = ()


class VersionInfo(_Body, frozen=True, kw_only=True):
    """`version` is that of the Alertmanager whose API this is, `revision` says what answers."""

    version: str
    revision: str
    branch: str
    build_user: str
    build_date: str
    go_version: str


class AMConfig(_Body, frozen=True, kw_only=True):
    """The routing tree as Alertmanager's configuration file would hold it, without receivers' addresses."""

    original: str


class AMStatus(_Body, frozen=True, kw_only=True):
    """What answers, since when, and how it routes."""

    cluster: ClusterStatus
    version_info: VersionInfo
    config: AMConfig
    uptime: str


def alert_of(seen: SeenAlert, *, now: float, muted_by: tuple[str, ...] = ()) -> GettableAlert:
    """An alert in Alertmanager's words; `muted_by` are the time intervals that mute its group."""
    alert, status = seen.alert, seen.status
    muted = (*status.muted_by, *muted_by)
    suppressed = bool(status.silenced_by or status.inhibited_by or muted)
    return GettableAlert(
        labels=alert.labels,
        annotations=alert.annotations,
        receivers=tuple(ReceiverName(name=name) for name in seen.receivers),
        fingerprint=alert.fingerprint,
        starts_at=moment(alert.starts_at),
        updated_at=moment(alert.updated_at or alert.starts_at),
        ends_at=moment(now + RESOLVE_TIMEOUT),
        status=AMAlertStatus(
            state="suppressed" if suppressed else "active",
            silenced_by=status.silenced_by,
            inhibited_by=status.inhibited_by,
            muted_by=muted,
        ),
        generator_url=alert.link,
    )


def group_of(seen: SeenGroup, *, now: float) -> AlertGroup:
    """A group in Alertmanager's words."""
    return AlertGroup(
        labels=seen.group.labels,
        route_labels={},
        receiver=ReceiverName(name=seen.group.receiver),
        alerts=tuple(alert_of(one, now=now, muted_by=seen.muted_by) for one in seen.alerts),
    )


def silence_of(silence: Silence, *, state: Literal["expired", "active", "pending"]) -> GettableSilence:
    """A silence in Alertmanager's words."""
    return GettableSilence(
        id=silence.id,
        status=AMSilenceStatus(state=state),
        updated_at=moment(silence.updated_at),
        annotations={"maintenance": "true"} if silence.is_maintenance else {},
        matchers=tuple(map(_written, silence.matchers)),
        starts_at=moment(silence.starts_at),
        ends_at=moment(silence.ends_at),
        created_by=silence.actor,
        comment=silence.comment,
    )


def matcher_of(given: AMMatcher) -> Matcher:
    """A matcher in our words."""
    operators: dict[tuple[bool, bool], Operator] = {
        (True, False): "=",
        (False, False): "!=",
        (True, True): "=~",
        (False, True): "!~",
    }
    return Matcher(name=given.name, operator=operators[given.is_equal, given.is_regex], value=given.value)


def moment(at: float) -> str:
    """UTC seconds as RFC 3339 with milliseconds, as Alertmanager writes them."""
    text = dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _written(matcher: Matcher) -> AMMatcher:
    return AMMatcher(
        name=matcher.name,
        value=matcher.value,
        is_regex=matcher.operator in {"=~", "!~"},
        is_equal=matcher.operator in {"=", "=~"},
    )
