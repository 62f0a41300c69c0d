"""What is secret in the database can be read with the key only."""

import base64
import sqlite3
from pathlib import Path

import pytest

from app.storage.errors import VaultKeyError
from app.storage.storage import open_storage
from app.storage.vault import SealedError, Vault
from integrations.clock import SystemClock
from integrations.credentials.secret import Secret
from integrations.credentials.store import SavedCredential, Told

SAVED = SavedCredential(
    integration="salesforce-prod",
    kind="app",
    fingerprint="f" * 64,
    access="access-canary-1",
    refresh="refresh-canary-2",
    expires_at=1_900_000_000.0,
    renewed_at=1_800_000_000.0,
    host="https://acme.example",
    scopes=("read",),
    ends={"certificate": 1_900_000_000.0},
    told={"certificate": Told(1_900_000_000.0, 30)},
)
KEY = base64.b64encode(bytes(range(32))).decode()


def vault(folder: Path, key: str = "") -> Vault:
    made = Vault(folder, key=Secret(key) if key else None)
    made.start()
    return made


async def keep(folder: Path, *, key: str = "") -> tuple[SavedCredential, ...]:
    """Store SAVED, and read what is there after another start."""
    given = Secret(key) if key else None
    for is_first in (True, False):
        storage = open_storage(None, state_dir=folder, clock=SystemClock(), key=given)
        await storage.start()
        if is_first:
            await storage.credentials.save_credential(SAVED)
        found = tuple(await storage.credentials.load_credentials())
        await storage.aclose()
    return found


async def test_a_credential_comes_back_after_a_restart(tmp_path: Path) -> None:
    assert await keep(tmp_path) == (SAVED,)


async def test_the_files_hold_nothing_of_it_but_the_id(tmp_path: Path) -> None:
    await keep(tmp_path)

    content = (tmp_path / "dialtone.sqlite").read_bytes()

    assert b"salesforce-prod" in content
    for hidden in (b"canary", b"ffffff", b"acme.example", b"certificate"):
        assert hidden not in content


async def test_under_another_key_there_is_nothing_and_the_start_goes_on(tmp_path: Path) -> None:
    await keep(tmp_path)
    (tmp_path / "key").unlink()
    storage = open_storage(None, state_dir=tmp_path, clock=SystemClock())
    await storage.start()

    found = await storage.credentials.load_credentials()
    await storage.credentials.save_credential(SAVED)
    again = await storage.credentials.load_credentials()
    await storage.aclose()

    assert (list(found), list(again)) == ([], [SAVED])


async def test_a_row_opens_in_no_other_integrations_place(tmp_path: Path) -> None:
    await keep(tmp_path)
    with sqlite3.connect(tmp_path / "dialtone.sqlite") as connection:
        connection.execute("UPDATE credential SET integration = 'another'")
    connection.close()
    storage = open_storage(None, state_dir=tmp_path, clock=SystemClock())
    await storage.start()

    found = await storage.credentials.load_credentials()
    await storage.aclose()

    assert list(found) == []


async def test_a_given_key_is_used_and_none_is_made(tmp_path: Path) -> None:
    assert await keep(tmp_path, key=KEY) == (SAVED,)
    assert not (tmp_path / "key").exists()


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    sealed = vault(tmp_path).seal(b"text", purpose=b"p")

    assert vault(tmp_path).open(sealed, purpose=b"p") == b"text"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_equal_texts_are_sealed_differently(tmp_path: Path) -> None:
    one = vault(tmp_path)

    assert one.seal(b"text", purpose=b"p") != one.seal(b"text", purpose=b"p")


@pytest.mark.parametrize("at", range(0, 32, 5))
def test_a_changed_byte_opens_nothing(tmp_path: Path, at: int) -> None:
    one = vault(tmp_path)
    sealed = bytearray(one.seal(b"text", purpose=b"p"))
    sealed[at] ^= 1

    with pytest.raises(SealedError):
        one.open(bytes(sealed), purpose=b"p")


def test_it_opens_for_the_same_purpose_only(tmp_path: Path) -> None:
    one = vault(tmp_path)

    with pytest.raises(SealedError):
        one.open(one.seal(b"text", purpose=b"p"), purpose=b"q")


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    vault(tmp_path)
    (tmp_path / "key").chmod(0o644)

    with pytest.raises(VaultKeyError, match=r"others may read the key file .* chmod 600 it"):
        vault(tmp_path)


@pytest.mark.parametrize("key", ["short", "ü" * 40, base64.b64encode(bytes(31)).decode()])
def test_what_is_no_key_is_refused_without_being_shown(tmp_path: Path, key: str) -> None:
    with pytest.raises(VaultKeyError, match=r"storage.key holds no key: .*openssl rand -base64 32") as error:
        vault(tmp_path, key)

    assert key not in str(error.value)
