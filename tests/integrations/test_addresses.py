"""Where a vendor is called: an address outside the allowed hosts is refused before it is asked anything."""

import httpx
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.errors import ConfigurationError, InvalidParams
from integrations.framework import IntegrationFramework
from integrations.manifest.contract import Lock
from integrations.manifest.loading import Catalog, manifest_of
from integrations.manifest.schema import Manifest
from integrations.manifest.source import Document, SourceError
from tests.fakes.framework import RecordingVendor, framework_for

READ = {"title": "read", "effect": "read", "path": "/a"}
WHOLE: dict[str, object] = {
    "manifest": 1, "id": "chat", "version": "1", "vendor": {"name": "Chat", "docs": ""},
    "base_url": "https://api.chat.example/v1", "hosts": ["api.chat.example"],
    "config": {
        "url": {"title": "address", "type": "url", "default": "https://api.chat.example/v1"},
        "files": {"title": "address of files", "type": "url", "required": False},
    },
    "auth": {"bot": {"kind": "bearer", "secrets": {"token": {"title": "token"}}}},
    "actions": {"read": READ, "files": {**READ, "base_url": "{config.files}"}},
    "capabilities": {"read": ["read", "files"]},
}  # fmt: skip


def manifest(**parts: object) -> Manifest:
    return manifest_of(Document(name="chat", value={**WHOLE, **parts}, lines={}))


def registered(wanted: Manifest, **config: str) -> IntegrationFramework:
    catalog = Catalog({"chat": wanted}, {"chat": Lock()})
    framework = framework_for(RecordingVendor(httpx.Response(200)), catalog=catalog)
    secrets = {"token": Secret("token-1")}
    framework.register_integration(Connection(id="chat", vendor="chat", config=config, secrets=secrets))
    return framework


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example",
        "http://api.chat.example",
        "https://api.chat.example:444",
        "https://api.chat.example@elsewhere.example",
        "https://api.chat.example.elsewhere.example",
        "",
        "/v1",
    ],
)
def test_a_manifest_whose_address_is_at_none_of_its_hosts_is_not_loaded(address: str) -> None:
    with pytest.raises(
        SourceError, match=r"base_url: found .*an address at one of `hosts`: api\.chat\.example"
    ):
        manifest(base_url=address)


def test_nor_is_one_whose_action_has_such_an_address() -> None:
    with pytest.raises(SourceError, match=r"actions\.read\.base_url: found 'https://elsewhere\.example'"):
        manifest(
            actions={"read": {**READ, "base_url": "https://elsewhere.example"}}, capabilities={"r": ["read"]}
        )


@pytest.mark.parametrize("address", ["https://api.chat.example", "https://API.chat.example:443/v2/"])
def test_an_address_at_a_host_is_loaded(address: str) -> None:
    assert manifest(base_url=address).base_url == address


def test_an_address_below_a_suffix_is_loaded() -> None:
    assert manifest(base_url="https://eu.chat.example", host_suffixes=["chat.example"]).hosts


def test_a_configured_address_that_leads_elsewhere_is_not_registered() -> None:
    wanted = manifest(base_url="{config.url}")

    with pytest.raises(
        ConfigurationError, match=r"config\.url: found an address that leads elsewhere.* expected"
    ) as error:
        registered(wanted, url="https://elsewhere.example/hook?key=canary")

    assert "api.chat.example" in str(error.value)
    assert "canary" not in str(error.value)


def test_a_configured_address_of_one_action_that_leads_elsewhere_is_not_registered() -> None:
    with pytest.raises(ConfigurationError, match=r"config\.files: found an address that leads elsewhere"):
        registered(manifest(), files="https://elsewhere.example")


def test_a_configured_address_at_a_host_is_registered() -> None:
    framework = registered(manifest(base_url="{config.url}"), files="https://api.chat.example/files")

    assert framework.integration("chat").requests("files").build({}).url == "https://api.chat.example/files/a"


def test_an_action_whose_address_is_not_configured_says_so_and_the_others_work() -> None:
    integration = registered(manifest()).integration("chat")

    with pytest.raises(InvalidParams, match=r"config\.files"):
        integration.requests("files").build({})

    assert integration.requests("read").build({}).url == "https://api.chat.example/v1/a"
