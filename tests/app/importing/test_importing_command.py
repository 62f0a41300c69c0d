"""`dialtone import` as it is typed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main

CORPUS = Path(__file__).parent / "corpus"
GOOD = 'endpoints: [{name: a, url: "https://a.example/", conditions: ["[STATUS] == 200"]}]\n'


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["import", *map(str, arguments)], catch_exceptions=False)


def test_all_carried_over_ends_with_0_and_the_file_on_stdout(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(GOOD)
    result = run("gatus", tmp_path / "config.yaml")
    assert result.exit_code == 0
    assert 'url: "https://a.example/"' in result.stdout
    assert "1 integration imported." in result.stderr


@pytest.mark.parametrize(("peer", "file"), [("gatus", "gatus.yaml"), ("uptime-kuma", "uptime_kuma.json")])
def test_something_left_out_ends_with_1_and_says_what(peer: str, file: str) -> None:
    result = run(peer, CORPUS / file)
    assert result.exit_code == 1
    assert "things left out:" in result.stderr
    assert "integrations:" in result.stdout


def test_modules_without_targets_are_left_out_with_what_to_type() -> None:
    result = run("blackbox", CORPUS / "blackbox.yml")
    assert result.exit_code == 1
    assert "integrations: []" in result.stdout
    assert "Pass what is probed: --targets" in result.stderr


def test_targets_are_read_from_their_file() -> None:
    result = run("blackbox", CORPUS / "blackbox.yml", "--targets", CORPUS / "blackbox_targets.yml")
    assert "10 integrations imported." in result.stderr


def test_json_is_one_document_with_everything() -> None:
    result = run("gatus", CORPUS / "gatus.yaml", "--json")
    answer = json.loads(result.stdout)
    assert set(answer) == {"integrations", "left_out", "variables", "notes", "yaml"}
    assert len(answer["integrations"]) == 6
    assert result.exit_code == 1
    assert result.stderr == ""


def test_an_existing_output_is_only_overwritten_by_force(tmp_path: Path) -> None:
    source, output = tmp_path / "config.yaml", tmp_path / "dialtone.yaml"
    source.write_text(GOOD)
    output.write_text("precious")
    refused = run("gatus", source, "--output", output)
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert output.read_text() == "precious"
    assert run("gatus", source, "--output", output, "--force").exit_code == 0
    assert "a.example" in output.read_text()


def test_an_output_without_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(GOOD)
    result = run("gatus", tmp_path / "config.yaml", "--output", tmp_path / "no" / "file")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize(
    ("peer", "content", "told"),
    [
        ("gatus", b"a: 1\nb: [", ":2: found no YAML (did not find expected node content)"),
        ("gatus", b"modules: {}", ":1: found no endpoints, expected a configuration of Gatus"),
        ("gatus", b"\nendpoints: {}", ":2: endpoints: found no list, expected a list"),
        ("gatus", b"a: 1\n\n\xff", ":3: found bytes that are no UTF-8, expected text"),
        ("gatus", b"endpoints:\n  - {name: a, name: b}", ":2: endpoints[0].name: found the key again"),
        ("gatus", b"a: *b", ":1: a: found the alias *b, expected an anchor before it"),
        ("gatus", b"a: 1\nb:\n  <<: 5", ":3: b.<<: found something else, expected a mapping"),
        ("blackbox", b"endpoints: []", "found no mapping of modules, expected a configuration of blackbox"),
        ("uptime-kuma", b'{\n"a": 1,\n}', ":3: found no JSON"),
        ("uptime-kuma", b'{"a": 1}', "expected a backup of Uptime Kuma with a list `monitorList`"),
        ("uptime-kuma", b'{\n"monitorList": 5}', ":2: monitorList: found no such list"),
    ],
)
def test_a_wrong_file_is_told_with_line_and_expectation(peer, content, told, tmp_path) -> None:
    (tmp_path / "file").write_bytes(content)
    result = run(peer, tmp_path / "file")
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stdout == ""


def test_a_file_that_is_not_there_and_a_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        result = run("gatus", path)
        assert result.exit_code == 2
        assert "found no file that can be read" in result.stderr


def test_a_target_whose_host_can_be_none_is_left_out_and_told(tmp_path: Path) -> None:
    (tmp_path / "blackbox.yml").write_text("modules: {http_2xx: {prober: http}}")
    (tmp_path / "targets").write_text("[{targets: ['a b', 'a..b:80', a.example]}]")
    result = run("blackbox", tmp_path / "blackbox.yml", "--targets", tmp_path / "targets")
    assert "1 integration imported." in result.stderr
    assert result.stderr.count("url: not a valid address") == 2


def test_targets_of_no_known_form_are_told(tmp_path: Path) -> None:
    (tmp_path / "targets").write_text("a: b")
    result = run("blackbox", CORPUS / "blackbox.yml", "--targets", tmp_path / "targets")
    assert result.exit_code == 2
    assert "a list of target groups, or a URL a line" in result.stderr


def test_merge_keys_give_way_to_own_keys_and_to_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(
        "x-a: &a {interval: 10s, url: 'https://a.example/'}\nx-b: &b {interval: 20s, method: PUT}\n"
        "endpoints:\n  - {name: one, <<: [*a, *b]}\n  - {name: two, <<: *a, interval: 30s}\n"
    )
    one, two = json.loads(run("gatus", tmp_path / "file", "--json").stdout)["integrations"]
    assert one["settings"]["check"]["interval"] == 10
    assert one["settings"]["config"]["method"] == "PUT"
    assert two["settings"]["check"]["interval"] == 30


def test_ids_are_valid_unique_and_stable(tmp_path: Path) -> None:
    names = ["A b", "a-b", "a_b", "", "日本", "x" * 100, "x" * 101, "-", "a b 2"]
    entries = [{"name": name, "url": "https://a.example/"} for name in names]
    (tmp_path / "file").write_text(json.dumps({"endpoints": entries}))
    first = [
        each["settings"]["id"]
        for each in json.loads(run("gatus", tmp_path / "file", "--json").stdout)["integrations"]
    ]
    assert first[:4] == ["a-b", "a-b-2", "a-b-3", "imported"]
    assert len(set(first)) == len(names)
    assert all(0 < len(each) <= 63 and each.isascii() and each[0].isalnum() for each in first)
    again = json.loads(run("gatus", tmp_path / "file", "--json").stdout)["integrations"]
    assert [each["settings"]["id"] for each in again] == first


def test_of_two_credentials_the_one_that_is_sent_is_kept_and_the_other_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        'endpoints: [{name: a, url: "https://ann:pa55@a.example/", '
        'headers: {Authorization: "Bearer tok"}, conditions: ["[STATUS] == 200"]}]\n'
    )

    result = run("gatus", tmp_path / "config.yaml", "--json")

    answer = json.loads(result.stdout)
    assert [each["name"] for each in answer["variables"]] == ["A_TOKEN"]
    assert [each["setting"] for each in answer["left_out"]] == ["user and password in url"]
    assert "header Authorization" in answer["left_out"][0]["why"]
