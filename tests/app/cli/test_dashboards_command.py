"""`dialtone dashboards`: boards on disk, into a Grafana, and what that lacks."""

import json
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from app.boards import shipped_boards, shipped_files
from app.cli import main
from app.grafana import LARGEST
from tests.fakes.grafana import INFINITY, TOKEN, FakeGrafana

URL = "https://grafana.example.com/sub"
FOLDER = Path(__file__).parents[3] / "dashboards"


@pytest.fixture
def grafana() -> FakeGrafana:
    return FakeGrafana()


class Below:
    """Grafana under a path, as behind a proxy: what is elsewhere is not its own."""

    def __init__(self, grafana: FakeGrafana) -> None:
        self._grafana = grafana

    def client(self, _: str) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        if not path.startswith("/sub/api/"):
            return httpx.Response(404, text="<html>no such page</html>")
        return self._grafana.answer(
            httpx.Request(
                request.method,
                f"https://grafana.example.com{path.removeprefix('/sub')}",
                headers=request.headers,
                content=request.content,
            )
        )


def run(grafana: FakeGrafana, *arguments: str, token: str = TOKEN) -> Result:
    result = CliRunner().invoke(
        main,
        ["dashboards", *arguments],
        obj=Below(grafana).client,
        env={"GRAFANA_TOKEN": token},
        catch_exceptions=False,
    )
    assert TOKEN not in result.output
    return result


def test_what_is_shipped_is_what_the_repository_holds() -> None:
    files = shipped_files()
    assert {path for path in files if path.endswith(".json")} == {path.name for path in FOLDER.glob("*.json")}
    assert {"rules/alerts.yml", "rules/recording.yml"} <= set(files)
    assert all((FOLDER / path).read_bytes() == content for path, content in files.items())


def test_an_export_writes_every_file_and_may_be_repeated(grafana: FakeGrafana, tmp_path: Path) -> None:
    first, again = (run(grafana, "export", str(tmp_path / "boards")) for _ in range(2))

    assert (first.exit_code, again.exit_code) == (0, 0)
    for path, content in shipped_files().items():
        assert (tmp_path / "boards" / path).read_bytes() == content
        assert path in first.stdout


def test_an_export_overwrites_what_is_other_only_by_force(grafana: FakeGrafana, tmp_path: Path) -> None:
    (tmp_path / "overview.json").write_text("{}")

    refused = run(grafana, "export", str(tmp_path))
    assert refused.exit_code == 2
    assert "has other files of these names: overview.json. --force overwrites them." in refused.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "overview.json"]

    assert run(grafana, "export", str(tmp_path), "--force").exit_code == 0
    assert json.loads((tmp_path / "overview.json").read_text())["uid"] == "dialtone-overview"


def test_an_export_into_what_is_no_folder_says_so(grafana: FakeGrafana, tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("a file")
    result = run(grafana, "export", str(tmp_path))
    assert result.exit_code == 1
    assert "rules" in result.stderr


def test_a_push_makes_the_folder_and_the_boards(grafana: FakeGrafana) -> None:
    result = run(grafana, "push", URL)

    assert result.exit_code == 0
    assert grafana.folders == {"dialtone": "Dialtone"}
    assert set(grafana.boards) == set(shipped_boards())
    assert set(grafana.folder_of.values()) == {"dialtone"}
    assert result.stdout.splitlines()[0] == "made the folder Dialtone"
    assert "made      dialtone-overview: Dialtone: fleet overview" in result.stdout


def test_a_second_push_saves_only_what_differs(grafana: FakeGrafana) -> None:
    run(grafana, "push", URL)
    grafana.boards["dialtone-checks"]["title"] = "changed by hand"
    saves = grafana.saves

    result = run(grafana, "push", f"{URL}/")

    assert grafana.saves == saves + 1
    assert grafana.boards["dialtone-checks"]["title"] == "Dialtone: checks and phases"
    assert "replaced  dialtone-checks" in result.stdout
    assert "unchanged dialtone-overview" in result.stdout


def test_a_push_goes_into_the_folder_that_is_named(grafana: FakeGrafana) -> None:
    grafana.folders["sre"] = "Of the SREs"
    result = run(grafana, "push", URL, "--folder-uid", "sre")
    assert grafana.folders == {"sre": "Of the SREs"}
    assert set(grafana.folder_of.values()) == {"sre"}
    assert "made the folder" not in result.stdout


def test_a_token_is_read_from_a_file(grafana: FakeGrafana, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert run(grafana, "push", URL, "--token-file", str(tmp_path / "token"), token="").exit_code == 0
    missing = run(grafana, "push", URL, "--token-file", str(tmp_path / "none"))
    assert missing.exit_code == 2
    assert "does not give a token" in missing.stderr


def test_a_wrong_token_says_what_to_give(grafana: FakeGrafana) -> None:
    result = run(grafana, "push", URL, token="wrong")
    assert result.exit_code == 1
    assert "it answered 401: Unauthorized. Give a service account's token in GRAFANA_TOKEN" in result.stderr


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(403, json={"message": "You'll need additional permissions"}), "the role Editor"),
        (
            httpx.Response(400, json={"message": "Cannot save provisioned dashboard"}),
            "Cannot save provisioned dashboard. A board that was provisioned from files",
        ),
        (httpx.Response(412, json={"message": "name exists", "status": "name-exists"}), "has this title"),
        (httpx.Response(413, text="<html>too large</html>"), "raise its limit"),
        (httpx.Response(500, text="oops"), "it answered 500. Look at Grafana's log."),
        (
            httpx.Response(302, headers={"location": "https://other.example.com/login?next=secret"}),
            "It redirects to https://other.example.com/login: give that address",
        ),
    ],
    ids=["permission", "provisioned", "title", "proxy", "broken", "redirect"],
)
def test_a_refusal_says_what_was_being_done_and_what_to_do(
    grafana: FakeGrafana, answer: httpx.Response, told: str
) -> None:
    grafana.refuse = answer
    result = run(grafana, "push", URL)
    assert result.exit_code == 1
    assert f"Cannot make the folder Dialtone at {URL}: " in result.stderr
    assert told in result.stderr
    assert "secret" not in result.stderr


