"""A report as a page and as Markdown: escaped, whole, in plain words."""

import datetime as dt
import itertools
import re
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from app.web.report.charts import STRIP_KEY
from app.web.report.composing import compose
from app.web.report.markdown import escaped, markdown
from app.web.report.page import page
from app.web.report.wording import availability, growth, length, listed, money, part
from app.web.words import NOTHING
from exporters.analytics.report.outcome import Report
from exporters.analytics.report.period import DAY, read_period
from tests.fakes.reports import HOSTILE, TURNED, calm, empty, troubled

NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC).timestamp()
OCTOBER = read_period(month="2026-10", zone="Europe/Berlin", now=NOW)
NOVEMBER = read_period(month="2026-11", zone="Europe/Berlin", now=NOW)
FRIENDLY = "slack-prod"


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def told(report: Report) -> list[str]:
    return [plain(f"{one.tone}: {one.text}") for one in compose(report).headlines]


class Tags(HTMLParser):
    """Counts elements, and keeps what may lead elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.leading: list[tuple[str, str | None]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.leading += [
            one for one in attrs if one[0] in {"src", "href", "action", "style"} or one[0][:2] == "on"
        ]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("report", [troubled(OCTOBER), calm(OCTOBER), empty(OCTOBER), troubled(NOVEMBER)])
def test_the_page_is_well_formed_runs_nothing_and_leads_nowhere(report: Report):
    read = Tags()
    text = page(report)
    read.feed(text)
    assert read.open == []
    assert "script" not in read.tags
    assert read.leading == []
    assert "@import" not in text
    assert "url(" not in text


def test_what_names_hold_is_text_on_the_page():
    text = page(troubled(OCTOBER))
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 20
    assert "<script" not in text
    assert HOSTILE not in text


@pytest.mark.parametrize("draw", [page, markdown])
def test_no_name_turns_round_the_text_behind_it(draw):
    text = draw(troubled(OCTOBER, name=f"a{TURNED}b\x1bc\x00"))
    assert "abc" in text
    assert not set(text) & {TURNED, "\x1b", "\x00"}


def test_what_names_hold_is_text_in_markdown():
    text = markdown(troubled(OCTOBER))
    assert text.count(escaped(HOSTILE.replace(TURNED, ""))) > 20
    assert not re.search(r"(?<!\\)<|(?<!\\)\]\(|(?<!\\)`", text)
    assert not re.search(r"^# owned", text, re.MULTILINE)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for row in rows:
        assert row.endswith("|")
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_escaped_text_stays_on_one_line_and_readable():
    assert escaped("chat.post_message") == "chat.post_message"
    assert escaped("_a_ *b* c|d\r\n## e") == r"\_a\_ \*b\* c\|d \#\# e"
    assert escaped("<a href='x'>&amp;") == r"\<a href='x'\>\&amp;"


def test_trouble_is_told_at_the_top_the_bad_first():
    assert told(troubled(OCTOBER, name=FRIENDLY)) == [
        "bad: 1 of 1 objective was missed: slack-prod (98 % of 99.5 %).",
        (
            "bad: 1 incident, 2 h 15 min in all. The worst: slack-prod was down for 2 h 15 min "
            "from 1 Oct, 01:00: 330 runs of 4 callers failed or were refused. 1 of 1 was acknowledged, "
            "after 7 min in the median."
        ),
        "bad: Messages were given up for slack-prod (1).",
        (
            "warn: 3,100 runs by 1 caller, 3.3 times against September 2026; most by slack-prod (100 %). "
            "10 % failed and 0.6 % were refused."
        ),
        "plain: Calls cost 123.46 EUR (+23 %); most at slack-prod, 100.00 EUR.",
        (
            "warn: Quota was short: slack-prod had 2 % of slack-prod left on 1 Oct. "
            "Vendors asked for quiet for 12 min."
        ),
        "warn: Ending soon: the certificate of slack-prod on 2 Nov.",
        "warn: Webhooks stayed away: slack-prod (2 h).",
        "warn: Answers no longer fit the contract: slack-prod.",
        "plain: 5 of 744 hours have no record.",
    ]


def test_calm_is_told_as_calm():
    assert told(calm(OCTOBER)) == [
        "good: The objective was met.",
        "good: There was no incident.",
        (
            "plain: 3,100 runs by 1 caller, as many as in September 2026; most by slack-prod (100 %). "
            "None of them failed."
        ),
    ]


def test_what_is_missing_is_told():
    assert told(empty(OCTOBER)) == [
        "bad: Nothing was recorded yet: there is no call and no check to tell of."
    ]
    later = replace(empty(OCTOBER), recorded=replace(empty(OCTOBER).recorded, first_at=OCTOBER.end + DAY))
    assert told(later) == ["bad: Nothing was recorded in this time: records begin on 2 Nov, 00:00."]
    gone = replace(later, recorded=replace(later.recorded, first_at=OCTOBER.start - DAY))
    assert told(gone) == [
        "bad: Nothing was recorded in this time: Dialtone did not run, or the records are no longer kept."
    ]


def test_a_time_that_is_not_over_and_a_use_that_cannot_be_compared_say_so():
    report = calm(NOVEMBER)
    report = replace(
        report,
        objectives=(),
        use=replace(report.use, before=None),
        recorded=replace(
            report.recorded, first_at=NOVEMBER.start + DAY, counts_until=NOVEMBER.start + 2 * DAY
        ),
    )
    assert "plain: No objective is declared, so availability is told without a goal." in told(report)
    assert "plain: This time is not over: the report goes to 23 Nov, 01:00." in told(report)
    text = plain(markdown(replace(report, use=replace(report.use, is_exact=False))))
    assert "October 2026 was not recorded from its start, so growth cannot be told." in text
    assert "Before 3 Nov, 00:00 only counts by the hour are kept" in text
    assert "are those of days of UTC" in text


def test_an_open_incident_nobody_took_up_is_told_as_such():
    report = troubled(OCTOBER, name=FRIENDLY)
    (line,) = report.incidents.lines
    line = replace(
        line, resolved_at=None, acknowledged_after=None, acknowledged_by="", failures=0, rejected=0
    )
    report = replace(report, incidents=replace(report.incidents, open=1, acknowledged=0, lines=(line,)))
    assert told(report)[1] == (
        "bad: 1 incident, 2 h 15 min in all, 1 of them still open. The worst: slack-prod has been down for "
        "2 h 15 min from 1 Oct, 01:00, and no caller was hit. Nobody acknowledged it."
    )


def test_pictures_stay_within_their_box_and_say_in_words_what_they_show():
    for period in (OCTOBER, NOVEMBER, read_period(start="-400d", now=NOW), read_period(start="-1h", now=NOW)):
        for section in compose(troubled(period, name=FRIENDLY)).sections:
            cells = [
                cell.chart for table in section.tables for row in table.rows for cell in row if cell.chart
            ]
            for chart in (*section.charts, *cells):
                assert all(bar.x >= 0 and bar.x + bar.width <= chart.width + 0.1 for bar in chart.bars)
                assert all(bar.y >= 0 and bar.y + bar.height <= chart.height + 0.1 for bar in chart.bars)
                assert all(bar.width > 0 and bar.height > 0 for bar in chart.bars)
            assert all(chart.text and chart.key for chart in section.charts)


def test_what_a_key_tells_apart_is_told_apart_without_colour():
    """By how light it is, as WCAG 2.2 defines relative luminance; what is empty has an outline."""
    report = troubled(OCTOBER, name=FRIENDLY)
    sheet = dict(re.findall(r"\.(\w+) \{ fill: (#\w+);", page(report).replace("#fff;", "#ffffff;")))

    def light(kind: str) -> float:
        parts = [int(sheet[kind][place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (
            one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    keys = [chart.key for section in compose(report).sections for chart in section.charts]
    assert len(keys) == 2
    for key in (*keys, STRIP_KEY):
        shades = sorted(light(kind) for kind, _ in key if kind != "none")
        assert all(
            (lighter + 0.05) / (darker + 0.05) >= 1.4 for darker, lighter in itertools.pairwise(shades)
        )


def test_long_lists_are_cut_and_say_by_how_much():
    report = calm(OCTOBER)
    many = tuple(replace(report.use.by_caller[0], name=f"caller-{number}") for number in range(50))
    text = markdown(replace(report, use=replace(report.use, by_caller=many)))
    assert "caller-19 |" in text
    assert "caller-20 |" not in text
    assert "And 30 more." in text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (None, NOTHING),
        (1.0, "100 %"),
        (0.9, "90 %"),
        (0.98999, "98.99 %"),
        (0.99999, "99.999 %"),
        (0.999999, "99.999 %"),
        (0.999, "99.9 %"),
        (0.9989999, "99.89 %"),
        (0.0, "0 %"),
    ],
)
def test_availability_is_never_rounded_up(ratio: float | None, text: str):
    assert plain(availability(ratio)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (59, "59 s"),
        (90, "1 min 30 s"),
        (480, "8 min"),
        (5_400, "1 h 30 min"),
        (7_199, "2 h"),
        (86_400 * 3 + 3_600, "3 days 1 h"),
        (None, NOTHING),
    ],
)
def test_a_length_of_time_is_told_in_its_two_largest_units(seconds: float | None, text: str):
    assert plain(length(seconds)) == text


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (123, 100, "+23 %"),
        (77, 100, "\N{MINUS SIGN}23 %"),
        (100, 100, "same"),
        (320, 100, "3.2 times"),
        (5, 0, "new"),
        (0, 0, NOTHING),
        (5, None, NOTHING),
    ],
)
def test_growth_is_told_against_what_was(now: float, before: float | None, text: str):
    assert plain(growth(now, before)) == text


def test_shares_amounts_and_names_are_written_as_people_do():
    assert [plain(part(share)) for share in (0.004, 0.0096, 0.52, None)] == ["0.4 %", "1 %", "52 %", NOTHING]
    assert [plain(money(one, "EUR")) for one in (1_234.5, 0.0079, 0)] == [
        "1,234.50 EUR",
        "0.0079 EUR",
        "0.00 EUR",
    ]
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert (listed(["a"]), listed(["a", "b"]), listed([])) == ("a", "a and b", "nobody")


def test_times_are_those_of_the_zone():
    assert OCTOBER.start == dt.datetime(2026, 10, 1, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    assert "2026-10-01 00:00 to 2026-11-01 00:00, Europe/Berlin." in compose(calm(OCTOBER)).subtitle
