"""What does not hold together within an authentication kind is told; an endpoint is a URL or a socket."""

import msgspec
import pytest

from integrations.manifest.authentication import AppAuth, Auth, BearerAuth, Expiry, OAuth2Auth, SecretField
from integrations.manifest.authentication_rules import authentication_problems, authentication_texts
from integrations.manifest.fields import read_field
from integrations.manifest.schema import ConfigField
from integrations.manifest.templates import Template

GOOD = OAuth2Auth(grant="client_credentials", token_url="https://login.vendor.example/token")
HOSTS = ("api.vendor.example", "login.vendor.example", "{config.base_url}")


def told(auth: Auth) -> list[tuple[object, ...]]:
    problems = authentication_problems(auth, hosts=HOSTS, actions=("me",))
    return [(*path, expected) for path, _, expected in problems]


@pytest.mark.parametrize(
    "auth",
    [
        GOOD,
        msgspec.structs.replace(GOOD, token_url="{config.token_url}"),
        msgspec.structs.replace(GOOD, token_url="https://login.vendor.example/{config.tenant}/token"),
        BearerAuth(expiry=(Expiry(header="x"), Expiry(action="me", pointer="/a", secret="t")),
                   secrets={"t": SecretField(title="t")}),
        AppAuth(app_id="1", installation_id="2"),
    ],
)  # fmt: skip
def test_what_holds_together_is_not_told(auth: Auth) -> None:
    assert told(auth) == []


@pytest.mark.parametrize(
    "token_url",
    [
        "https://evil.example/token",
        "https://login.vendor.example.evil.example/token",
        "http://login.vendor.example/token",
        "https://{config.tenant}.vendor.example/token",
        "https://user@login.vendor.example/token",
        "",
    ],
)
def test_tokens_are_bought_at_the_vendors_hosts_or_where_the_operator_says(token_url: str) -> None:
    auth = msgspec.structs.replace(GOOD, token_url=token_url)

    assert [place for place, *_ in told(auth)] == ["token_url"]


@pytest.mark.parametrize(
    ("auth", "place"),
    [
        (msgspec.structs.replace(GOOD, token_pointer="access_token"), "token_pointer"),
        (msgspec.structs.replace(GOOD, host_pointer="x"), "host_pointer"),
        (msgspec.structs.replace(GOOD, assertion_life=7200), "assertion_life"),
        (msgspec.structs.replace(GOOD, early=-1), "early"),
        (msgspec.structs.replace(GOOD, life=-1), "life"),
        (BearerAuth(expiry=(Expiry(),)), "expiry"),
        (BearerAuth(expiry=(Expiry(header="a", pointer="/b", action="me"),)), "expiry"),
        (BearerAuth(expiry=(Expiry(pointer="/b", action="you"),)), "expiry"),
        (BearerAuth(expiry=(Expiry(header="a", secret="other"),)), "expiry"),
    ],
)
def test_what_does_not_is_told_with_its_place(auth: Auth, place: str) -> None:
    assert [first for first, *_ in told(auth)] == [place]


@pytest.mark.parametrize(
    ("auth", "read", "unread"),
    [
        (GOOD, {"client_secret"}, {"private_key", "refresh_token", "audience"}),
        (msgspec.structs.replace(GOOD, client_auth="private_key_jwt"), {"private_key"}, {"client_secret"}),
        (msgspec.structs.replace(GOOD, grant="refresh_token"), {"refresh_token"}, {"private_key"}),
        (
            msgspec.structs.replace(GOOD, grant="jwt_bearer", client_auth="none"),
            {"private_key"},
            {"client_secret"},
        ),
    ],
)
def test_only_the_texts_that_a_grant_reads_need_their_secrets(
    auth: Auth, read: set[str], unread: set[str]
) -> None:
    keys = {str(path[0]) for path, _ in authentication_texts(auth)}

    assert read <= keys
    assert not unread & keys


@pytest.mark.parametrize(
    ("given", "path", "origin"),
    [
        ("unix:///var/run/docker.sock", "/var/run/docker.sock", "http://localhost"),
        ("https://docker.example:2376", "", "https://docker.example:2376"),
    ],
)
def test_an_endpoint_is_a_socket_or_a_url(given: str, path: str, origin: str) -> None:
    field = ConfigField(type="endpoint", title="where")

    assert read_field(given, field) == given
    assert Template("{config.host|unix_path}").fill(lambda _: given) == path
    assert Template("{config.host|http_origin}").fill(lambda _: given) == origin


@pytest.mark.parametrize(
    "given", ["unix://", "unix:///", "unix://run/x", "tcp://h:1", "/run/x", "https://u:p@h"]
)
def test_what_is_neither_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="a URL or unix:///PATH"):
        read_field(given, ConfigField(type="endpoint", title="where"))
