"""The pages: what they say, to whom, and what they never load."""

import dataclasses
import re
from importlib.resources import files

import pytest
from litestar.testing import TestClient

from app.asgi import create_app
from integrations.connection import Labels
from integrations.credentials.state import CredentialState
from integrations.execution.injection import Error, Faults, Injection
from integrations.signals import BreakerState, Health, OperatorAction
from tests.fakes.parts import FakeDialtone, Line, calm, troubled

LOCAL = "http://127.0.0.1:4350"
HOSTILE = "<script>alert(1)</script>\"'&"


def page(dialtone: FakeDialtone, path: str = "/") -> str:
    with TestClient(create_app(dialtone.parts()), base_url=LOCAL) as client:
        answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def order_of(text: str) -> list[str]:
    return re.findall(r'id="card-([^"]+)"', text)


def test_the_headline_counts_those_that_need_attention():
    assert "4 of 9 need attention" in page(FakeDialtone())
    assert "All clear" in page(FakeDialtone(calm()))
    assert "1 of 2 needs attention" in page(
        FakeDialtone([Line("a", "http", state=Health.DOWN), Line("b", "http")])
    )


def test_without_integrations_the_page_says_what_to_do():
    assert "dialtone check-config" in page(FakeDialtone([]))


def test_the_worst_comes_first():
    ids = order_of(page(FakeDialtone()))
    assert ids[:6] == ["slack-prod", "jira-cloud", "search-api", "metrics", "new-crm", "shop"]
    assert len(ids) == 9


@pytest.mark.parametrize("state", list(Health))
def test_every_state_is_told_by_word_and_shape_not_by_colour_alone(state):
    text = page(FakeDialtone([Line("one", "http", state=state)]))
    assert f'<use href="#i-{state.value}"/></svg>{state.value.capitalize()}</span>' in text
    assert f'<symbol id="i-{state.value}"' in text


def test_a_card_says_why_since_when_and_what_to_do():
    text = page(FakeDialtone())
    assert "3 checks in a row failed: no answer from slack.example in 10 s" in text
    assert "for 12\N{NO-BREAK SPACE}min" in text
    assert "calls fail fast until Slack answers again" in text
    assert "open, refusing calls, tries again in 11\N{NO-BREAK SPACE}s" in text
    assert "481 refused so far" in text
    assert "0 of 600 left" in text
    assert re.search(r"Checked <time [^>]+>12\xa0s ago</time>", text)


def test_drawings_are_told_in_words_too():
    text = page(FakeDialtone())
    assert re.search(r"<title [^>]*>Last hour: 720 calls; slowest minute [^<]+; errors in \d+ minutes", text)
    assert "Last hour: no calls." in text
    assert 'aria-label="core quota: 0 of 600 left"' in text


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("slack", ["slack-prod", "slack-alerts"]),
        ("slack sre", ["slack-alerts"]),
        ("DOWN", ["slack-prod"]),
        ("nothing", []),
    ],
)
def test_the_filter_keeps_what_holds_each_of_its_words(query, ids):
    text = page(FakeDialtone(), f"/?q={query}")
    assert order_of(text) == ids
    assert "4 of 9 need attention" in text


def test_the_fragment_is_only_the_part_that_changes():
    text = page(FakeDialtone(), "/?fragment=true")
    assert text.startswith('<div id="live"')
    assert "<html" not in text


def test_one_integrations_page_shows_limits_changes_and_operators():
    dialtone = FakeDialtone()
    now = dialtone.clock.time()
    dialtone.recorded.append(
        OperatorAction(
            at=now - 5, actor="oncall", action="force_open", integration="slack-prod", reason="why not"
        )
    )
    text = page(dialtone, "/integrations/slack-prod")
    assert "why not" in text
    assert "force open" in text
    assert "dialtone breaker force-open slack-prod" in text
    assert "480 of 500 tokens" in text
    assert "issues.create" in text


def test_a_paused_integrations_page_offers_to_resume():
    text = page(FakeDialtone(), "/integrations/shop")
    assert "dialtone resume shop" in text
    assert "Checks are paused by oncall: vendor maintenance" in text


def test_hostile_names_and_texts_are_escaped_everywhere():
    lines = [
        Line("a", "http", reason=HOSTILE, advice=HOSTILE, state=Health.DOWN, labels=Labels(team=HOSTILE))
    ]
    dialtone = FakeDialtone(lines)
    dialtone.recorded.append(
        OperatorAction(at=1.0, actor=HOSTILE, action="pause", integration="a", reason=HOSTILE)
    )
    for path in ("/", f"/?q={HOSTILE}", "/integrations/a"):
        assert "<script>alert" not in page(dialtone, path)


def test_an_id_that_needs_quoting_still_leads_to_its_page():
    text = page(FakeDialtone([Line("eu/shop & co", "http")]))
    assert 'href="/integrations/eu/shop%20%26%20co"' in text


def test_nothing_is_loaded_from_anywhere_else():
    texts = [one.read_text() for one in files("app.web").joinpath("static").iterdir()]
    texts += [page(FakeDialtone(), path) for path in ("/", "/integrations/slack-prod", "/docs")]
    for text in texts:
        own = text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"""(src|href|action)\s*=\s*["']?(https?:)?//""", own)
        assert not re.search(r"url\(|@import|https?://(?!127\.0\.0\.1)", own)


