"""A notification as a mail."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from monitors.alerts.formats.mail import bare_addresses, compose
from monitors.alerts.receivers import EmailReceiver
from tests.fakes.notifications import EXTERNAL, alert, crowd, letter, notification, resolved

RECEIVER = EmailReceiver(
    name="ops",
    to=("Ops <ops@example.com>", "bea@example.org"),
    sender="Dialtone <dialtone@example.com>",
    smarthost="smtp.example.com:587",
)


def read(mail: EmailMessage) -> EmailMessage:
    """As a mail program gets it."""
    got = message_from_bytes(mail.as_bytes(), policy=default)
    assert isinstance(got, EmailMessage)
    assert got.defects == []
    return got


def test_a_mail_has_a_text_and_a_page_that_say_the_same() -> None:
    mail = read(compose(RECEIVER, letter()))
    text = mail.get_body(("plain",)).get_content()
    page = mail.get_body(("html",)).get_content()

    assert mail["Subject"] == "CRITICAL: slack-prod (Slack) is down"
    assert mail["From"] == "Dialtone <dialtone@example.com>"
    assert mail["To"] == "Ops <ops@example.com>, bea@example.org"
    assert mail.get_content_type() == "multipart/alternative"
    page_of_it = f"{EXTERNAL}/integrations/slack-prod"
    for told in ("812 of 1,204 calls failed (67%)", "See whether slack is up", page_of_it):
        assert told in text
        assert told in page
    assert "Looking at it (ada)" in page


def test_a_mail_is_the_same_at_every_try() -> None:
    assert compose(RECEIVER, letter()).as_bytes() == compose(RECEIVER, letter(at=1.0, attempt=7)).as_bytes()


def test_mails_of_a_group_are_one_thread() -> None:
    first = compose(RECEIVER, letter())
    last = compose(RECEIVER, letter(resolved(), reference=first["Message-ID"]))
    other = compose(RECEIVER, letter(notification(group_key="{}:{}")))

    root = first["References"]
    assert last["References"] == f"{root} {first['Message-ID']}"
    assert last["In-Reply-To"] == first["Message-ID"]
    assert first["Message-ID"] != last["Message-ID"]
    assert other["References"] != root


def test_a_machine_sends_it_and_wants_no_answer() -> None:
    mail = compose(RECEIVER, letter())

    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] == "high"
    assert compose(RECEIVER, letter(resolved()))["Importance"] is None
    assert str(mail["Date"]) == "Sun, 22 Nov 2026 21:45:00 +0000"


def test_the_envelope_names_bare_addresses() -> None:
    assert bare_addresses(RECEIVER) == ("dialtone@example.com", ("ops@example.com", "bea@example.org"))


@pytest.mark.parametrize("count", [2, 60, 1_000])
def test_a_mail_of_many_alerts_stays_readable(count: int) -> None:
    mail = read(compose(RECEIVER, letter(crowd(count))))
    page = mail.get_body(("html",)).get_content()

    assert len(mail["Subject"]) <= 180
    assert page.count("<table") == min(count, 50)
    assert ("more" in page) == (count > 50)
    assert len(mail.as_bytes()) < 300_000
    assert max(map(len, mail.as_bytes().splitlines())) <= 998


def test_letters_of_all_languages_arrive() -> None:
    told = notification(alerts=(alert(annotations={"summary": "Straße 東京 ist außer Betrieb"}),))

    mail = read(compose(RECEIVER, letter(told)))

    assert mail["Subject"] == "CRITICAL: Straße 東京 ist außer Betrieb"
    assert "東京" in mail.get_body(("html",)).get_content()
