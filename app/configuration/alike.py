"""Connections of a file, in which equal parts are one object: most of ten thousand integrations say the same
of checks, networks and what they expect.
"""

import sys
from collections.abc import Callable, Mapping

from app.configuration.structure import IntegrationSettings
from integrations.connection import CheckPolicy, Connection, NetworkPolicy
from integrations.credentials.secret import Secret

_NO_SECRETS: Mapping[str, Secret] = {}


class Alike:
    """Makes the connections of one file. `absolute` completes a network, once for each that is written."""

    def __init__(self, absolute: Callable[[NetworkPolicy], NetworkPolicy]) -> None:
        self._absolute = absolute
        self._networks: dict[NetworkPolicy, NetworkPolicy] = {}
        self._checks: dict[str, CheckPolicy] = {}
        self._values: dict[str, object] = {}

    def connection(self, entry: IntegrationSettings) -> Connection:
        """What the rest of Dialtone is given."""
        given = {name: getattr(entry, name) for name in entry.__struct_fields__}
        given["vendor"] = sys.intern(entry.vendor)
        given["secrets"] = entry.secrets or _NO_SECRETS
        given["network"] = self._network(entry.network)
        given["check"] = self._checks.setdefault(repr(entry.check), entry.check)
        given["config"] = {name: self._value(value) for name, value in entry.config.items()}
        return Connection(**given)

    def _network(self, network: NetworkPolicy) -> NetworkPolicy:
        if network not in self._networks:
            self._networks[network] = self._absolute(network)
        return self._networks[network]

    def _value(self, value: object) -> object:
        if isinstance(value, (dict, list)):
            # Written alike they are alike, as 1, 1.0 and true, which are equal, are not.
            return self._values.setdefault(repr(value), value)
        return value
