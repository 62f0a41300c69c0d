"""`dialtone query "SELECT …"`: free SQL, on the screen or into a file."""

import msgspec

from app.commands.asking import ANALYTICS, PATIENCE, Asking, downloaded, ended_with_us, keep, show
from app.commands.rows import Rows, show_rows
from app.commands.session import Session

PATH = f"{ANALYTICS}/sql"


def is_statement(text: str) -> bool:
    """Whether a text is SQL rather than the name of a query, which is one word."""
    return len(text.split()) > 1 or text.lstrip().startswith("(")


def ask_sql(session: Session, sql: str, asking: Asking) -> None:
    """Ask, and print a table, or the answer in its format, or write it to a file."""
    wanted = asking.format
    with session.waiting("Asking …"), ended_with_us(session) as query_id:
        body = {"sql": sql, "format": wanted.value, "id": query_id}
        answer = session.server.fetch(PATH, body=body, patience=PATIENCE)
    found = downloaded(session, answer, as_json=asking.as_json)
    if asking.output is not None:
        keep([found.content], asking.output)
    elif asking.shape is None and not asking.as_json:
        show_rows(session, msgspec.json.decode(found.content, type=Rows))
        return
    else:
        show([found.content])
    if found.headers.get("dialtone-truncated") == "true":
        session.errors.print("There are more rows than one answer holds (analytics.sql_rows, sql_bytes).")
