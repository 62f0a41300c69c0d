"""Statuses and Retry-After by HTTP alone."""

import pytest

from integrations.execution.outcome import FailureKind
from integrations.execution.plain_http import kind_of, wait_of

NOW = 1_445_412_480.0
"""Wed, 21 Oct 2015 07:28:00 GMT."""


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, None),
        (299, None),
        (199, FailureKind.CLIENT_ERROR),
        (302, FailureKind.CLIENT_ERROR),
        (400, FailureKind.CLIENT_ERROR),
        (401, FailureKind.UNAUTHORIZED),
        (403, FailureKind.FORBIDDEN),
        (404, FailureKind.NOT_FOUND),
        (429, FailureKind.THROTTLED),
        (500, FailureKind.SERVER_ERROR),
        (599, FailureKind.SERVER_ERROR),
    ],
)
def test_a_status_is_a_kind_of_failure(status: int, kind: FailureKind | None) -> None:
    assert kind_of(status) is kind


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("17", 17.0),
        ("0", 0.0),
        ("9" * 400, 999_999_999.0),
        ("Wed, 21 Oct 2015 07:29:00 GMT", 60.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("\u0661\u0667", None),
    ],
)
def test_a_wait_is_read_as_seconds_or_a_date(text: str, wait: float | None) -> None:
    assert wait_of(text, NOW) == wait
