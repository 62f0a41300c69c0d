"""When credentials end: read in every form, and told at the right days, once."""

import datetime as dt
import ssl
from pathlib import Path

import pytest

from integrations.credentials.ends import DAY, CredentialEnds
from integrations.credentials.identity import ClientIdentity, IdentityError
from integrations.credentials.scopes import GrantedScopes
from integrations.credentials.secret import Secret
from integrations.credentials.times import jwt_end, read_time
from integrations.execution.transport import Reply
from integrations.manifest.authentication import BearerAuth, Expiry, SecretField
from tests.fakes.tokens import certificate, ec_key, pem, rsa_key, unsigned

END = 1_900_000_000.0
LATER = dt.datetime.fromtimestamp(END, dt.UTC)


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        pytest.param("2030-03-17T17:46:40Z", "time", END, id="ISO 8601"),
        pytest.param("2030-03-17T18:46:40+01:00", "time", END, id="ISO 8601 with a zone"),
        pytest.param("2030-03-17T17:46:40", "time", END, id="no zone is UTC"),
        pytest.param("2030-03-17 17:46:40 UTC", "time", END, id="with UTC after a space"),
        pytest.param("2030-03-17 18:46:40 +0100", "time", END, id="with an offset after a space"),
        pytest.param("Sun, 17 Mar 2030 17:46:40 GMT", "time", END, id="HTTP date"),
        pytest.param("2030-03-17", "time", END - 64_000, id="a day alone"),
        pytest.param("1900000000", "epoch_seconds", END, id="epoch seconds"),
        pytest.param("1900000000000", "epoch_milliseconds", END, id="epoch milliseconds"),
        pytest.param("never", "time", None, id="a word"),
        pytest.param("", "time", None, id="nothing"),
        pytest.param("nan", "epoch_seconds", None, id="no number"),
        pytest.param("1e300", "epoch_seconds", None, id="a number too large"),
    ],
)
def test_times_are_read_in_vendors_forms(text: str, unit: str, expected: float | None) -> None:
    assert read_time(text, unit) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (unsigned(exp=int(END)), END),
        (unsigned(sub="x"), None),
        (unsigned(exp=True), None),
        ("xoxb-1-2-3", None),
        ("a.b.c", None),
        ("a.!!.c", None),
        ("", None),
    ],
)
def test_a_jwts_own_end_is_found(text: str, expected: float | None) -> None:
    assert jwt_end(text) == expected


def ends(*places: Expiry, token: str = "opaque") -> CredentialEnds:
    auth = BearerAuth(secrets={"token": SecretField(title="token")}, expiry=places)
    made = CredentialEnds(auth, {"token": Secret(token)})
    made.read_secrets()
    return made


def test_an_end_is_told_by_a_header_or_by_the_answer_of_one_action() -> None:
    known = ends(Expiry(header="X-Ends"), Expiry(action="self", pointer="/expires_at", secret="other"))

    known.read_answer(Reply(status=200, headers={"x-ends": "2030-03-17"}, body=b"{}"), "list")
    assert known.known == {"token": END - 64_000}
    known.read_answer(Reply(status=200, headers={}, body=b'{"expires_at": "2030-03-17"}'), "list")
    assert "other" not in known.known
    known.read_answer(Reply(status=200, headers={}, body=b'{"expires_at": "2030-03-17"}'), "self")
    assert known.known["other"] == END - 64_000


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"expires_at": null}', b'{"expires_at": true}'])
def test_an_answer_that_tells_no_end_changes_nothing(body: bytes) -> None:
    known = ends(Expiry(action="self", pointer="/expires_at"))

    known.read_answer(Reply(status=200, headers={}, body=body), "self")

    assert known.known == {}


