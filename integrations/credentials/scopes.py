"""Which scopes a credential has, and which an action lacks."""

from collections.abc import Collection, Iterable, Mapping

from integrations.credentials.token import split_scopes


class GrantedScopes:
    """What is known of a credential's scopes: None while the vendor has not told.

    `implied` are those that a scope contains (GitHub's `repo` contains `repo:status`). An empty header tells
    nothing: GitHub sends one for fine-grained tokens, which have no such scopes.
    """

    __slots__ = ("_header", "_implied", "granted", "is_comparable")

    def __init__(self, implied: Mapping[str, Collection[str]]) -> None:
        self._implied = implied
        self._header = ""
        self.granted: tuple[str, ...] | None = None
        self.is_comparable = True

    def read_header(self, text: str) -> None:
        """Take what an answer's header says."""
        if text and text != self._header:
            self._header = text
            self.granted = split_scopes(text)

    def take(self, granted: tuple[str, ...] | None, *, is_comparable: bool) -> None:
        """Take what came with a token; other words than the manifest's are shown, never compared."""
        if granted is not None:
            self.granted, self.is_comparable = granted, is_comparable

    def missing(self, needed: Iterable[str]) -> tuple[str, ...]:
        """The needed ones that the credential lacks; none where it is not known."""
        if self.granted is None or not self.is_comparable:
            return ()
        held = self._with_implied(self.granted)
        return tuple(scope for scope in needed if scope not in held)

    def _with_implied(self, granted: Iterable[str]) -> set[str]:
        held, waiting = set[str](), list(granted)
        while waiting:
            scope = waiting.pop()
            if scope not in held:
                held.add(scope)
                waiting.extend(self._implied.get(scope, ()))
        return held
