"""OpenTelemetry's environment variables: taken where the file says nothing, refused by name when wrong."""

from pathlib import Path

import pytest

from app.settings import SettingsError, load_settings
from exporters.otlp.settings import Compression, SamplerName
from exporters.settings import Histograms, OTLPSettings, Temporality

LOCAL = "http://collector:4318"


def otlp(tmp_path: Path, text: str = "", /, **environment: str) -> OTLPSettings | None:
    path = tmp_path / "dialtone.yaml"
    path.write_text(text)
    variables = {f"OTEL_{name}": value for name, value in environment.items()}
    return load_settings(path, environment=variables).exporters.otlp


def found(tmp_path: Path, text: str = "", /, **environment: str) -> OTLPSettings:
    settings = otlp(tmp_path, text, **environment)
    assert settings is not None
    return settings


def enabled(settings: OTLPSettings) -> tuple[bool, bool, bool]:
    return settings.metrics.enabled, settings.traces.enabled, settings.logs.enabled


def test_an_endpoint_sends_all_signals_and_without_one_nothing_is_sent(tmp_path: Path) -> None:
    settings = found(tmp_path, EXPORTER_OTLP_ENDPOINT=f"{LOCAL}/")

    assert otlp(tmp_path, SERVICE_NAME="phone", TRACES_SAMPLER="always_on") is None
    assert otlp(tmp_path, EXPORTER_OTLP_ENDPOINT="") is None
    assert enabled(settings) == (True, True, True)
    assert [settings.destination(name).url for name in ("metrics", "traces", "logs")] == [
        f"{LOCAL}/v1/metrics",
        f"{LOCAL}/v1/traces",
        f"{LOCAL}/v1/logs",
    ]


def test_a_signal_may_go_elsewhere_by_itself(tmp_path: Path) -> None:
    settings = found(
        tmp_path, EXPORTER_OTLP_TRACES_ENDPOINT="https://tempo.example/x", EXPORTER_OTLP_TRACES_TIMEOUT="2500"
    )

    assert enabled(settings) == (False, True, False)
    assert settings.destination("traces").url == "https://tempo.example/x"
    assert settings.destination("traces").timeout == 2.5


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [("none", (True, False, True)), ("otlp", (True, True, True)), ("console, otlp", (True, True, True))],
)
def test_a_signal_is_turned_off_by_the_exporters_name(
    tmp_path: Path, kinds: str, expected: tuple[bool, bool, bool]
) -> None:
    assert enabled(found(tmp_path, EXPORTER_OTLP_ENDPOINT=LOCAL, TRACES_EXPORTER=kinds)) == expected


def test_all_that_the_specification_names_is_read(tmp_path: Path) -> None:
    settings = found(
        tmp_path,
        EXPORTER_OTLP_ENDPOINT=LOCAL,
        EXPORTER_OTLP_PROTOCOL="http/protobuf",
        EXPORTER_OTLP_HEADERS="api-key=can%20ary, x-team = phones",
        EXPORTER_OTLP_LOGS_HEADERS="api-key=other",
        EXPORTER_OTLP_TIMEOUT="90000",
        EXPORTER_OTLP_COMPRESSION="none",
        EXPORTER_OTLP_METRICS_COMPRESSION="gzip",
        EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="Delta",
        EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION="base2_exponential_bucket_histogram",
        SERVICE_NAME="phone",
        RESOURCE_ATTRIBUTES="service.name=ignored,deployment.environment.name=pro%2Cduction",
        TRACES_SAMPLER="parentbased_traceidratio",
        TRACES_SAMPLER_ARG="0.25",
    )

    headers = {name: value.reveal() for name, value in settings.destination("traces").headers.items()}
    assert headers == {"api-key": "can ary", "x-team": "phones"}
    assert settings.destination("logs").headers["api-key"].reveal() == "other"
    assert settings.timeout == 30.0
    assert settings.destination("traces").compression is Compression.NONE
    assert settings.destination("metrics").compression is Compression.GZIP
    assert (settings.temporality, settings.histograms) == (Temporality.DELTA, Histograms.EXPONENTIAL)
    assert settings.resource == {"service.name": "phone", "deployment.environment.name": "pro,duction"}
    assert (settings.traces.sampler, settings.traces.ratio) == (SamplerName.PARENTBASED_TRACEIDRATIO, 0.25)
    assert settings.traces.sampled_by().takes("0" * 32)
    assert not settings.traces.sampled_by().takes("f" * 32)
    assert "can ary" not in repr(settings)