def test_no_page_holds_inline_script_or_style():
    for path in ("/", "/integrations/slack-prod", "/docs"):
        text = page(FakeDialtone(), path)
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", text)


def test_ids_are_unique_so_that_the_page_can_be_kept_current():
    for path in ("/", "/integrations/slack-prod", "/docs"):
        ids = re.findall(r'\sid="([^"]+)"', page(FakeDialtone(), path))
        assert len(ids) == len(set(ids))


def test_the_page_works_without_script():
    text = page(FakeDialtone())
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in text
    assert re.search(r"As of \d\d:\d\d:\d\d UTC", text)
    assert '<form class="filter" method="get"' in text


def test_the_documentation_lists_every_operation_with_an_example():
    text = page(FakeDialtone(), "/docs")
    assert text.count('<details class="operation"') > 19
    assert "&#34;reason&#34;: &#34;vendor maintenance&#34;" in text
    assert "<option>force_open</option>" in text


def test_a_static_file_is_sent_again_only_when_it_changed():
    with TestClient(create_app(FakeDialtone().parts()), base_url=LOCAL) as client:
        first = client.get("/static/dialtone.css")
        again = client.get("/static/dialtone.css", headers={"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code) == (200, 304)
        assert first.headers["content-type"].startswith("text/css")
        assert client.get("/static/..%2fpages.py").status_code == 404
        assert client.get("/static/none.css").status_code == 404


def test_a_quota_of_which_nothing_is_known_is_not_shown():
    assert "Quota" not in page(FakeDialtone([Line("a", "http", quota=(None, None))]))


def test_a_page_is_compressed_for_those_who_take_it():
    app = create_app(FakeDialtone().parts())
    with TestClient(app, base_url=LOCAL) as client:
        packed = client.get("/", headers={"Accept-Encoding": "gzip"})
        plain = client.get("/", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) < len(plain.content) / 4
    assert packed.text == plain.text


def test_a_hundred_integrations_make_one_page():
    lines = [Line(f"line-{number:03}", "http", labels=Labels(team="t")) for number in range(100)]
    assert len(order_of(page(FakeDialtone(lines + troubled())))) == 109


def test_an_injected_fault_is_told_at_the_top_and_at_its_integration():
    dialtone = FakeDialtone()
    before = page(dialtone)
    injection = Injection(
        actor="<ann>", reason="game day", since=0.0, expires_at=dialtone.clock.time() + 600, faults=(Error(),)
    )
    Faults(dialtone.faulty, clock=dialtone.clock).begin("github-prod", injection, seconds=600)

    text = page(dialtone)
    filtered = page(dialtone, "/?q=slack")
    detail = page(dialtone, "/integrations/github-prod")

    words = "status 503 on all requests, injected by &lt;ann&gt;: game day (ends in 10\N{NO-BREAK SPACE}min)"
    assert "gameday" not in before
    assert "Fault injected" not in before
    assert "1 integration with injected faults:" in text
    assert text.count(words) == 2
    assert text.index("gameday") < text.index("<h1>")
    assert filtered.count(words) == 1
    assert detail.count(words) == 1
    assert "dialtone fault github-prod --stop" in detail


class Desk:
    """One credential that ends in six days, and one that is well."""

    def states(self, now):
        return self.states_of("slack-prod", now)

    def states_of(self, integration_id, now):
        same = {"integration": integration_id, "vendor": "slack", "auth": "token", "kind": "bearer"}
        ends = CredentialState(**same, credential="bot-token", state="expiring", expires_at=now + 6 * 86_400)
        lacking = CredentialState(
            **same, credential="signing", state="ok", missing={"files:read": ("files.list",)}
        )
        return (ends, lacking)

    async def renew(self, integration_id):
        raise AssertionError(f"nobody asked to renew {integration_id}")


def page_with_credentials(path: str) -> str:
    parts = dataclasses.replace(FakeDialtone().parts(), credentials=Desk())
    with TestClient(create_app(parts), base_url=LOCAL) as client:
        return client.get(path).text


def test_a_card_tells_of_a_credential_that_ends_soon_and_of_no_other():
    text = page_with_credentials("/")

    assert "Credential <b>bot-token</b>" in text
    assert "expiring, ends" in text
    assert "signing" not in text


def test_one_integrations_page_tells_how_each_credential_stands():
    text = page_with_credentials("/integrations/slack-prod")

    assert '<th scope="row">bot-token</th>' in text
    assert '<th scope="row">signing</th>' in text
    assert "files:read" in text


def test_a_card_counts_its_calm_breakers_and_shows_those_that_are_not():
    text = page(FakeDialtone([Line("well", "http"), Line("ill", "http", breaker=BreakerState.OPEN)]))
    well, ill = (text.split(f'id="card-{name}"')[1].split("</li>")[0] for name in ("well", "ill"))

    assert "2 closed" in well
    assert "Breaker <b>" not in well
    assert "1 closed" in ill
    assert "Breaker <b>read</b>" in ill
