"""When a failure is retried, what that costs, and how long it waits."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.execution.outcome import FailureKind as K
from integrations.execution.policy import RetryPolicy
from integrations.execution.retry import RetryBudget, backoff, is_retryable


class Failed(msgspec.Struct):
    kind: K | None
    sent: bool = True
    status: int | None = None
    retryable: bool | None = None
    retry_after: float | None = None


ANY_WHEN_UNSENT = {K.TIMEOUT, K.CONNECTION, K.TLS, K.DNS}
IDEMPOTENT_ONLY = ANY_WHEN_UNSENT | {K.SERVER_ERROR, K.MALFORMED}


@pytest.mark.parametrize("kind", list(K))
@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("sent", [True, False])
def test_the_table_of_what_is_retried(kind: K, idempotent: bool, sent: bool) -> None:
    expected = (
        kind is K.THROTTLED
        or (kind in ANY_WHEN_UNSENT and not sent)
        or (kind in IDEMPOTENT_ONLY and idempotent)
    )
    assert is_retryable(Failed(kind, sent), idempotent=idempotent) is expected


@pytest.mark.parametrize(("status", "retried"), [(500, True), (503, True), (501, False), (505, False)])
def test_not_implemented_is_not_worth_another_try(status: int, retried: bool) -> None:
    assert is_retryable(Failed(K.SERVER_ERROR, status=status), idempotent=True) is retried


@pytest.mark.parametrize("answer", [True, False])
def test_the_classifiers_word_goes_before_the_table(answer: bool) -> None:
    assert is_retryable(Failed(K.VENDOR_ERROR, retryable=answer), idempotent=not answer) is answer


def test_the_budget_pays_until_it_is_empty_and_earns_up_to_its_capacity() -> None:
    budget = RetryBudget(30)
    assert [budget.spend(14), budget.spend(14), budget.spend(14)] == [True, True, False]
    assert budget.tokens == 2
    budget.earn()
    budget.earn(100)
    assert budget.tokens == 30


def test_another_capacity_keeps_what_was_spent() -> None:
    budget = RetryBudget(500)
    budget.spend(100)
    budget.adopt(300)
    assert (budget.tokens, budget.capacity) == (200, 300)


@given(attempt=st.integers(1, 10), throttled=st.booleans(), seed=st.integers())
def test_the_wait_is_full_jitter_under_a_doubling_cap(attempt: int, throttled: bool, seed: int) -> None:
    policy = RetryPolicy()
    most = min(policy.cap, (policy.throttle_base if throttled else policy.base) * 2 ** (attempt - 1))
    wait = backoff(policy, attempt, throttled=throttled, rng=random.Random(seed))
    assert 0 <= wait <= most
