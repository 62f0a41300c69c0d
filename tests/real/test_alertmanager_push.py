"""A real Alertmanager takes our alerts as it takes Prometheus's, and its webhook and ours agree byte for
byte for the same alerts.
"""

import datetime as dt
import json
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import pytest

from integrations.clock import SystemClock
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from monitors.alerts.alert import Alert
from monitors.alerts.formats.alertmanager import AlertmanagerFormat
from monitors.alerts.formats.alertmanager_webhook import AlertmanagerWebhookFormat
from monitors.alerts.notification import Notification
from monitors.alerts.receivers import AlertmanagerReceiver, AlertmanagerWebhookReceiver
from monitors.alerts.routing import Route, RoutingTree
from monitors.alerts.sending import HTTPSender
from tests.fakes.notifications import HOSTILE, alert, letter, notification
from tests.fakes.signals import RecordingSubscriber
from tests.real.servers import eventually, free_port, running

PROGRAM = shutil.which("prometheus-alertmanager")
EXTERNAL = "http://dialtone.example:8080/dialtone"
RECEIVER = "team.a+b (on call)"
NASTY = 'a "quoted" <b> & \\ \t\n \u2028 \x7f \b\f é 東京 🔔 {{ .x }}'
GROUP_BY = ("case", "environment")
MATCHERS = ('team=~"pay.*"', "severity=critical", r'note!="a \"b\\c\n"')


class Real(NamedTuple):
    """A running Alertmanager, and the bodies of what it sent."""

    url: str
    bodies: list[bytes]

    def alerts(self, case: str) -> list[dict[str, object]]:
        found = httpx.get(f"{self.url}/api/v2/alerts", params={"filter": f'case="{case}"'}, timeout=5).json()
        return msgspec.convert(found, list[dict[str, object]])

    def sent_of(self, case: str, status: str, *, count: int) -> bytes:
        """What it sent of a group, once it had all of its alerts: it begins as soon as it has the first."""

        def came() -> bytes | None:
            for body in self.bodies:
                told = json.loads(body)
                found = told["groupLabels"].get("case"), told["status"], len(told["alerts"])
                if found == (case, status, count):
                    return body
            return None

        found = eventually(f"Alertmanager tells that {case} is {status}", came)
        assert isinstance(found, bytes)
        return found


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    if PROGRAM is None:
        pytest.skip("Alertmanager did not start: it is not installed; run make test-real, which installs it")
    folder, port = tmp_path_factory.mktemp("alertmanager"), free_port()
    bodies: list[bytes] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as hook:
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        command = alertmanager(folder, port=port, hook=hook.server_address[1])
        with running(command, log=folder / "alertmanager.log"):
            url = f"http://127.0.0.1:{port}/am"
            eventually("it is ready", lambda: httpx.get(f"{url}/-/ready", timeout=2).status_code == 200)
            yield Real(url, bodies)
        hook.shutdown()


def alertmanager(folder: Path, *, port: int, hook: int) -> list[str]:
    config = {
        "route": {
            "receiver": RECEIVER, "group_wait": "1s", "group_interval": "1s", "group_by": list(GROUP_BY),
            "routes": [{"receiver": RECEIVER, "matchers": MATCHERS}],
        },
        "receivers": [{"name": RECEIVER, "webhook_configs": [{"url": f"http://127.0.0.1:{hook}/"}]}],
    }  # fmt: skip
    (folder / "am.yml").write_text(json.dumps(config))
    return [
        str(PROGRAM), f"--config.file={folder}/am.yml", f"--storage.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        f"--web.external-url={EXTERNAL}", "--web.route-prefix=/am",
    ]  # fmt: skip


def group(*alerts: Alert) -> Notification:
    """The notification that our routing makes of the same alerts."""
    tree = RoutingTree(
        Route(
            receiver=RECEIVER,
            group_by=GROUP_BY,
            routes=(Route(matchers=MATCHERS),),
        )
    )
    (branch,) = tree.match(alerts[0].labels)
    return notification(
        receiver=RECEIVER,
        group_key=branch.group_key(alerts[0].labels),
        group_labels=branch.group_labels(alerts[0].labels),
        alerts=alerts,
        incidents=(),
        external_url=EXTERNAL,
        at=time.time(),
    )


def post(real: Real, told: Notification) -> None:
    receiver = AlertmanagerReceiver(name="am", urls=(Secret(real.url),))
    for drawn in AlertmanagerFormat(receiver).draw(letter(told, at=time.time())):
        answer = httpx.request(
            drawn.method, drawn.url, headers=dict(drawn.headers), content=drawn.body, timeout=5
        )
        assert answer.status_code == 200, answer.text


