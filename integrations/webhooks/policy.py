"""What an operator says of one integration's inbound webhooks."""

import msgspec


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a delivery is expected: at least one in `every` seconds. Without, silence means nothing."""

    every: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no interval.

        Raises:
            ValueError: with the key and what it must be.
        """
        if self.every is not None and self.every < 1:
            raise ValueError("webhooks.expect.every must be at least 1 second")


class WebhookPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an integration's webhooks come in.

    `scheme` names one of the vendor's ways to verify (empty: its first). `header` and `timestamp_header`
    stand for the scheme's own where the vendor lets its users name them. `url` is the address as the vendor
    calls it, for schemes that sign it; without one it is taken from the request. `rate` is how many verified
    deliveries a second are taken, with bursts of two seconds' worth.
    """

    scheme: str = ""
    header: str = ""
    timestamp_header: str = ""
    url: str = ""
    rate: float = 1000.0
    expect: Expectation = Expectation()

    def __post_init__(self) -> None:
        """Refuse a rate that takes nothing.

        Raises:
            ValueError: with the key and what it must be.
        """
        if self.rate <= 0:
            raise ValueError("webhooks.rate must be above 0")
