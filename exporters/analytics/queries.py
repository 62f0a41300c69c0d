"""Named queries: queries/<name>.sql, each with a header that says what it answers and what it takes.

    -- One sentence on what it answers; further comment lines go on with it.
    -- @param <name> <type> <default> What it means.

`-` as default means: may be left out. In the SQL a parameter is `$name`.
"""

import re
from pathlib import Path

import msgspec

from exporters.analytics.parameters import Parameter

_FOLDER = Path(__file__).parent / "queries"
_PARAM = re.compile(r"@param (\w+) (\S+) (\S+) (\S.*)")


class NamedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A question that Dialtone knows how to ask. Times in its answer are UTC, durations seconds."""

    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    sql: str


def bundled_queries(folder: Path = _FOLDER) -> tuple[NamedQuery, ...]:
    """Read all queries of the folder.

    Raises:
        ValueError: when a header cannot be read, or what it declares is not what the SQL uses.
    """
    return tuple(
        parse_query(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))
    )


def parse_query(name: str, text: str) -> NamedQuery:
    """Read one query.

    Raises:
        ValueError: as bundled_queries.
    """
    lines = text.splitlines()
    length = next((number for number, line in enumerate(lines) if not line.startswith("-- ")), len(lines))
    header = [line.removeprefix("-- ") for line in lines[:length]]
    doc = " ".join(line for line in header if not line.startswith("@param"))
    parameters = tuple(_parameter(name, line) for line in header if line.startswith("@param"))
    sql = "\n".join(lines[length:]).strip()
    used, declared = set(re.findall(r"\$(\w+)", sql)), {parameter.name for parameter in parameters}
    if not doc or used != declared:
        raise ValueError(f"queries/{name}.sql: needs a sentence, and declares {declared} but uses {used}")
    return NamedQuery(name=name, doc=doc, parameters=parameters, sql=sql)


def _parameter(query: str, line: str) -> Parameter:
    match = _PARAM.fullmatch(line)
    if match is None:
        raise ValueError(f"queries/{query}.sql: {line!r} is not '@param <name> <type> <default> <meaning>'")
    return Parameter.declared(match[1], kind=match[2], default=match[3], doc=match[4])
