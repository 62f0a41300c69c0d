"""Receivers: who is told of alerts, and how; one struct a pipeline, told apart by `type`.

They come from the operator's configuration file only. What must not be shown is a Secret: keys, and URLs too,
because whoever knows the URL of a chat's webhook may write there.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Literal, get_args

import msgspec

from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from monitors.alerts.signing import check_signing_secrets

LONGEST_TIMEOUT = 30.0
MAX_ALLOWED_NETWORKS = 64

Schedule = Literal["alerts", "events"]
"""How long and how often a failed delivery is tried again; see schedule.py."""


class _Receiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """What every receiver has. `name` is what routes call it. `timeout` is how many seconds one try may take.

    `fallback` names the receiver that is told when this one cannot be reached. `send_resolved` tells of the
    end too. `allow_networks` are private networks (CIDR) that its address may lie in, `allow_http` lets it be
    reached without TLS on the open net; in a declared private network TLS is not asked for.
    """

    name: str
    timeout: float = 10.0
    fallback: str = ""
    send_resolved: bool = True
    schedule: Schedule = "alerts"
    allow_networks: tuple[str, ...] = ()
    allow_http: bool = False
    network: NetworkPolicy = NetworkPolicy()

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not self.name:
            raise ValueError("name must not be empty")
        if not 0 < self.timeout <= LONGEST_TIMEOUT:
            raise ValueError(f"timeout must be above 0 and at most {LONGEST_TIMEOUT:g} seconds")
        if self.fallback == self.name:
            raise ValueError("fallback must name another receiver")
        _refuse_bad_networks(self.allow_networks)
        self._check()

    def _check(self) -> None:
        """What one kind of receiver asks for beyond that; raises ValueError."""

    @property
    def kind(self) -> str:
        """Its type: the pipeline."""
        return str(self.__struct_config__.tag)


class WebhookReceiver(_Receiver, frozen=True, kw_only=True, tag="webhook"):
    """Standard Webhooks: the default for programs. `signing_secrets` are `whsec_…` (HMAC) or `whsk_…`
    (ed25519) keys, newest first; each signs, so that a receiver may change over. `headers` are added.
    """

    url: Secret
    signing_secrets: tuple[Secret, ...] = ()
    headers: Mapping[str, Secret] = {}

    def _check(self) -> None:
        check_signing_secrets(self.signing_secrets)


class CloudEventsReceiver(_Receiver, frozen=True, kw_only=True, tag="cloudevents"):
    """CloudEvents 1.0 over HTTP, structured or binary; `source` is the context attribute."""

    url: Secret
    mode: Literal["structured", "binary"] = "structured"
    source: str = "/dialtone"
    signing_secrets: tuple[Secret, ...] = ()
    headers: Mapping[str, Secret] = {}

    def _check(self) -> None:
        check_signing_secrets(self.signing_secrets)


class AlertmanagerWebhookReceiver(_Receiver, frozen=True, kw_only=True, tag="alertmanager_webhook"):
    """What is written for Alertmanager's webhook, version 4. `newer_fields` adds what Alertmanager sends
    since 0.28; `max_alerts` 0 sends all.
    """

    url: Secret
    max_alerts: int = 0
    newer_fields: bool = False
    headers: Mapping[str, Secret] = {}


class GrafanaReceiver(_Receiver, frozen=True, kw_only=True, tag="grafana"):
    """What is written for Grafana's webhook."""

    url: Secret
    max_alerts: int = 0
    headers: Mapping[str, Secret] = {}


class AlertmanagerReceiver(_Receiver, frozen=True, kw_only=True, tag="alertmanager"):
    """Alertmanagers to which alerts are posted as Prometheus does: `urls` are all peers, never a balancer."""

    urls: tuple[Secret, ...]
    headers: Mapping[str, Secret] = {}

    def _check(self) -> None:
        if not self.urls:
            raise ValueError("urls must name at least one Alertmanager")


class PagerDutyReceiver(_Receiver, frozen=True, kw_only=True, tag="pagerduty"):
    """PagerDuty Events API v2."""

    routing_key: Secret
    url: Secret = Secret("https://events.pagerduty.com/v2/enqueue")
    client: str = "Dialtone"


class OpsgenieReceiver(_Receiver, frozen=True, kw_only=True, tag="opsgenie"):
    """Opsgenie, or Jira Service Management under its own URL
    (https://api.atlassian.com/jsm/ops/integration/v2/alerts).
    """

    api_key: Secret
    url: Secret = Secret("https://api.opsgenie.com/v2/alerts")
    tags: tuple[str, ...] = ()


class ServiceNowReceiver(_Receiver, frozen=True, kw_only=True, tag="servicenow"):
    """ServiceNow Event Management: `url` is the instance's; a token, or a name with its password."""

    url: Secret
    token: Secret | None = None
    username: str = ""
    password: Secret | None = None
    source: str = "Dialtone"

    def _check(self) -> None:
        if (self.token is None) == (not self.username or self.password is None):
            raise ValueError("servicenow takes either token, or username and password")


