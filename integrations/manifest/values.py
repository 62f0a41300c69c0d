"""What a template's names stand for: config values and the calls without argument."""

import datetime as dt
import uuid
from collections.abc import Mapping

from integrations.clock import Clock
from integrations.credentials.secret import Secret
from integrations.manifest import inputs


class Values:
    """A Lookup over a connection's config and, where they are given, its secrets."""

    __slots__ = ("_clock", "_config", "_secrets")

    def __init__(
        self, config: Mapping[str, object], *, clock: Clock, secrets: Mapping[str, Secret] | None = None
    ) -> None:
        self._config = config
        self._clock = clock
        self._secrets = secrets

    def __call__(self, name: str) -> str:
        """The value of `name`; an optional config field or secret that is not given is empty text.

        Raises:
            KeyError: for a name that no manifest may hold here.
        """
        kind, _, key = name.partition(".")
        if kind == "config" and key:
            return inputs.text(self._config[key]) if key in self._config else ""
        if kind == "secret" and key:
            return self._secrets[key].reveal() if self._secrets and key in self._secrets else ""
        return self._call(name)

    def _call(self, name: str) -> str:
        now = self._clock.time()
        if name == "unix_time()":
            return str(int(now))
        if name == "iso_time()":
            return dt.datetime.fromtimestamp(int(now), dt.UTC).isoformat().replace("+00:00", "Z")
        if name == "uuid()":
            return str(uuid.uuid4())
        raise KeyError(name)
