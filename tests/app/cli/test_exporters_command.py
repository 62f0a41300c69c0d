"""`dialtone exporters` against the application, in-process."""

import json

import pytest

from tests.app.cli.test_commands import run
from tests.fakes.parts import FakeDialtone


@pytest.fixture
def dialtone() -> FakeDialtone:
    return FakeDialtone()


def test_a_trial_that_is_taken_says_so(dialtone):
    result = run(dialtone, "exporters", "test", "otlp")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "POST https://otlp.example.com/v1/metrics",
        "200 {}",
        "✓ otlp took it",
    ]


def test_a_trial_that_is_refused_says_why_and_what_to_do(dialtone):
    result = run(dialtone, "exporters", "test", "datadog")

    assert result.exit_code == 1
    assert '403 {"errors":["Forbidden"]}' in result.stdout
    assert "datadog did not take it: Datadog refuses the API key (403)." in result.stderr
    assert "exporters.datadog.api_key must be an API key." in result.stderr


@pytest.mark.parametrize("reason", ["is it a license key?", "a web page answers.", "it answers 429"])
def test_what_an_intake_says_ends_as_a_sentence_does(dialtone, reason):
    dialtone.push.refusal = reason

    result = run(dialtone, "exporters", "test", "datadog")

    ending = reason if reason.endswith((".", "?")) else f"{reason}."
    assert f"datadog did not take it: {ending}" in result.stderr.splitlines()[0]
    assert not result.stderr.splitlines()[0].endswith(("?.", ".."))


def test_all_are_tried_when_none_is_named_and_one_failure_keeps_no_other_from_its_trial(dialtone):
    dialtone.push.order = ("datadog", "otlp")

    result = run(dialtone, "exporters", "test")

    assert result.exit_code == 1
    assert dialtone.push.tested == ["datadog", "otlp"]
    assert "✗ datadog did not take it" in result.stderr
    assert "✓ otlp took it" in result.stdout
    assert "1 of 2 fail: datadog." in result.stderr


def test_programs_name_the_exporter_they_try(dialtone):
    result = run(dialtone, "exporters", "test", "--json")

    assert result.exit_code == 2
    assert "--json needs the name of one exporter" in result.output
    assert dialtone.push.tested == []


def test_without_exporters_a_trial_says_where_they_are_named(dialtone):
    dialtone.push.is_configured = False

    result = run(dialtone, "exporters", "test")

    assert (result.exit_code, result.stdout.strip()) == (
        0,
        "Metrics are pushed nowhere; `exporters` in the configuration names intakes.",
    )


def test_a_trial_can_be_read_by_programs(dialtone):
    found = json.loads(run(dialtone, "exporters", "test", "datadog", "--json").stdout)

    assert (found["action"], found["advice"]) == ("retry", "exporters.datadog.api_key must be an API key.")


def test_a_preview_shows_where_how_much_and_how_to_see_more(dialtone):
    result = run(dialtone, "exporters", "preview", "otlp")

    assert result.exit_code == 0
    assert "https://otlp.example.com/v1/metrics" in result.stdout
    assert result.stdout.splitlines()[-1] == "--bodies shows what they hold."
    assert "dialtone.calls" not in result.stdout


def test_a_preview_shows_bodies_line_by_line(dialtone):
    result = run(dialtone, "exporters", "preview", "otlp", "--bodies")

    assert '      "name": "dialtone.calls"' in result.stdout.splitlines()


def test_an_exporter_that_is_not_configured_is_named_with_those_that_are(dialtone):
    result = run(dialtone, "exporters", "test", "splunk")

    assert result.exit_code != 0
    assert "no exporter 'splunk' is configured; there are: otlp, datadog" in result.output


def test_the_list_tells_what_waits_and_why(dialtone):
    lines = run(dialtone, "exporters").stdout.splitlines()

    datadog = next(line for line in lines if line.lstrip().startswith("datadog"))
    assert "✗ fails" in datadog
    assert "7 expired" in datadog
    assert "is `site` the right one?" in datadog
