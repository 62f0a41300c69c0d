"""`dialtone backtest`: what another policy, or other rules of alerting, would have made of the past."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec
import yaml

from app.api.backtest import BacktestList
from app.commands.asking import ended_with_us, keep
from app.commands.backtest_looks import show, show_watched
from app.commands.following_backtest import following
from app.commands.options import json_option
from app.commands.server import CALL_PATIENCE
from app.commands.session import Session
from app.web.backtest import page
from exporters.analytics.backtest.keys import unknown
from integrations.execution.policy import Policy

_PARTS = ("policy", "check", "alerts")


@click.command()
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="KEY=VALUE",
    help="A key, as breaker.failure_ratio=0.3 or alerts.group_wait=60.",
)
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A YAML file with what is to be other: policy, check, alerts, or keys of a policy by themselves.",
)
@click.option("--integration", "-i", "integrations", multiple=True, help="Only this one; may be repeated.")
@click.option("--objective", "objectives", multiple=True, help="This objective; * is all.")
@click.option("--heartbeat", "heartbeats", multiple=True, help="This heartbeat, by its id; * is all.")
@click.option("--since", default="24h", show_default=True, help="From how long ago, or a time.")
@click.option("--until", "end", default="now", show_default=True, help="Until how long ago, or a time.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page that prints well."
)
@json_option
@click.pass_obj
def backtest(
    session: Session,
    *,
    given: tuple[str, ...],
    file: Path | None,
    integrations: tuple[str, ...],
    objectives: tuple[str, ...],
    heartbeats: tuple[str, ...],
    since: str,
    end: str,
    html: Path | None,
    as_json: bool,
) -> None:
    """Show what another configuration would have done: dialtone backtest --set breaker.failure_ratio=0.3.

    Recorded calls and checks go through the breaker, the retry budget, the judgement of health and the
    alerting that run live, as they are configured today and as is proposed: a key of an integration's
    policy, check.KEY or alerts.KEY (alerts.rules.IntegrationDown.for=120). So do objectives, and what jobs
    reported to heartbeats: alerts.slos.NAME.KEY, alerts.heartbeats.ID.KEY. Without a proposal today's
    configuration is held against what happened.
    """
    asked = {
        **_proposal(_from_file(file), given),
        "integrations": integrations,
        "objectives": objectives,
        "heartbeats": heartbeats,
        "from": _time(since),
        "to": _time(end),
    }
    with ended_with_us(session) as name, following(session, name):
        reply = session.server.post("/v2/analytics/backtest", {**asked, "id": name}, patience=CALL_PATIENCE)
    found = session.read(reply, BacktestList, as_json=as_json and html is None)
    if found is None:
        return
    if html is not None:
        keep([page(found.backtests, found.watched).encode()], html)
        session.errors.print(f"Wrote {html}.", soft_wrap=True)
        return
    for one in found.backtests:
        show(session, one)
    for watched in found.watched:
        show_watched(session, watched)


def _proposal(parts: Mapping[str, object], given: Sequence[str]) -> dict[str, dict[str, object]]:
    """The keys by the part of the configuration that they belong to: those without one are of the policy."""
    found: dict[str, dict[str, object]] = {part: {} for part in _PARTS}
    for name in _PARTS:
        if isinstance(mine := parts.get(name), Mapping):
            found[name] |= {str(key): value for key, value in mine.items()}
    for key, value in map(_pair, given):
        part, _, rest = key.partition(".")
        if rest and part in _PARTS:
            found[part][rest] = value
        elif part in (known := (*_PARTS, *Policy.__struct_fields__)):
            found["policy"][key] = value
        else:
            raise click.UsageError(f"--set {key}: {unknown(part, known)}")
    return found


def _pair(text: str) -> tuple[str, object]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise click.UsageError(f"--set {text}: write KEY=VALUE, such as breaker.failure_ratio=0.3")
    try:
        return key, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return key, value


def _from_file(file: Path | None) -> Mapping[str, object]:
    """The parts of the configuration that a file holds; keys by themselves are of the policy."""
    if file is None:
        return {}
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise click.UsageError(
            f"--policy {file}: it cannot be read as YAML ({type(error).__name__})"
        ) from error
    if not isinstance(found, dict):
        raise click.UsageError(
            f"--policy {file}: it holds no keys, such as breaker, timeout, check or alerts"
        )
    if not any(isinstance(found.get(part), dict) for part in _PARTS):
        return {"policy": found}
    if others := sorted(str(key) for key in found if key not in _PARTS):
        raise click.UsageError(
            f"--policy {file}: beside {', '.join(_PARTS)} it holds {', '.join(others)}; put keys of a policy "
            "under policy"
        )
    return found


def _time(text: str) -> str:
    """A length of time means as long ago."""
    return f"-{text}" if text[:1].isdigit() and text[-1:] in "smhdw" else text
