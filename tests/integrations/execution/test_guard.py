"""Where connections may lead: the judgement of each address, and of each spelling of a URL."""

import pytest

from integrations.execution.guard import Guard
from integrations.execution.guarded import BadAddressError, read_url
from tests.integrations.execution import ssrf_corpus as corpus

OPEN = Guard()


@pytest.mark.parametrize("address", corpus.addresses())
def test_inner_addresses_are_denied_in_every_form(address: str) -> None:
    assert OPEN.refusal(address, 443)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "140.82.112.3", "99.255.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1",
     "169.253.255.255", "192.0.1.1", "198.17.255.255", "198.20.0.1", "223.255.255.255", "126.255.255.255",
     "2606:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888", "2600::1", "::ffff:8.8.8.8"],
)  # fmt: skip
def test_public_addresses_are_let(address: str) -> None:
    assert OPEN.refusal(address, 443) == ""


@pytest.mark.parametrize("address", corpus.METADATA)
def test_clouds_credentials_are_denied_even_when_everything_is_allowed(address: str) -> None:
    everything = Guard(allow=("0.0.0.0/0", "::/0"))

    assert "credentials" in everything.refusal(address, 80)


@pytest.mark.parametrize(
    ("allow", "address", "is_let"),
    [
        (("10.1.0.0/16",), "10.1.2.3", True),
        (("10.1.0.0/16",), "10.2.0.1", False),
        (("10.1.0.0/16",), "::ffff:10.1.2.3", True),
        (("10.1.0.0/16",), "64:ff9b::a01:203", False),
        (("10.1.0.0/16", "64:ff9b::/96"), "64:ff9b::a01:203", True),
        (("64:ff9b::/96",), "64:ff9b::a01:203", False),
        (("64:ff9b::/96",), "64:ff9b::808:808", True),
        (("127.0.0.1/32",), "127.0.0.1", True),
        (("127.0.0.1/32",), "127.0.0.2", False),
        (("127.0.0.1/32",), "::1", False),
        (("fd00::/8",), "fd12::1", True),
        (("fd00::/8",), "fd00:ec2::254", False),
    ],
)
def test_declared_networks_open_what_they_name_and_no_more(
    allow: tuple[str, ...], address: str, is_let: bool
) -> None:
    assert (Guard(allow=allow).refusal(address, 443) == "") is is_let


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::ffff:127.0.0.1"])
def test_our_own_port_is_denied_on_this_machine_though_the_network_is_declared(address: str) -> None:
    guard = Guard(allow=("127.0.0.0/8", "0.0.0.0/8", "::/96"), own_port=4350)

    assert guard.refusal(address, 4350) == "Dialtone itself listens there"
    assert guard.refusal(address, 4351) == ""


def test_what_is_no_address_is_denied() -> None:
    assert OPEN.refusal("example.com", 443)


def test_the_corpus_is_large_and_has_no_doubles() -> None:
    urls = list(corpus.literal_urls(8080))

    assert len(set(urls)) == len(urls) >= 150


@pytest.mark.parametrize("url", [f"http://{host}:80/" for host in corpus.ODD_HOSTS], ids=repr)
def test_odd_hosts_are_refused_before_anything_is_resolved(url: str) -> None:
    with pytest.raises(BadAddressError):
        read_url(url, allow_http=True)


@pytest.mark.parametrize("url", [url.replace("{port}", "80") for url in corpus.ODD_URLS], ids=repr)
def test_urls_that_parsers_read_differently_are_refused(url: str) -> None:
    with pytest.raises(BadAddressError):
        read_url(url, allow_http=True)


@pytest.mark.parametrize(
    "url",
    ["https://example.com", "https://example.com/", "https://example.com:8443/a/b?c=d&e=%20", "https://a.b-c.example.com./x",
     "https://93.184.216.34/x", "https://[2606:4700::1111]:443/", "https://xn--bcher-kva.example/", "https://my_host.example/",
     "https://localhost/", "https://hooks.example/T0/B1/x?y=a@b:c"],
)  # fmt: skip
def test_ordinary_urls_are_read(url: str) -> None:
    assert str(read_url(url)).startswith("https://")


def test_http_must_be_allowed() -> None:
    with pytest.raises(BadAddressError, match="https"):
        read_url("http://example.com/")
    assert read_url("http://example.com/", allow_http=True).scheme == "http"


def test_the_refusal_holds_nothing_of_the_url() -> None:
    with pytest.raises(BadAddressError) as refused:
        read_url("https://user:s3cret-canary@example.com/s3cret-canary")
    assert "s3cret-canary" not in str(refused.value)
