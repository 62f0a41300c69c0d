"""Who looks at all integrations leaves nothing behind with those of which there is nothing to tell."""

import httpx

from integrations.connection import Connection
from integrations.credential_desk import CredentialDesk
from tests.fakes.framework import RecordingVendor, framework_for

SITE = Connection(id="shop", vendor="http", config={"url": "https://shop.example/"})


async def test_samples_and_standings_make_nothing_that_stays() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    framework.register_integration(SITE)
    integration = framework.integration("shop")

    list(framework.samples())
    status = framework.get_integration_status("shop")
    desk = CredentialDesk(framework, renewing=framework.credentials, lines=framework._executor)
    states = list(desk.states(0.0))

    assert (status.endings, status.drift, status.auth.granted) == ((), (), None)
    assert len(states) <= 1
    access = integration.access
    assert [access._ends, access._scopes, integration._remarks] == [None] * 3
