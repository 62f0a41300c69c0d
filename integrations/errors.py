"""What callers of the framework did wrong. A third party's failure is an Outcome, never one of these."""

from collections.abc import Iterable

from integrations.manifest.source import nearest


class ConfigurationError(ValueError):
    """A connection cannot be used as it is configured; `key` is the place within the connection."""

    def __init__(
        self,
        integration: str,
        *,
        key: str,
        found: str,
        expected: str,
        valid: Iterable[str] = (),
        word: str = "",
    ) -> None:
        near = nearest(word, valid) if word else ""
        hint = f"; did you mean {near}?" if near else ""
        super().__init__(f"{integration}: {key}: found {found}, expected {expected}{hint}")
        self.integration = integration
        self.key = key
        self.found = found
        self.expected = expected
        self.nearest = near


class UnknownIntegration(LookupError):  # noqa: N818 - the public name says what it is
    """No integration has this id."""

    def __init__(self, integration: str, *, known: Iterable[str]) -> None:
        super().__init__(_unknown("integration", integration, known))


class UnknownAction(LookupError):  # noqa: N818 - the same
    """The vendor has no such action."""

    def __init__(self, vendor: str, action: str, *, known: Iterable[str]) -> None:
        super().__init__(_unknown(f"action of {vendor}", action, known))


class UnfitAction(UnknownAction):
    """The vendor has the action, but not for the way an integration authenticates."""

    def __init__(self, integration: str, action: str, *, auth: str, wanted: Iterable[str]) -> None:
        text = f"{action} works with auth {' or '.join(sorted(wanted))}; {integration} has {auth}"
        LookupError.__init__(self, text)


class InvalidParams(ValueError):  # noqa: N818 - the same
    """The params do not fit the action; `problems` are all that are wrong, by param."""

    def __init__(self, action: str, problems: dict[str, str]) -> None:
        super().__init__(f"{action}: " + "; ".join(f"{name}: {text}" for name, text in problems.items()))
        self.action = action
        self.problems = problems


def _unknown(what: str, word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = nearest(word, names)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(names) or 'none'}"
    return f"there is no {what} {word[:80]!r}; {hint}"
