"""What receivers get is what it was, byte for byte, and what the documentation shows."""

import re

import pytest

from monitors.alerts.receivers import EmailReceiver, Receiver
from tests.golden.alerts.build import HERE, PAGE, RECEIVERS, Case, cases, page, sent

CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_message_is_what_it_was(case: Case) -> None:
    kept = (HERE / f"{case.name}.txt").read_bytes().decode()

    assert sent(case) == kept, "python -m tests.golden.alerts.build writes it anew; look at the difference"


def test_no_file_is_kept_of_what_is_not_sent_any_more() -> None:
    assert {file.stem for file in HERE.glob("*.txt")} == {case.name for case in CASES}


def test_the_page_shows_what_is_sent() -> None:
    text = PAGE.read_text("utf-8")

    assert page(text) == text, "python -m tests.golden.alerts.build writes the examples anew"


def test_the_page_has_an_example_of_every_type_of_receiver() -> None:
    shown = set(re.findall(r"<!-- example ([\w-]+) -->", PAGE.read_text("utf-8")))

    assert {type(RECEIVERS[name]) for name in shown} == set(Receiver.__args__)


def test_the_page_shows_no_secret() -> None:
    text = PAGE.read_text("utf-8")

    for receiver in RECEIVERS.values():
        if not isinstance(receiver, EmailReceiver):
            for name in ("routing_key", "api_key", "token"):
                secret = getattr(receiver, name, None)
                assert secret is None or secret.reveal() not in text