class SlackReceiver(_Receiver, frozen=True, kw_only=True, tag="slack"):
    """Slack: an incoming webhook's `url`, or a bot's `token` and a `channel`, whose messages are updated."""

    url: Secret | None = None
    token: Secret | None = None
    channel: str = ""
    api_url: str = "https://slack.com/api"

    def _check(self) -> None:
        if (self.url is None) == (self.token is None or not self.channel):
            raise ValueError("slack takes either url, or token and channel")


class DiscordReceiver(_Receiver, frozen=True, kw_only=True, tag="discord"):
    """A webhook of a Discord channel."""

    url: Secret


class TeamsReceiver(_Receiver, frozen=True, kw_only=True, tag="teams"):
    """A workflow of Microsoft Teams that posts an adaptive card."""

    url: Secret


class EmailReceiver(_Receiver, frozen=True, kw_only=True, tag="email"):
    """Mail by SMTP: `smarthost` is `host:port`."""

    to: tuple[str, ...]
    sender: str = msgspec.field(name="from")
    smarthost: str
    username: str = ""
    password: Secret | None = None
    tls: Literal["starttls", "tls", "none"] = "starttls"
    hello: str = ""

    def _check(self) -> None:
        host, _, port = self.smarthost.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ValueError("smarthost must be host:port, such as smtp.example.com:587")
        if not self.to:
            raise ValueError("to must hold at least one address")
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password belong together")


Receiver = (
    WebhookReceiver
    | CloudEventsReceiver
    | AlertmanagerWebhookReceiver
    | GrafanaReceiver
    | AlertmanagerReceiver
    | PagerDutyReceiver
    | OpsgenieReceiver
    | ServiceNowReceiver
    | SlackReceiver
    | DiscordReceiver
    | TeamsReceiver
    | EmailReceiver
)

HTTPReceiver = (
    WebhookReceiver
    | CloudEventsReceiver
    | AlertmanagerWebhookReceiver
    | GrafanaReceiver
    | AlertmanagerReceiver
    | PagerDutyReceiver
    | OpsgenieReceiver
    | ServiceNowReceiver
    | SlackReceiver
    | DiscordReceiver
    | TeamsReceiver
)

SECRET_URLS = frozenset({"slack", "discord", "teams"})
"""The types whose URL alone lets one write there: it should not stand in the file itself."""


def secret_fields() -> frozenset[str]:
    """The names of all fields, of any type of receiver, whose values (one, or several in a list or a map)
    are Secrets: what the configuration must not show.
    """
    return frozenset(
        field.encode_name
        for type_ in get_args(Receiver)
        for field in msgspec.structs.fields(type_)
        if "Secret" in str(field.type)
    )


class Directory:
    """The receivers by name, as they are configured now; replaced whole at a reload.

    Raises:
        ValueError: for two of one name, or a fallback that is none or leads in a circle.
    """

    def __init__(self, receivers: Sequence[Receiver] = ()) -> None:
        self._receivers: dict[str, Receiver] = {}
        self.replace(receivers)

    def replace(self, receivers: Sequence[Receiver]) -> None:
        """Take other receivers; on an error the old ones stay.

        Raises:
            ValueError: see above.
        """
        new = {receiver.name: receiver for receiver in receivers}
        if len(new) < len(receivers):
            raise ValueError("receivers: two have the same name")
        for receiver in receivers:
            _refuse_circle(receiver, new)
        self._receivers = new

    def find(self, name: str) -> Receiver | None:
        """The receiver of this name, if there is one."""
        return self._receivers.get(name)

    def all(self) -> tuple[Receiver, ...]:
        """All of them, in the order of the file."""
        return tuple(self._receivers.values())

    def stand_in(self, name: str) -> Receiver | None:
        """Who is told what `name` cannot be told: its fallback, else the first other one; never itself."""
        receiver = self._receivers.get(name)
        if receiver is not None and receiver.fallback:
            return self._receivers.get(receiver.fallback)
        return next((other for other in self._receivers.values() if other.name != name), None)


def _refuse_circle(receiver: Receiver, receivers: Mapping[str, Receiver]) -> None:
    seen = {receiver.name}
    while receiver.fallback:
        name = receiver.fallback
        if name not in receivers:
            raise ValueError(f"receivers.{receiver.name}.fallback: there is no receiver {name!r}")
        if name in seen:
            raise ValueError(f"receivers.{receiver.name}.fallback: {name!r} leads back to it")
        seen.add(name)
        receiver = receivers[name]


def _refuse_bad_networks(networks: Sequence[str]) -> None:
    if len(networks) > MAX_ALLOWED_NETWORKS:
        raise ValueError(f"allow_networks may hold at most {MAX_ALLOWED_NETWORKS}")
    for network in networks:
        try:
            ip_network(network)
        except ValueError as error:
            raise ValueError(f"allow_networks: {network!r} is no network such as 10.1.0.0/16") from error
