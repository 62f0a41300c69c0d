"""What an intake's answer means to the data: where the vendor leaves it to HTTP's statuses, and by OTLP."""

import re
from collections.abc import Callable, Collection

from exporters.push.exporter import Action, Reply, Verdict

TOO_LARGE = 413
PAGE = "a web page answers in the place of the intake"
RETRYABLE = frozenset({429, 502, 503, 504})
"""What OTLP/HTTP says may be tried again."""
PROXY_ASKS = 407
"""A proxy's answer and not the intake's: it says nothing about the data."""
_KEY_REFUSED = frozenset({401, 403})
_PAGE = re.compile(rb"\s*<(?:!doctype|html)", re.IGNORECASE)


def is_page(reply: Reply) -> bool:
    """Whether a web page came where an intake answers: it is of a proxy or a login in between."""
    return _PAGE.match(reply.body) is not None


def judge(reply: Reply, *, vendor: str, worthless: Collection[int], key_hint: str) -> Verdict:
    """The verdict on a reply. Data with a status among `worthless`, or a redirect, would be refused again. A
    key that is refused can be replaced, so the data waits for that; `key_hint` says what may be wrong. A web
    page with a good status took nothing.
    """
    status = reply.status
    if status is None:
        return Verdict(Action.RETRY, reply.failure)
    if 200 <= status < 300:
        return Verdict(Action.RETRY, PAGE) if is_page(reply) else Verdict(Action.TAKEN)
    if status in _KEY_REFUSED:
        return Verdict(Action.RETRY, f"{vendor} refuses the key ({status}); {key_hint}")
    if status == TOO_LARGE:
        return Verdict(Action.SPLIT, f"a single value is too large for {vendor}")
    if status in worthless or 300 <= status < 400:
        return Verdict(Action.REFUSED, f"{vendor} refuses the data with {status}")
    return Verdict(Action.RETRY, f"{vendor} answers {status}", after=reply.retry_after)


def judge_otlp(reply: Reply, *, what: str, taken: Callable[[bytes], Verdict]) -> Verdict:
    """The verdict on a reply by OTLP's specification; `what` is one of what was sent, and `taken` reads the
    body of a success.
    """
    status = reply.status
    if status is None:
        return Verdict(Action.RETRY, reply.failure)
    if status in RETRYABLE or status == PROXY_ASKS:
        return Verdict(Action.RETRY, f"it answers {status}", after=reply.retry_after)
    if status == TOO_LARGE:
        return Verdict(Action.SPLIT, f"a single {what} is too large for it")
    if not 200 <= status < 300:
        return Verdict(Action.REFUSED, f"it refuses {what}s with {status}")
    return Verdict(Action.RETRY, PAGE) if is_page(reply) else taken(reply.body)
