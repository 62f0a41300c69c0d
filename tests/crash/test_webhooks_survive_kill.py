"""kill -9 under load: every webhook that was answered with 202 is there after the restart, and none twice."""

import hashlib
import hmac
import random
import threading
import time
from pathlib import Path

import httpx

from tests.real.servers import answers, dialtone_command, eventually, free_port, running

KEY = "a-signing-secret-of-the-crash-test"
ROUNDS = 4
SENDERS = 8
CONFIG = """
listen: 127.0.0.1:{port}
state_dir: {dir}/state
defaults: {{check: {{enabled: false}}}}
integrations:
  - {{id: gh, vendor: github, secrets: {{token: "ghp_{x}", webhook_secret: "{key}"}}}}
"""


def _send(url: str, names: list[str], accepted: list[str]) -> None:
    """Send one webhook after another until the server is gone; keep the names of those answered with 202."""
    with httpx.Client(timeout=5) as client:
        for name in names:
            body = f'{{"name": "{name}"}}'.encode()
            signature = "sha256=" + hmac.digest(KEY.encode(), body, hashlib.sha256).hex()
            headers = {"x-hub-signature-256": signature, "x-github-event": "push", "x-github-delivery": name}
            try:
                answer = client.post(f"{url}/v2/webhooks/gh", content=body, headers=headers)
            except httpx.TransportError:
                return
            if answer.status_code == 202:
                accepted.append(name)


def _stored(url: str) -> list[str]:
    """The ids of all deliveries, read by the cursor as any program would."""
    found, after = [], 0
    while events := (
        page := httpx.get(
            f"{url}/v2/webhooks/gh/events", params={"after": after, "limit": 1000}, timeout=10
        ).json()
    )["events"]:
        found += [event["webhook_id"] for event in events]
        after = page["next"]
    return found


def test_what_was_answered_with_202_is_there_after_kill_9(tmp_path: Path) -> None:
    port, chance = free_port(), random.Random(20_261_122)
    url = f"http://127.0.0.1:{port}"
    config = tmp_path / "dialtone.yaml"
    config.write_text(CONFIG.format(port=port, dir=tmp_path, x="x" * 36, key=KEY))
    command = dialtone_command("serve", "--config", str(config))
    accepted: list[str] = []

    for turn in range(ROUNDS):
        with running(command, log=tmp_path / f"{turn}.log") as process:
            eventually("ready", lambda: answers(f"{url}/readyz"))
            senders = [
                threading.Thread(
                    target=_send, args=(url, [f"{turn}-{who}-{one}" for one in range(5000)], accepted)
                )
                for who in range(SENDERS)
            ]
            for sender in senders:
                sender.start()
            time.sleep(chance.uniform(0.3, 1.2))
            process.kill()
            process.wait()
            for sender in senders:
                sender.join()

    with running(command, log=tmp_path / "last.log"):
        eventually("ready", lambda: answers(f"{url}/readyz"))
        stored = _stored(url)

    print(f"\n{ROUNDS} kills, {len(accepted):,} answered with 202, {len(stored):,} stored, 0 lost")
    assert len(accepted) > ROUNDS * SENDERS
    assert set(accepted) <= set(stored)
    assert len(stored) == len(set(stored))
