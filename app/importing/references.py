"""References in texts: what the peers write, in the form that our file knows (`${NAME}`, `$$`)."""

import re

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_SHELL = re.compile(rf"\$(?:(?P<dollar>\$)|\{{(?P<inner>{_NAME}(?::-[^{{}}]*)?)\}}|(?P<bare>{_NAME}))")
_OURS = re.compile(rf"\$(?:\$|\{{(?P<inner>{_NAME}(?::-[^{{}}]*)?|file:[^{{}}]*)\}})")
_OURS_ALONE = re.compile(rf"\$\{{(?:{_NAME}|file:[^{{}}]+)\}}")
_AMBIGUOUS = re.compile(r"\$(?=[${])")


def escaped(plain: str) -> str:
    """A text without references, so that ours finds none in it."""
    return _AMBIGUOUS.sub("$$", plain)


def from_shell(text: str) -> str:
    """A text with `$NAME`, `${NAME}` and `$$`, as Go's os.ExpandEnv reads them, with our references."""
    parts: list[str] = []
    end = 0
    for match in _SHELL.finditer(text):
        parts.append(escaped(text[end : match.start()]))
        parts.append("$$" if match["dollar"] else f"${{{match['inner'] or match['bare']}}}")
        end = match.end()
    return "".join((*parts, escaped(text[end:])))


def is_reference(text: str) -> bool:
    """Whether a text is one reference and nothing else."""
    return _OURS_ALONE.fullmatch(text) is not None


def has_reference(text: str) -> bool:
    """Whether a text holds a reference."""
    return any(match["inner"] for match in _OURS.finditer(text))


def unescaped(text: str) -> str:
    """A text of ours without references, as it is meant."""
    return text.replace("$$", "$")


def filled(text: str, value: str) -> str:
    """A text of ours with `value` in place of each reference, to see whether it has the right form."""
    return _OURS.sub(lambda match: value if match["inner"] else "$", text)