@pytest.mark.parametrize("command", ["push", "check"])
def test_an_address_that_is_not_grafanas_is_told(grafana: FakeGrafana, command: str) -> None:
    result = run(grafana, command, "https://grafana.example.com")
    assert result.exit_code == 1
    assert "it answered 404. Give Grafana's own address, with its sub-path" in result.stderr


def test_something_else_that_answers_is_told() -> None:
    def client(_: str) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="<html>")))

    result = CliRunner().invoke(main, ["dashboards", "check", URL], obj=client)
    assert result.exit_code == 1
    assert "does not tell its health as Grafana does" in result.stderr


def test_an_answer_without_end_is_given_up() -> None:
    def client(_: str) -> httpx.Client:
        endless = httpx.Response(200, content=b" " * (LARGEST + 1))
        return httpx.Client(transport=httpx.MockTransport(lambda _: endless))

    result = CliRunner().invoke(main, ["dashboards", "check", URL], obj=client)
    assert result.exit_code == 1
    assert "an answer of more than" in result.stderr


def test_a_server_that_is_away_is_told() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    def client(_: str) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(refuse))

    result = CliRunner().invoke(main, ["dashboards", "push", URL], obj=client)
    assert result.exit_code == 1
    assert "connection refused" in result.stderr
    assert "Is this Grafana's address, with http:// or https://?" in result.stderr


def test_a_check_of_a_grafana_that_has_all_is_good(grafana: FakeGrafana) -> None:
    run(grafana, "push", URL)
    result = run(grafana, "check", URL)
    assert result.exit_code == 0
    assert "version 12.3.0" in result.stdout
    assert "✗" not in result.stdout


def test_a_check_names_each_thing_that_is_lacking(grafana: FakeGrafana) -> None:
    run(grafana, "push", URL)
    del grafana.boards["dialtone-usage"]
    grafana.boards["dialtone-checks"]["panels"] = []
    grafana.known = {"count(dialtone_build_info)"}
    grafana.sources.remove(INFINITY)

    result = run(grafana, "check", URL)

    assert result.exit_code == 1
    lacking = [line.split("✗")[0].strip() for line in result.stdout.splitlines() if "✗" in line]
    assert lacking == [
        "board dialtone-checks",
        "board dialtone-usage",
        "recording rules in Main Prometheus",
        "data source Infinity",
    ]
    assert "install the plugin yesoreyeram-infinity-datasource" in result.stdout


def test_a_check_tells_a_prometheus_that_does_not_scrape_dialtone(grafana: FakeGrafana) -> None:
    grafana.known = set()
    result = run(grafana, "check", URL)
    assert "Main Prometheus: none has metrics of Dialtone; let one scrape its /metrics" in result.stdout

    grafana.sources = []
    assert "add a data source for the Prometheus" in run(grafana, "check", URL).stdout