def test_an_end_is_told_at_30_14_7_3_and_1_days_and_when_it_is_over_each_once() -> None:
    known = ends(token=unsigned(exp=int(END)))
    told: list[tuple[float, int]] = []

    for half_days in range(80, -4, -1):
        now = END - half_days * DAY / 2
        told += [(half_days / 2, days) for _, _, days in known.news(now)]

    assert told == [(30.0, 30), (14.0, 14), (7.0, 7), (3.0, 3), (1.0, 1), (0.0, 0)]


def test_one_that_is_first_seen_late_is_told_once() -> None:
    known = ends(token=unsigned(exp=int(END)))

    assert [days for _, _, days in known.news(END - 5 * DAY)] == [7]
    assert known.news(END - 5 * DAY) == []


def test_what_was_told_is_not_told_again_after_a_restart_but_a_new_end_is() -> None:
    first = ends(token=unsigned(exp=int(END)))
    first.news(END - 5 * DAY)
    second = ends(token=unsigned(exp=int(END)))
    second.told = dict(first.told)

    assert second.news(END - 5 * DAY) == []
    second.known["token"] = END + DAY
    assert [days for _, _, days in second.news(END - 5 * DAY)] == [7]


def test_a_certificate_and_its_key_go_into_a_tls_context(tmp_path: Path) -> None:
    identity = ClientIdentity(certificate(ec_key(), ends=LATER), pem(ec_key()))
    context = ssl.create_default_context()

    identity.load_into(context)

    assert identity.ends_at == END
    assert list(tmp_path.iterdir()) == []
    assert "BEGIN" not in repr(identity)


def test_an_encrypted_key_is_opened_with_its_password() -> None:
    identity = ClientIdentity(
        certificate(rsa_key(), ends=LATER), pem(rsa_key(), "open sesame"), password="open sesame"
    )

    identity.load_into(ssl.create_default_context())

    assert identity.ends_at == END


def test_identities_are_equal_by_their_bytes() -> None:
    one = ClientIdentity(certificate(ec_key(), ends=LATER), pem(ec_key()))
    same = ClientIdentity(certificate_text := certificate(rsa_key(), ends=LATER), pem(rsa_key()))

    assert same == ClientIdentity(certificate_text, pem(rsa_key()))
    assert hash(same) == hash(ClientIdentity(certificate_text, pem(rsa_key())))
    assert one != same


@pytest.mark.parametrize(
    ("cert", "key", "password", "said"),
    [
        pytest.param("no", "no", "", "the certificate is no PEM", id="no certificate"),
        pytest.param("ok", "no", "", "the key is no PEM", id="no key"),
        pytest.param("ok", "other", "", "the key is not the certificate's", id="another's key"),
        pytest.param("ok", "encrypted", "", "the key is encrypted; give its password too", id="encrypted"),
        pytest.param("ok", "encrypted", "wrong", "cannot be opened with its password", id="wrong password"),
        pytest.param("ok", "key", "needless", "the key is not encrypted", id="needless password"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_the_reason(
    cert: str, key: str, password: str, said: str
) -> None:
    texts = {
        "ok": certificate(rsa_key(), ends=LATER),
        "no": "-----BEGIN NOTHING-----",
        "other": pem(ec_key()),
        "encrypted": pem(rsa_key(), "right"),
        "key": pem(rsa_key()),
    }

    with pytest.raises(IdentityError, match=said):
        ClientIdentity(texts[cert], texts[key], password=password)


def test_missing_scopes_are_named_where_the_vendor_says_what_is_granted() -> None:
    scopes = GrantedScopes({"repo": ("repo:status", "repo:deploy"), "repo:deploy": ("deploy:read",)})

    assert scopes.missing(("repo",)) == ()
    scopes.read_header("repo, user")
    assert scopes.missing(("repo:status", "deploy:read", "user", "admin:org")) == ("admin:org",)
    scopes.read_header("")
    assert scopes.granted == ("repo", "user")
    scopes.take(("issues:write",), is_comparable=False)
    assert (scopes.granted, scopes.missing(("repo",))) == (("issues:write",), ())
