"""What a New Relic section may say: faults that New Relic would punish in silence are told at the start."""

from pathlib import Path

import msgspec
import pytest

from app.settings import SettingsError, load_settings
from exporters.newrelic.words import MAX_ATTRIBUTES, MAX_VALUE
from exporters.settings import NewRelicSettings
from integrations.credentials.secret import Secret

CANARY = "CANARY6612"


def settings(**fields: object) -> NewRelicSettings:
    return NewRelicSettings(**{"license_key": Secret(CANARY), **fields})  # type: ignore[arg-type]  # As a file says.


@pytest.mark.parametrize(
    ("beginning", "what"),
    [("NRAK-", "user"), ("NRAA-", "admin"), ("NRIQ-", "query"), ("NRJS-", "browser")],
)
def test_a_key_that_cannot_send_data_is_refused_by_its_kind(beginning: str, what: str) -> None:
    with pytest.raises(ValueError, match=rf"license_key is an? {what} key \({beginning}…\)") as refused:
        settings(license_key=Secret(f"{beginning}{CANARY}"))

    assert "use a license key (Ingest - License)" in str(refused.value)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("key", ["0123456789abcdef0123456789abcdef0123NRAL", "eu01xx0123", "NRII-0123"])
def test_license_and_insert_keys_are_taken(key: str) -> None:
    assert settings(license_key=Secret(key)).license_key.reveal() == key


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        ({"accountId": "7"}, "keeps the name accountId for itself"),
        ({"Since": "7"}, "keeps the name Since for itself"),
        ({"nr.team": "7"}, r"keeps the name nr\.team for itself"),
        ({"entity.name": "7"}, r"keeps the name entity\.name for itself"),
        ({"1st": "7"}, "'1st' must begin with a letter"),
        ({"my team": "7"}, "'my team' must begin with a letter"),
        ({"a" * 256: "7"}, "must begin with a letter, then"),
        ({"team": "x" * (MAX_VALUE + 1)}, "team must be 4096 characters or shorter"),
        ({f"a{number}": "x" for number in range(MAX_ATTRIBUTES + 1)}, "may be 80 at most, and are 81"),
    ],
)
def test_attributes_that_new_relic_would_change_or_drop_are_refused(
    attributes: dict[str, str], fault: str
) -> None:
    with pytest.raises(ValueError, match=rf"^exporters\.newrelic\.attributes.*{fault}"):
        settings(attributes=attributes)


@pytest.mark.parametrize("account", [42, "0042"])
def test_an_account_is_a_number_however_it_is_written(account: int | str) -> None:
    assert settings(account_id=account).account == str(account)


@pytest.mark.parametrize("account", ["forty-two", "4/2", -1, "٤٢"])
def test_an_account_that_is_no_number_is_refused(account: int | str) -> None:
    with pytest.raises(ValueError, match="account_id must be the account's number, such as 1234567"):
        settings(account_id=account)


def test_an_address_for_events_needs_an_account() -> None:
    with pytest.raises(ValueError, match=r"events_url needs exporters\.newrelic\.account_id"):
        settings(events_url="https://proxy.example.com/events")


def test_an_address_for_events_must_be_one() -> None:
    with pytest.raises(ValueError, match="events_url must be an address"):
        settings(events_url="proxy", account_id=42)


def test_the_file_says_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "dialtone.yaml"
    path.write_text(
        "exporters:\n  newrelic: {license_key: '${NR_KEY}', account_id: '${NR_ACCOUNT}', region: gov}\n"
    )

    found = load_settings(path, environment={"NR_KEY": "0123", "NR_ACCOUNT": "42"}).exporters.newrelic

    assert found == settings(license_key=Secret("0123"), account_id="42", region="gov")


def test_a_user_key_stops_the_start_with_its_place_and_without_the_key(tmp_path: Path) -> None:
    path = tmp_path / "dialtone.yaml"
    path.write_text("exporters:\n  newrelic: {license_key: '${NR_KEY}'}\n")

    with pytest.raises(SettingsError, match="a user key") as refused:
        load_settings(path, environment={"NR_KEY": f"NRAK-{CANARY}"})

    assert CANARY not in str(refused.value)
    assert "exporters.newrelic" in str(refused.value)


def test_a_region_that_is_none_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"license_key": Secret(CANARY), "region": "mars"}, NewRelicSettings)