def test_the_interval_of_metrics_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dialtone.yaml"
    path.write_text("exporters: {flush_interval: 30}")
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": LOCAL, "OTEL_METRIC_EXPORT_INTERVAL": "60000"}
    assert load_settings(path, environment=variables).exporters.flush_interval == 30.0
    path.write_text("")
    assert load_settings(path, environment=variables).exporters.flush_interval == 60.0


def test_the_file_goes_before_the_environment_key_by_key(tmp_path: Path) -> None:
    text = """
exporters:
  otlp:
    endpoint: http://file:4318
    headers: {api-key: "${OTEL_KEY}"}
    resource: {service.name: file}
    traces: {enabled: true, ratio: 0.5}
"""
    settings = found(
        tmp_path,
        text,
        KEY="from the file",
        EXPORTER_OTLP_ENDPOINT=LOCAL,
        EXPORTER_OTLP_HEADERS="api-key=environment,x-more=1",
        EXPORTER_OTLP_TIMEOUT="5000",
        SERVICE_NAME="environment",
        RESOURCE_ATTRIBUTES="host.name=web-1",
        TRACES_SAMPLER="traceidratio",
        TRACES_SAMPLER_ARG="0.1",
    )

    assert settings.endpoint == "http://file:4318"
    assert {name: value.reveal() for name, value in settings.headers.items()} == {"api-key": "from the file"}
    assert settings.timeout == 5.0
    assert settings.resource == {"service.name": "file", "host.name": "web-1"}
    assert enabled(settings) == (True, True, False)
    assert (settings.traces.sampler, settings.traces.ratio) == (SamplerName.TRACEIDRATIO, 0.5)


def test_the_sdk_disabled_means_that_nothing_is_taken_from_the_environment(tmp_path: Path) -> None:
    assert otlp(tmp_path, SDK_DISABLED="true", EXPORTER_OTLP_ENDPOINT=LOCAL) is None
    assert otlp(tmp_path, SDK_DISABLED="false", EXPORTER_OTLP_ENDPOINT=LOCAL) is not None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("EXPORTER_OTLP_ENDPOINT", "collector:4317", "an address such as http://collector:4318"),
        ("EXPORTER_OTLP_TIMEOUT", "10s", "a whole number of milliseconds"),
        ("EXPORTER_OTLP_TRACES_COMPRESSION", "zstd", "one of gzip, none"),
        ("EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("EXPORTER_OTLP_HEADERS", "canary-7431", "key=value"),
        ("EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "weekly", "one of cumulative, delta, lowmemory"),
        ("TRACES_SAMPLER", "sometimes", "one of always_on"),
        ("RESOURCE_ATTRIBUTES", "canary-7431", "key=value"),
        ("METRIC_EXPORT_INTERVAL", "-1", "a whole number of milliseconds"),
    ],
)
def test_a_wrong_value_is_refused_by_the_variables_name(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        otlp(tmp_path, **{"EXPORTER_OTLP_ENDPOINT": LOCAL, name: value})

    message = str(caught.value)
    assert message.startswith(f"the environment: OTEL_{name}: found ")
    assert expected in message
    assert "canary" not in message


def test_a_ratio_that_no_sampler_asks_for_is_not_looked_at(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="OTEL_TRACES_SAMPLER_ARG"):
        otlp(tmp_path, EXPORTER_OTLP_ENDPOINT=LOCAL, TRACES_SAMPLER="traceidratio", TRACES_SAMPLER_ARG="2")

    settings = found(
        tmp_path, EXPORTER_OTLP_ENDPOINT=LOCAL, TRACES_SAMPLER="always_off", TRACES_SAMPLER_ARG="2"
    )
    assert settings.traces.sampled_by().ratio == 0.0


def test_a_section_that_is_none_is_told_as_before(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="exporters"):
        otlp(tmp_path, "exporters: 3", EXPORTER_OTLP_ENDPOINT=LOCAL)
    with pytest.raises(SettingsError, match=r"exporters\.otlp"):
        otlp(tmp_path, "exporters: {otlp: yes please}", EXPORTER_OTLP_ENDPOINT=LOCAL)


def test_a_certificate_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match=r"exporters\.otlp\.traces\.ca_file"):
        otlp(tmp_path, EXPORTER_OTLP_ENDPOINT=LOCAL, EXPORTER_OTLP_TRACES_CERTIFICATE="ca.pem")
