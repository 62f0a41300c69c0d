import base64

import httpx
import pytest

from integrations.credentials.opening import open_credential
from integrations.credentials.secret import Secret
from integrations.manifest.authentication import (
    APIKeyAuth,
    Apply,
    Auth,
    BasicAuth,
    BearerAuth,
    NoAuth,
    SecretField,
)
from integrations.manifest.templates import UnfitValueError
from integrations.manifest.values import Values
from tests.fakes.clock import FakeClock

KEY = {"key": SecretField(title="key")}


def applied(auth: Auth, **secrets: str) -> httpx.Request:
    held = {name: Secret(value) for name, value in secrets.items()}
    values = Values({"team": "42"}, clock=FakeClock(), secrets=held)
    request = httpx.Request("GET", "https://h/p?a=1")
    open_credential(auth, values=values, secrets=held, clock=FakeClock()).apply(request)
    return request


def test_an_api_key_goes_into_headers_and_query() -> None:
    apply = Apply(headers={"X-Key": "Key {secret.key};team={config.team}"}, query={"key": "{secret.key}"})

    request = applied(APIKeyAuth(apply=apply, secrets=KEY), key="a&b=c")

    assert request.headers["x-key"] == "Key a&b=c;team=42"
    assert dict(request.url.params) == {"a": "1", "key": "a&b=c"}


def test_basic_is_base64_of_utf8() -> None:
    request = applied(BasicAuth(), username="Aladdin", password="pässword:x")

    word, _, given = request.headers["authorization"].partition(" ")
    assert (word, base64.b64decode(given).decode()) == ("Basic", "Aladdin:pässword:x")


def test_basic_may_take_a_constant_or_a_config_value() -> None:
    request = applied(BasicAuth(username="{config.team}", password="{secret.key}"), key="k")

    assert request.headers["authorization"] == "Basic " + base64.b64encode(b"42:k").decode()


def test_bearer_and_its_other_words() -> None:
    assert applied(BearerAuth(), token="t").headers["authorization"] == "Bearer t"
    assert applied(BearerAuth(scheme="token"), token="t").headers["authorization"] == "token t"


def test_no_credential_changes_nothing() -> None:
    assert "authorization" not in applied(NoAuth()).headers


def test_a_token_with_a_line_break_is_refused_without_being_shown() -> None:
    with pytest.raises(UnfitValueError) as error:
        applied(BearerAuth(), token="abc\r\nx-evil: 1")

    assert "abc" not in str(error.value)


async def test_refresh_reads_files_again() -> None:
    secret = Secret("old", read=lambda: "new")
    held = {"token": secret}
    credential = open_credential(
        BearerAuth(),
        values=Values({}, clock=FakeClock(), secrets=held),
        secrets=held,
        clock=FakeClock(),
    )

    assert [await credential.refresh(), await credential.refresh()] == [True, False]

    request = httpx.Request("GET", "https://h/")
    credential.apply(request)
    assert request.headers["authorization"] == "Bearer new"


async def test_without_a_file_there_is_nothing_to_refresh() -> None:
    held = {"token": Secret("old")}
    values = Values({}, clock=FakeClock(), secrets=held)

    assert not await open_credential(BearerAuth(), values=values, secrets=held, clock=FakeClock()).refresh()
    assert not await open_credential(NoAuth(), values=values, secrets={}, clock=FakeClock()).refresh()
