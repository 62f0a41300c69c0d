"""Who may fail together."""

from integrations.connection import CheckPolicy, Connection, Labels
from integrations.execution.outcome import Effect
from integrations.manifest.authentication import BearerAuth
from integrations.manifest.schema import Action, Manifest, Vendor
from monitors.members import Member, Members


class Opened:
    """As an integration; counts how often it is asked what it is called."""

    def __init__(self, id_: str, vendor: str, *, called: str = "", region: str = "", checked: bool = True):
        self.connection = Connection(
            id=id_, vendor=vendor, labels=Labels(region=region), check=CheckPolicy(enabled=checked)
        )
        self.manifest = Manifest(
            manifest=1,
            id=vendor,
            version="1",
            vendor=Vendor(name=vendor.title(), docs="https://docs.example/"),
            base_url="https://api.example",
            hosts=("api.example",),
            auth={"token": BearerAuth()},
            actions={"a": Action(title="A", effect=Effect.READ)},
            capabilities={"read": ("a",)},
        )
        self._called = called or vendor.title()
        self.asked = 0

    @property
    def called(self) -> str:
        self.asked += 1
        return self._called


def test_integrations_of_one_vendor_are_one_third_party_and_sites_are_one_each() -> None:
    opened = [
        Opened("hub-a", "github", region="eu"),
        Opened("hub-b", "github"),
        Opened("shop", "http", called="shop.example"),
        Opened("blog", "http", called="blog.example"),
    ]
    assert Members(lambda: opened)() == {
        "hub-a": Member("hub-a", "github", "github", "Github", "eu"),
        "hub-b": Member("hub-b", "github", "github", "Github", ""),
        "shop": Member("shop", "http", "http/shop.example", "shop.example", ""),
        "blog": Member("blog", "http", "http/blog.example", "blog.example", ""),
    }


def test_what_is_not_checked_is_no_member() -> None:
    assert Members(lambda: [Opened("hub", "github", checked=False)])() == {}


def test_only_what_has_changed_is_looked_at_anew() -> None:
    hub, shop = Opened("hub", "github"), Opened("shop", "http", called="shop.example")
    opened = [hub, shop]
    members = Members(lambda: opened)
    first = members()
    asked = hub.asked
    assert members() is first

    opened[1] = Opened("shop", "http", called="shop.test")
    assert members()["shop"].line == "http/shop.test"
    assert hub.asked == asked

    opened.pop()
    assert set(members()) == {"hub"}
