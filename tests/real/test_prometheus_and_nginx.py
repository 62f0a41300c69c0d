"""Dialtone between a real nginx and a real Prometheus: as caller, as checker and as scraped target."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.real.conftest import CERTIFICATE_DAYS, Site
from tests.real.servers import answers, eventually, program, running


@pytest.mark.parametrize(
    ("integration", "state"),
    [
        ("prometheus-real", "up"),
        ("web", "up"),
        ("says-no", "down"),
        ("broken", "down"),
        ("locked", "unauthorized"),
        ("gone", "down"),
        ("tls", "up"),
        ("tls-ending", "down"),
        ("tls-untrusted", "down"),
    ],
)
def test_each_vendor_is_judged_by_what_it_means(site: Site, integration: str, state: str) -> None:
    eventually(f"{integration} is {state}", lambda: site.state(integration) == state)


def test_a_failed_condition_is_named_with_what_was_seen(site: Site) -> None:
    eventually("says-no is down", lambda: site.state("says-no") == "down")
    reason = str(site.health("says-no")["reason"])
    assert "/status" in reason
    assert "failing" in reason


def test_a_certificate_that_nears_its_end_is_told_in_days_and_as_a_metric(site: Site) -> None:
    eventually("tls-ending is down", lambda: site.state("tls-ending") == "down")
    assert "certificate ends in 9.0 days, wanted 14" in str(site.health("tls-ending")["reason"])
    days = '(dialtone_certificate_expiry_timestamp_seconds{integration="tls"} - time()) / 86400'
    result = eventually("the certificate's end is scraped", lambda: site.promql(days))
    assert isinstance(result, list)
    assert float(result[0]["value"][1]) == pytest.approx(CERTIFICATE_DAYS, abs=0.1)


def test_an_untrusted_certificate_is_a_tls_failure(site: Site) -> None:
    eventually("tls-untrusted is down", lambda: site.state("tls-untrusted") == "down")
    assert "(TLS): the certificate is not valid" in str(site.health("tls-untrusted")["reason"])


def test_a_query_through_dialtone_reads_the_scrape_of_dialtone(site: Site) -> None:
    def value() -> object:
        answer = httpx.post(
            f"{site.url}/v2/integrations/prometheus-real/actions/query",
            json={"params": {"query": 'up{job="dialtone"}'}}, timeout=10,
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        result = answer.json()["data"]["result"]
        return result and result[0]["value"][1] == "1"

    eventually("Prometheus has scraped Dialtone", value)


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("query_range", {"query": "up", "start": "1700000000", "end": "1700000060", "step": "15s"}),
        ("labels", {}),
        ("label_values", {"name": "job"}),
        ("series", {"match": ["up"]}),
        ("metadata", {"metric": "up"}),
        ("format_query", {"query": "sum(up)by(job)"}),
        ("targets", {"state": "active"}),
        ("rules", {}),
        ("alerts", {}),
        ("alertmanagers", {}),
        ("flags", {}),
        ("runtimeinfo", {}),
        ("tsdb", {"limit": 5}),
        ("buildinfo", {}),
        ("ready", {}),
        ("healthy", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_real_prometheus_answers_every_action(site: Site, action: str, params: dict[str, object]) -> None:
    url = f"{site.url}/v2/integrations/prometheus-real/actions/{action}"

    answer = httpx.post(url, json={"params": params}, timeout=10)

    assert answer.status_code == 200, answer.text
    assert answer.json()["data"] is not None


def test_the_scrape_holds_health_and_calls(site: Site) -> None:
    eventually(
        "health is scraped",
        lambda: site.promql('dialtone_health{integration="web",capability="",state="up"} == 1'),
    )
    eventually("calls are scraped", lambda: site.promql('dialtone_calls_total{integration="web"} > 0'))


@pytest.mark.parametrize(
    "accept",
    ["text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0"],
)
def test_both_text_formats_are_served(site: Site, accept: str) -> None:
    answer = httpx.get(f"{site.url}/metrics", headers={"Accept": accept}, timeout=10)
    assert answer.headers["content-type"].startswith(accept.split(";", maxsplit=1)[0])
    assert "dialtone_calls_total" in answer.text


def test_promtool_finds_no_fault_in_the_metrics(site: Site) -> None:
    text = httpx.get(f"{site.url}/metrics", headers={"Accept": "text/plain"}, timeout=10).content
    result = subprocess.run(
        [program("promtool"), "check", "metrics"], input=text, capture_output=True, check=False
    )
    ours = [line for line in (result.stdout + result.stderr).decode().splitlines() if "dialtone_" in line]
    assert ours == []


def test_a_vendor_that_goes_away_is_down_and_comes_back_up(site: Site, tmp_path: Path) -> None:
    pid = int((site.folder / "nginx.pid").read_text())
    eventually("web is up", lambda: site.state("web") == "up")
    subprocess.run(["kill", "-TERM", str(pid)], check=True)
    eventually("web is down", lambda: site.state("web") == "down")
    with running(site.nginx_command(), log=tmp_path / "nginx.log"):
        eventually("nginx answers again", lambda: answers(f"http://127.0.0.1:{site.nginx}/health"))
        eventually("web is up again", lambda: site.state("web") == "up")


def test_the_command_line_shows_status_and_asks_duckdb(site: Site) -> None:
    status = site.command("status", "--json")
    assert status.returncode == 0, status.stderr
    assert {"web", "prometheus-real"} <= {item["id"] for item in json.loads(status.stdout)["integrations"]}
    query = eventually(
        "DuckDB has rows",
        lambda: (
            (result := site.command("query", "performance", "--json")).returncode == 0
            and json.loads(result.stdout)["rows"]
            and result
        ),
    )
    assert query


def test_it_stops_within_its_deadline_and_loses_nothing(site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path)
    other.nginx, other.tls, other.prometheus = site.nginx, site.tls, site.prometheus
    other.certificate = site.certificate
    with running(other.dialtone_command(), log=tmp_path / "dialtone.log") as process:
        eventually("it is ready", lambda: answers(f"{other.url}/readyz"))
        process.terminate()
        assert process.wait(20) == 0, (tmp_path / "dialtone.log").read_text()