def ours(told: Notification) -> bytes:
    receiver = AlertmanagerWebhookReceiver(name="r", url=Secret("http://127.0.0.1:1/"))
    (drawn,) = AlertmanagerWebhookFormat(receiver).draw(letter(told))
    return drawn.body


def began(minutes: float) -> float:
    """A moment with milliseconds, as our alerts have."""
    return round(time.time() - minutes * 60, 3)


def case(name: str, **labels: str) -> dict[str, str]:
    return {"case": name, **labels}


def crowd() -> tuple[Alert, ...]:
    labels = [
        case("crowd", job="b"), case("crowd", job="a", instance="2"), case("crowd", job="a", instance="10"),
        case("crowd", instance="z"), case("crowd", more="x", less="y"), case("crowd", aa="1"),
        case("crowd", ab="1"), case("crowd"),
    ]  # fmt: skip
    return tuple(
        alert(f"i{n}", labels=each, annotations={"n": str(n)}, starts_at=began(n), incident="")
        for n, each in enumerate(labels)
    )


CASES = {
    "plain": lambda: (alert(labels=case("plain"), starts_at=began(3)),),
    "whole second": lambda: (alert(labels=case("whole second"), starts_at=float(int(time.time()) - 60)),),
    "tenths": lambda: (alert(labels=case("tenths"), starts_at=int(time.time()) - 60 + 0.5),),
    "nasty": lambda: (
        alert(
            NASTY,
            labels=case("nasty", environment=NASTY, team="other"),
            annotations={"summary": NASTY, "description": HOSTILE.replace("\x00", "")},
            starts_at=began(1),
        ),
    ),
    "crowd": crowd,
}


@pytest.mark.parametrize("name", CASES)
def test_its_webhook_and_ours_are_the_same_bytes(real: Real, name: str) -> None:
    told = group(*CASES[name]())
    post(real, told)

    assert real.sent_of(name, "firing", count=len(told.alerts)) == ours(told)


def test_they_are_the_same_when_it_is_over_too(real: Real) -> None:
    firing = tuple(alert(f"i{n}", labels=case("over"), starts_at=began(5), incident="") for n in range(2))
    post(real, group(*firing))
    real.sent_of("over", "firing", count=2)

    over = group(*(msgspec.structs.replace(each, ends_at=began(0)) for each in firing))
    post(real, over)

    assert real.sent_of("over", "resolved", count=2) == ours(over)


def test_a_firing_alert_lasts_until_it_would_have_been_sent_again_four_times(real: Real) -> None:
    told = group(alert(labels=case("lasting"), starts_at=began(1)))
    for _ in range(2):
        post(real, told)

    (found,) = real.alerts("lasting")
    ends = dt.datetime.fromisoformat(str(found["endsAt"])).timestamp()

    assert 235 < ends - time.time() <= 240
    assert found["status"] == {"state": "active", "silencedBy": [], "inhibitedBy": []}
    assert found["generatorURL"] == told.alerts[0].link


def test_names_that_it_would_refuse_are_made_fit(real: Real) -> None:
    labels = case("fit") | {"cost-center": "7", "9lives": "x"}

    post(real, group(alert(labels=labels, annotations={"run-book": "y"}, starts_at=began(1))))

    (found,) = real.alerts("fit")
    assert {"cost_center": "7", "_9lives": "x"}.items() <= found["labels"].items()
    assert found["annotations"]["run_book"] == "y"


@pytest.mark.parametrize("link", ["", "no address", 'https://x.example/"<é>'])
def test_an_address_that_is_none_keeps_no_alert_back(real: Real, link: str) -> None:
    post(real, group(alert(labels=case(f"link {link[:2]}"), link=link, starts_at=began(1))))

    assert len(real.alerts(f"link {link[:2]}")) == 1


async def test_the_relay_s_sender_reaches_it_within_a_declared_network(real: Real) -> None:
    told = group(alert(labels=case("relayed"), starts_at=began(1)))
    receiver = AlertmanagerReceiver(name="am", urls=(Secret(real.url),), allow_networks=("127.0.0.0/8",))
    clock = SystemClock()
    executor = Executor(clock=clock, publish=RecordingSubscriber())
    sender = HTTPSender(receiver, AlertmanagerFormat(receiver), calls=executor, clock=clock)
    try:
        sent, exchanges = await sender.converse(letter(told, at=time.time()))
    finally:
        await sender.aclose()
        await executor.aclose()

    assert (sent.kind, sent.status) == (None, 200), sent
    assert [exchange.method for exchange in exchanges] == ["POST"]
    assert sender.repeat_after(letter(told)) == 60.0
    assert len(real.alerts("relayed")) == 1
