"""What a vendor says cannot mention anybody, lead anywhere, or run anything in what receivers show."""

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.credentials.secret import Secret
from monitors.alerts.formats import discord
from monitors.alerts.formats.discord import DiscordFormat
from monitors.alerts.formats.mail import compose
from monitors.alerts.formats.slack import SlackFormat
from monitors.alerts.formats.teams import TeamsFormat
from monitors.alerts.receivers import DiscordReceiver, EmailReceiver, SlackReceiver, TeamsReceiver
from tests.fakes.notifications import HOSTILE, hostile, letter

HOOK = Secret("https://hooks.example/x")
SLACK = SlackFormat(SlackReceiver(name="r", url=HOOK))
DISCORD = DiscordFormat(DiscordReceiver(name="r", url=HOOK))
TEAMS = TeamsFormat(TeamsReceiver(name="r", url=HOOK))
MAIL = EmailReceiver(name="r", to=("ops@example.com",), sender="d@example.com", smarthost="smtp:25")
OURS = re.compile(r"https://(dialtone|wiki)\.example\.com(/[a-z0-9/-]*)?")

anything = st.one_of(st.text(), st.lists(st.sampled_from(HOSTILE.split(" "))).map("".join))


def marked(body: dict[str, object]) -> list[dict[str, object]]:
    """The elements of a Slack message that may hold mark-up."""
    parts = [part for block in body["blocks"] for part in (block.get("text", {}), *block.get("elements", []))]
    return [part for part in parts if part.get("type") == "mrkdwn"]


class Seen(HTMLParser):
    """The elements of a page, and where they lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src"}]


@given(anything)
@example(HOSTILE)
def test_slack_finds_only_our_own_links_and_no_mention(text: str) -> None:
    (drawn,) = SLACK.draw(letter(hostile(text)))
    body = json.loads(drawn.body)
    buttons = [one for block in body["blocks"] for one in block.get("elements", []) if "url" in one]

    assert all(OURS.fullmatch(button["url"]) for button in buttons)
    assert not set("<>") & set(body["text"])
    assert len(marked(body)) >= 3
    for element in marked(body):
        assert element["verbatim"] is True
        bracketed = re.findall(r"<([^>]*)>?", element["text"])
        assert all(OURS.fullmatch(address.partition("|")[0]) for address in bracketed)


def test_what_others_wrote_is_not_marked_up_in_slack() -> None:
    (drawn,) = SLACK.draw(letter(hostile()))
    body = json.loads(drawn.body)

    for element in marked(body):
        assert not re.search(r"\*bold\*|`code`|~z~|&(?!amp;|lt;|gt;)", element["text"])
    assert (body["unfurl_links"], body["unfurl_media"]) == (False, False)


@given(anything)
@example(HOSTILE)
def test_discord_s_marks_are_all_escaped_and_nobody_is_mentioned(text: str) -> None:
    (drawn,) = DISCORD.draw(letter(hostile(text)))
    body = json.loads(drawn.body)

    assert body["allowed_mentions"] == {"parse": []}
    for embed in body["embeds"]:
        for line in [embed.get("title", ""), *embed.get("description", "").split("\n")]:
            if re.fullmatch(r"\[[\w ]+\]\(" + OURS.pattern + r"\)", line):
                continue
            told = re.sub(r"^\*\*[A-Z][a-z ]+:\*\* ", "", line)
            assert not re.findall(r"(?<!\\)(?:\\\\)*[*_~`|>#\[\]<@]", told)


@given(st.text(alphabet="\\*_~`|>#[]<@ab"))
def test_an_escaped_text_of_discord_is_read_as_it_was(text: str) -> None:
    assert re.sub(r"\\(.)", r"\1", discord.escaped(text)) == text


@given(anything)
@example(HOSTILE)
def test_teams_gets_what_others_wrote_as_runs_of_plain_text_only(text: str) -> None:
    (drawn,) = TEAMS.draw(letter(hostile(text)))
    card = json.loads(drawn.body)["attachments"][0]["content"]

    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}
    assert not [run for block in card["body"] for run in block["inlines"] if "selectAction" in run]
    assert all(OURS.fullmatch(action["url"]) for action in card["actions"])
    assert card["msteams"] == {"width": "Full"}


@pytest.mark.parametrize("text", [HOSTILE, HOSTILE[::-1], "</td></table><script>x</script>", "&lt;b&gt;"])
def test_a_mail_s_page_has_our_elements_and_our_links_only(text: str) -> None:
    mail = compose(MAIL, letter(hostile(text)))
    page = mail.get_body(("html",)).get_content()
    seen = Seen(page)

    assert seen.tags <= {
        "html", "head", "meta", "title", "body", "div", "h1", "h2", "table", "tr", "th", "td", "p", "b",
        "ul", "li", "a",
    }  # fmt: skip
    assert seen.attributes <= {"lang", "charset", "style", "href"}
    assert all(OURS.fullmatch(address) for address in seen.addresses)
    assert "X-Injected" not in mail
    assert "https://evil" not in mail.get_body(("plain",)).get_content()


@given(anything)
@example(HOSTILE)
def test_a_mail_s_headers_are_ours_whatever_is_said(text: str) -> None:
    mail = compose(MAIL, letter(hostile(text)))

    assert set(mail.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
        "Importance", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert mail.as_bytes()
