"""What a manifest says about knowing how the vendor is: checks, canaries, its status page, what it ends."""

import re
from typing import Literal

import msgspec

from integrations.manifest.conditions import Condition

NAMED = re.compile(r"\{config\.([a-z0-9_]+)\}")
"""A text that is nothing but a config value."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a manifest."""


class HealthCheck(_Part, frozen=True, kw_only=True):
    """A cheap, authenticated check without side effects, for one capability, with the authentication kinds
    `auth` (empty: all).

    A text in `params` that is nothing but `{config.name}` stands for what the operator gave there; while that
    is empty there is no such check. `expect` is a condition on a good answer; `expect_config` names a config
    field that holds one instead, and then it alone decides: an answer that meets it is good whatever its
    status. `asks` names what is asked where the action's name says too little
    (`{config.method} at {config.url|host}`).
    """

    action: str
    capability: str
    params: dict[str, object] = {}
    expect: Condition | None = None
    expect_config: str = ""
    asks: str = ""
    cost: float = 1.0
    auth: tuple[str, ...] = ()


class CanarySetting(_Part, frozen=True, kw_only=True):
    """One text that an operator gives for a canary, such as the channel it may write to."""

    title: str
    example: str = ""


class CanaryStep(_Part, frozen=True, kw_only=True):
    """One action of a canary. Texts in `params` may hold `{given.name}` (a setting of the operator's),
    `{taken.name}` (from an earlier answer) and `{marker}`: a name that begins with `dialtone-canary-`, other
    in each run. A text that is nothing but `{taken.name}` keeps the value's JSON type.

    `take` names places of the answer's data, as JSON Pointers.
    """

    action: str
    params: dict[str, object] = {}
    take: dict[str, str] = {}


class Canary(_Part, frozen=True, kw_only=True):
    """A check of a capability by really using it: `steps` in order, then `cleanup`, which takes back what
    they made and is carried out whatever they came to. Runs only where the operator asks for it.
    """

    capability: str
    given: dict[str, CanarySetting] = {}
    steps: tuple[CanaryStep, ...]
    cleanup: tuple[CanaryStep, ...]


class StatusPage(_Part, frozen=True, kw_only=True):
    """Where the vendor says how it is: `url` is the page's, without the path that `kind` has of its own (all
    of it for azure, aws and google); it may hold `{config.name}`, and no page is read while that is empty.

    `covers` are the hosts that the page speaks of, exact or as `.suffix`; an integration elsewhere, such as a
    server of the operator's own, has no part in it. Empty: all. `components` are those of the vendor's parts
    that an integration depends on; empty: all.
    """

    kind: Literal["statuspage", "slack", "google", "azure", "aws", "salesforce_trust", "none"]
    url: str = ""
    covers: tuple[str, ...] = ()
    components: tuple[str, ...] = ()


class Deprecation(_Part, frozen=True, kw_only=True):
    """Something the vendor has announced to end, on a day (YYYY-MM-DD)."""

    what: str
    sunset: str
    docs: str = ""
    actions: tuple[str, ...] = ()


class DeprecationHeader(_Part, frozen=True, kw_only=True):
    """A response header of the vendor's own that says an action is to end, beside Deprecation (RFC 9745) and
    Sunset (RFC 8594), which are always read. Its value is the reason for a person, or the day (`means`).
    """

    header: str
    means: Literal["reason", "sunset"] = "reason"
