"""A notification as a mail: text and HTML, in the thread of its group.

All mails of a group refer to one id made of its key, so that programs show them together even when the first
one is missing. Texts are escaped for HTML, headers hold one line, and automatic answers are asked not to come
(RFC 5322, RFC 3834).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from html import escape

from monitors.alerts.formats.drawing import Letter
from monitors.alerts.formats.sending import dedup_key
from monitors.alerts.formats.telling import as_text, untold
from monitors.alerts.links import Link
from monitors.alerts.plain import shortened
from monitors.alerts.receivers import EmailReceiver
from monitors.alerts.wording import Brief, Story, brief

LONGEST_TEXT = 30_000
MOST_STORIES = 50
LONGEST_SUBJECT = 180

_COLOURS = {"critical": "#992d22", "error": "#992d22", "warning": "#b7791f", "info": "#4a5568"}
_WELL = "#276749"
_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
    '<body style="margin:0;padding:16px;font:16px/1.5 sans-serif;color:#1a202c">'
    '<div style="max-width:640px;border-left:6px solid {colour};padding-left:16px">{content}</div>'
    "</body></html>\n"
)


def compose(receiver: EmailReceiver, letter: Letter) -> EmailMessage:
    """The mail, the same at every try."""
    said = brief(letter.notification)
    domain = _domain(receiver.sender)
    root = f"<group.{dedup_key(letter.notification)[:32]}@{domain}>"
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(receiver.sender)
    mail["To"] = [_address(address) for address in receiver.to]
    mail["Subject"] = shortened(said.title, LONGEST_SUBJECT)
    mail["Date"] = datetime.fromtimestamp(int(letter.notification.at), UTC)
    mail["Message-ID"] = f"<{letter.message.id}@{domain}>"
    mail["In-Reply-To"] = letter.reference or root
    mail["References"] = " ".join(dict.fromkeys((root, letter.reference or root)))
    mail["Auto-Submitted"] = "auto-generated"
    if said.is_firing and said.severity == "critical":
        mail["Importance"] = "high"
    mail.set_content(_text(said))
    mail.add_alternative(_html(said), subtype="html")
    mail.set_boundary(f"={letter.message.id}=")
    return mail


def bare_addresses(receiver: EmailReceiver) -> tuple[str, tuple[str, ...]]:
    """Sender and recipients as the envelope names them: without names."""
    return parseaddr(receiver.sender)[1], tuple(parseaddr(address)[1] for address in receiver.to)


def _address(text: str) -> Address:
    name, spec = parseaddr(text)
    return Address(display_name=name, addr_spec=spec)


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2] or "dialtone.invalid"


def _text(said: Brief) -> str:
    return f"{said.title}\n\n{as_text(said, limit=LONGEST_TEXT)}\n"


def _html(said: Brief) -> str:
    colour = _COLOURS[said.severity] if said.is_firing else _WELL
    content = "".join(_content(said, colour=colour))
    return _PAGE.format(title=escape(said.title), colour=colour, content=content)


def _content(said: Brief, *, colour: str) -> Iterator[str]:
    yield f'<h1 style="font-size:20px;margin:0 0 8px;color:{colour}">{escape(said.title)}</h1>'
    if said.why_now:
        yield _paragraph(said.why_now)
    for story in said.stories[:MOST_STORIES]:
        yield from _story(story, is_alone=len(said.stories) == 1)
    for rest in (untold(said, told=MOST_STORIES, limit=5_000), said.explains):
        if rest:
            yield _paragraph(rest)
    yield _links(said.links)


def _story(story: Story, *, is_alone: bool) -> Iterator[str]:
    if not is_alone:
        yield f'<h2 style="font-size:16px;margin:16px 0 4px">{escape(story.headline)}</h2>'
    rows = "".join(
        f'<tr><th style="text-align:left;vertical-align:top;padding:2px 12px 2px 0;white-space:nowrap">'
        f"{escape(line.name)}</th><td>{escape(line.text)}</td></tr>"
        for line in story.lines
    )
    yield f'<table style="border-spacing:0;margin:0 0 8px">{rows}</table>'
    if story.so_far:
        steps = "".join(f"<li>{escape(step)}</li>" for step in story.so_far)
        yield f'<p style="margin:8px 0 0"><b>So far</b></p><ul style="margin:0 0 8px">{steps}</ul>'
    yield _links(story.links)


def _paragraph(text: str) -> str:
    return f'<p style="margin:8px 0">{escape(text)}</p>'


def _links(links: tuple[Link, ...]) -> str:
    if not links:
        return ""
    anchors = " · ".join(f'<a href="{escape(link.url)}">{escape(link.text)}</a>' for link in links)
    return f'<p style="margin:8px 0">{anchors}</p>'
