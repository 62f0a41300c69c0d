"""An alert: labels that name it, annotations that explain it, and when it began and ended; Alertmanager's
model.
"""

import functools
from collections.abc import Mapping

import msgspec

_OFFSET = 0xCBF29CE484222325
_PRIME = 0x100000001B3
_MASK = 0xFFFFFFFFFFFFFFFF
_SEPARATOR = b"\xff"


class Alert(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One alert. `labels` are its identity and hold `alertname` and `severity`; label values come from
    configuration only. `ends_at` is None while it fires. `incident` is the id of the incident it tells of,
    empty for one that tells of Dialtone itself. One that `may_end` fires on only in case what it tells of
    comes back: nobody is told of it any more who does not know. Times are UTC seconds.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: float
    ends_at: float | None = None
    updated_at: float = 0.0
    incident: str = ""
    link: str = ""
    may_end: bool = False

    @property
    def is_firing(self) -> bool:
        """Whether it has not ended."""
        return self.ends_at is None

    @functools.cached_property
    def fingerprint(self) -> str:
        """Its identity in 16 hex digits."""
        return fingerprint(self.labels)


def fingerprint(labels: Mapping[str, str]) -> str:
    """FNV-1a of 64 bits over the sorted names and values, each followed by a byte 0xff: what Alertmanager
    calls a fingerprint (prometheus/common model.LabelSet.Fingerprint).
    """
    return _hashed(tuple(sorted(labels.items())))


@functools.lru_cache(maxsize=10_000)
def _hashed(labels: tuple[tuple[str, str], ...]) -> str:
    result = _OFFSET
    for name, value in labels:
        for byte in name.encode() + _SEPARATOR + value.encode() + _SEPARATOR:
            result = (result ^ byte) * _PRIME & _MASK
    return f"{result:016x}"
