"""Lines: what integrations have alike is one object, and what most never need is not made."""

import httpx
import pytest

from integrations.execution.adaptive import Adaptive
from integrations.execution.outcome import Effect
from integrations.execution.policy import Policy
from integrations.signals import CallRecord
from tests.fakes.clock import FakeClock
from tests.fakes.execution import Bench, ScriptedVendor, call, check, line_spec


def bench(policy: Policy | None = None) -> Bench:
    return Bench(FakeClock(), ScriptedVendor(httpx.Response(200)), policy=policy or Policy())


async def test_integrations_of_a_vendor_share_what_their_records_begin_with() -> None:
    one, other = bench(), bench()
    one.executor.open_line(line_spec(integration="other-shop"))
    await one.executor.execute(check(integration="other-shop"))
    await other.executor.execute(check())

    assert one.executor._lines["other-shop"].route is not None
    assert other.executor._lines["shop"].route is not None
    assert one.executor._lines["other-shop"].route.template is other.executor._lines["shop"].route.template
    assert [
        record.integration for record in (*one.signals.of(CallRecord), *other.signals.of(CallRecord))
    ] == ["other-shop", "shop"]


@pytest.mark.parametrize("turn", [1, -1])
async def test_each_action_and_effect_has_a_route_of_its_own_and_keeps_it(turn: int) -> None:
    calls = [
        call(action="post", effect=Effect.WRITE),
        call(action="get", effect=Effect.READ),
        call(action="post", effect=Effect.READ),
    ][::turn]
    vendor = bench()
    for each in (*calls, *calls):
        await vendor.executor.execute(each)

    told = [(record.action, record.effect) for record in vendor.signals.of(CallRecord)]
    assert told == [(each.action, each.effect) for each in (*calls, *calls)]
    assert len(vendor.executor._lines["shop"].routes) == len(calls) - 1


async def test_an_integration_that_is_only_checked_has_no_slots_for_calls() -> None:
    vendor = bench()

    await vendor.executor.execute(check())

    assert vendor.executor._lines["shop"].slots is None
    assert (vendor.executor._lines["shop"].in_flight, vendor.executor._lines["shop"].waiting) == (0, 0)


@pytest.mark.parametrize("adaptive", Adaptive)
async def test_what_is_told_of_the_limit_is_the_same_before_and_after_the_first_call(
    adaptive: Adaptive,
) -> None:
    vendor = bench(Policy(adaptive=adaptive, concurrency=32))
    before = vendor.executor.status("shop").concurrency

    await vendor.executor.execute(call())

    assert vendor.executor.status("shop").concurrency == before == (20 if adaptive == "gradient2" else 32)
