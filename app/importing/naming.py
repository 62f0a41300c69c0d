"""Names for what is imported: ids that are valid, unique and the same at every import; variables likewise."""

import hashlib
import re
import unicodedata

MAX_ID = 63
_HASH_CHARACTERS = 8


def slug(name: str) -> str:
    """A name as an id; what is cut off for its length stays in a hash."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    made = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    if not made:
        return f"imported-{_digest(name)}" if name.strip() else "imported"
    if len(made) <= MAX_ID:
        return made
    return f"{made[: MAX_ID - _HASH_CHARACTERS - 1].rstrip('-')}-{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode(errors="replace")).hexdigest()[:_HASH_CHARACTERS]


class Names:
    """Gives each name once: the second of the same name gets `-2`, in the order of the file."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._variables: set[str] = set()

    def id(self, name: str) -> str:
        """A free id for this name."""
        base = slug(name)
        made, count = base, 1
        while made in self._ids:
            count += 1
            suffix = f"-{count}"
            made = base[: MAX_ID - len(suffix)].rstrip("-") + suffix
        self._ids.add(made)
        return made

    def release(self, name: str) -> None:
        """Give back the id of what is not imported after all."""
        self._ids.discard(name)

    def variable(self, integration: str, what: str) -> str:
        """A free name for an environment variable."""
        base = re.sub(r"[^A-Z0-9]+", "_", f"{integration}_{what}".upper()).strip("_")
        base = base if base[:1].isalpha() else f"IMPORTED_{base}"
        made, count = base, 1
        while made in self._variables:
            count += 1
            made = f"{base}_{count}"
        self._variables.add(made)
        return made
