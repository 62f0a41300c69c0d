"""What an operator may say about the canaries that tell whether our own way out works."""

from urllib.parse import urlsplit

import msgspec

FEWEST = 3
MOST = 10


class EgressSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Addresses on independent hosts that answer when our way out works, a host's `name` to be resolved, and
    how often and how long they are asked (seconds). Without `targets` the configured vendors themselves show
    it, by failing together.
    """

    targets: tuple[str, ...] = ()
    name: str = ""
    interval: float = 30.0
    timeout: float = 5.0

    def __post_init__(self) -> None:
        """Refuse canaries that could say nothing.

        Raises:
            ValueError: with the key and what it must be.
        """
        hosts = [urlsplit(target).hostname or "" for target in self.targets]
        if not all(target.startswith(("https://", "http://")) for target in self.targets) or "" in hosts:
            raise ValueError("egress.targets must begin with https:// or http:// and name a host")
        if self.targets and (not FEWEST <= len(self.targets) <= MOST or len(set(hosts)) < len(hosts)):
            raise ValueError(
                f"egress.targets must be {FEWEST} to {MOST} addresses, each on a host of its own"
            )
        if self.interval < 5 or not 0 < self.timeout <= self.interval:
            raise ValueError(
                "egress.interval must be at least 5 seconds, egress.timeout above 0 and at most the interval"
            )
