"""Secrets, keys and bodies of webhooks stand in no repr, log line or refusal."""

import structlog

from integrations.credentials.secret import Secret
from integrations.manifest.inbound import Verification
from integrations.webhooks.store import URLKey
from tests.integrations.webhooks.deliveries import CARRYING, SIGNING, delivery, endpoint_for

CANARY = "canary-9f8e7d6c5b4a39281706f5e4d3c2b1a0ff"


async def test_no_scheme_shows_what_it_was_given() -> None:
    shown = []
    with structlog.testing.capture_logs() as logs:
        for scheme in {**SIGNING, **CARRYING}.values():
            headers = dict.fromkeys(scheme.sign(b"", "1"), CANARY) | {"cookie": CANARY}
            body = f'{{"secret": "{CANARY}"}}'.encode()
            payload = delivery(body, headers, key=CANARY, url=f"https://u/{CANARY}")
            shown += [await endpoint_for(scheme.verify, CANARY + "x").judge(payload), payload]
        keyed = endpoint_for(Verification(kind="key"), url_keys=[Secret(CANARY + "x")])
        shown.append(await keyed.judge(payload))

    shown.append(URLKey(integration="it", current=Secret(CANARY), previous=Secret(CANARY)))
    assert CANARY not in repr(shown) + repr(logs)
