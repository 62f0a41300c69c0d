"""What holds for the format of every receiver over HTTP."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.credentials.secret import Secret
from monitors.alerts.formats.table import FORMATS, format_for
from monitors.alerts.notification import Reason
from monitors.alerts.receivers import EmailReceiver, HTTPReceiver
from tests.fakes.notifications import crowd, hostile, incident, letter, notification, reply, resolved, taken
from tests.golden.alerts.build import RECEIVERS

OVER_HTTP = {
    name: receiver for name, receiver in RECEIVERS.items() if not isinstance(receiver, EmailReceiver)
}
NOTIFICATIONS = [
    notification(),
    resolved(),
    crowd(250, truncated_alerts=10),
    hostile(),
    notification(reason=Reason.CHANGED, incidents=(taken(incident()),)),
    *(notification(reason=reason, level=1) for reason in Reason),
    notification(alerts=(), incidents=(), group_labels={}, external_url=""),
]
bodies = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"", b"ok", b"null", b"[]", b'{"ok":true}', b'{"ok":false,"error":7}', b'{"id":[1]}']),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=9)),
        lambda inner: st.dictionaries(
            st.sampled_from(
                ["ok", "error", "channel", "ts", "message", "thread_ts", "id", "code", "retry_after"]
            ),
            inner,
        ),
    ).map(msgspec.json.encode),
)


def secrets(value: object) -> set[str]:
    if isinstance(value, Secret):
        return {value.reveal()}
    if isinstance(value, tuple):
        return set().union(*map(secrets, value))
    return set()


def test_there_is_one_for_every_type_of_receiver_over_http() -> None:
    assert set(FORMATS) == set(HTTPReceiver.__args__) == {type(receiver) for receiver in OVER_HTTP.values()}


@pytest.mark.parametrize("receiver", OVER_HTTP.values(), ids=OVER_HTTP)
def test_whatever_is_told_makes_requests_of_a_bounded_size(receiver: HTTPReceiver) -> None:
    for told in NOTIFICATIONS:
        for reference in ("", "C1:1.2", "42"):
            for drawn in format_for(receiver).draw(letter(told, reference=reference)):
                assert drawn.method in {"POST", "PATCH"}
                assert drawn.url.startswith("https://")
                assert drawn.headers["content-type"].startswith("application/")
                assert all(name == name.lower() for name in drawn.headers)
                assert all(value.isascii() and value.isprintable() for value in drawn.headers.values())
                assert 0 < len(drawn.body) <= 512_000
                msgspec.json.decode(drawn.body)


@pytest.mark.parametrize("receiver", OVER_HTTP.values(), ids=OVER_HTTP)
def test_the_same_letter_makes_the_same_requests(receiver: HTTPReceiver) -> None:
    for told in NOTIFICATIONS:
        assert format_for(receiver).draw(letter(told)) == format_for(receiver).draw(letter(told))


@pytest.mark.parametrize("receiver", OVER_HTTP.values(), ids=OVER_HTTP)
@given(st.sampled_from([200, 204, 302, 400, 404, 410, 429, 500]), bodies)
def test_any_answer_can_be_read(receiver: HTTPReceiver, status: int, body: bytes) -> None:
    heard = format_for(receiver).read(reply(status, body))

    assert len(heard.reference) < 200
    assert (heard.failure == "") == (heard.kind is None)


@pytest.mark.parametrize("receiver", OVER_HTTP.values(), ids=OVER_HTTP)
def test_secrets_stand_where_they_must_and_in_no_repr(receiver: HTTPReceiver) -> None:
    hidden = set().union(*(secrets(getattr(receiver, name)) for name in receiver.__struct_fields__))
    for told in (notification(), resolved()):
        for drawn in format_for(receiver).draw(letter(told)):
            seen = {secret for secret in hidden if secret in drawn.body.decode()}

            # PagerDuty takes its key in the body.
            assert seen == ({receiver.routing_key.reveal()} if hasattr(receiver, "routing_key") else set())
            assert not [secret for secret in hidden if secret in repr(drawn)]


@pytest.mark.parametrize("receiver", OVER_HTTP.values(), ids=OVER_HTTP)
def test_only_alertmanager_is_told_again(receiver: HTTPReceiver) -> None:
    again = format_for(receiver).repeat_after(letter())

    assert again == (60.0 if receiver.kind == "alertmanager" else None)
