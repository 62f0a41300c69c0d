"""What a check is called where people read of it."""

import httpx

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from tests.fakes.framework import RecordingVendor, framework_for


def test_a_check_of_a_vendor_is_called_by_action_and_vendor() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    framework.register_integration(
        Connection(id="gh", vendor="github", secrets={"token": Secret("ghp_" + "x" * 36)})
    )

    assert [check.asks for check in framework.checks("gh")] == [
        "rate_limit.get at GitHub",
        "user.get at GitHub",
    ]
    assert framework.integration("gh").called == "GitHub"


def test_a_check_of_an_address_is_called_by_method_and_host_and_never_by_its_query() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    config = {"url": "https://shop.example:8443/hook/secret?key=canary", "method": "HEAD"}
    framework.register_integration(Connection(id="shop", vendor="http", config=config))

    assert [check.asks for check in framework.checks("shop")] == ["HEAD at shop.example"]
    assert framework.integration("shop").called == "shop.example"
