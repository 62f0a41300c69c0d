"""Salesforce's outbound messages: of the right org, told apart by their notifications, and kept without the
session.
"""

import msgspec

from integrations.credentials.secret import Secret
from integrations.integration import Integration
from integrations.manifest import pointers
from integrations.webhooks.endpoint import Endpoint, Verdict
from integrations.webhooks.intake import WebhookIntake
from integrations.webhooks.memory import MemoryStore
from integrations.webhooks.store import NewDelivery
from integrations.webhooks.xml_bodies import read_xml
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG, connection_for
from tests.fakes.signals import RecordingSubscriber
from tests.fakes.webhooks import NoCalls
from tests.integrations.webhooks.deliveries import delivery, no_fetch

KEY = "k" * 43
ORG = "00D5g000004ABCDEA4"
SESSION = "00D5g000004ABCD!canary-session-id"
XML = {"content-type": "text/xml; charset=utf-8"}


def notification(number: int, kind: str = "Account") -> str:
    return (
        f"<Notification><Id>04l5g00000{number:05}AAA</Id>"
        f'<sObject xsi:type="sf:{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
        f"<sf:Id>0015g0000{number:06}AAA</sf:Id><sf:Name>Acme</sf:Name></sObject></Notification>"
    )


def message(*notifications: str, org: str = ORG) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">
  <OrganizationId>{org}</OrganizationId><ActionId>04k5g000000AbCdAAK</ActionId>
  <SessionId>{SESSION}</SessionId><EnterpriseUrl>https://acme.my.salesforce.com/x</EnterpriseUrl>
  {"".join(notifications)}
 </notifications></soapenv:Body></soapenv:Envelope>""".encode()


def integration(*, organization: str = ORG) -> Integration:
    given = connection_for(CATALOG.manifest("salesforce"))
    connection = msgspec.structs.replace(
        given, id="it", config={**given.config, "organization": organization}
    )
    return Integration(
        connection, CATALOG.manifest("salesforce"), clock=FakeClock(), publish=RecordingSubscriber()
    )


async def judged(body: bytes, *, organization: str = ORG, headers: dict[str, str] | None = None) -> Verdict:
    made = integration(organization=organization)
    assert made.manifest.webhooks is not None
    endpoint = Endpoint(
        made, made.manifest.webhooks, clock=FakeClock(), fetch=lambda _: no_fetch,
        url_keys=lambda _: [Secret(KEY)],
    )  # fmt: skip
    return await endpoint.judge(delivery(body, headers or XML, key=KEY))


async def test_a_message_is_told_by_the_type_of_its_record_and_its_notification() -> None:
    verdict = await judged(message(notification(1)))

    assert (verdict.verdict, verdict.status) == ("accepted", 200)
    assert (verdict.event_type, verdict.webhook_id) == ("sf:Account", "04l5g0000000001AAA")


async def test_only_messages_of_the_configured_org_are_taken() -> None:
    foreign = await judged(message(notification(1), org="00D5g000004XYZZEA4"))
    short = await judged(message(notification(1)), organization=ORG[:15])
    without = await judged(message(notification(1), org="00D5g000004XYZZEA4"), organization="")

    assert (foreign.verdict, foreign.status) == ("bad_signature", 401)
    assert "OrganizationId" in foreign.detail
    assert (short.verdict, without.verdict) == ("bad_signature", "accepted")


async def test_several_notifications_are_one_delivery_that_is_known_by_all_of_them() -> None:
    many = [notification(number, "Lead") for number in range(100)]

    first, again, fewer, other = [
        await judged(message(*each)) for each in (many, many, many[:99], [*many[:99], notification(100)])
    ]

    assert first.event_type == "sf:Lead"
    assert first.delivery_key == again.delivery_key
    assert len({one.delivery_key for one in (first, fewer, other)}) == 3
    assert len(first.webhook_id) == 200


async def test_what_is_no_message_is_malformed() -> None:
    assert (await judged(b"<a")).status == 400
    assert (await judged(b"<!DOCTYPE a><a/>")).status == 400
    assert (
        await judged(message(notification(1)), headers={"content-type": "application/json"})
    ).status == 400


class Kept(MemoryStore):
    """A store that shows what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[NewDelivery] = []

    async def accept(self, delivery: NewDelivery) -> bool:
        self.given.append(delivery)
        return await super().accept(delivery)


async def test_the_session_is_not_stored_and_the_ack_is_answered() -> None:
    store, made, clock = Kept(), integration(), FakeClock()
    intake = WebhookIntake(
        calls=NoCalls(), clock=clock, publish=RecordingSubscriber(), store=store, keys=store,
        handles=lambda _: True, arrived=lambda: None,
    )  # fmt: skip
    intake.adopt(made, intake.open(made))
    key = (await intake.url_key("it")).reveal()

    answer = await intake.take("it", delivery(message(notification(1), notification(2)), XML, key=key))

    body = store.given[0].body
    assert "<Ack>true</Ack>" in answer.body
    assert answer.headers["content-type"].startswith("text/xml")
    assert SESSION not in repr(store.given) + repr(answer)
    at = "/Envelope/Body/notifications/SessionId"
    assert pointers.get(read_xml(body), at) == "[concealed]"
    assert pointers.get(read_xml(body), "/Envelope/Body/notifications/Notification/1/sObject/Name") == "Acme"
