"""A client gets the format and encoding its headers prefer."""

import pytest

from exporters.prometheus.negotiation import Format, accepts_gzip, choose_format

TEXT, OPENMETRICS = Format.TEXT, Format.OPENMETRICS

ACCEPT = {
    "nothing": ("", TEXT),
    "curl": ("*/*", TEXT),
    "browser": ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", TEXT),
    "prometheus-2.42": (
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        ),
        OPENMETRICS,
    ),
    "prometheus-2.45": (
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
            "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        ),
        OPENMETRICS,
    ),
    "prometheus-3": (
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
            "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
            "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        ),
        OPENMETRICS,
    ),
    "prometheus-with-protobuf": (
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        ),
        OPENMETRICS,
    ),
    "text-only": ("text/plain;version=0.0.4", TEXT),
    "text-preferred": ("application/openmetrics-text;version=1.0.0;q=0.4,text/plain;q=0.5", TEXT),
    "openmetrics-without-version": ("application/openmetrics-text", OPENMETRICS),
    "openmetrics-0.0.1-only": ("application/openmetrics-text;version=0.0.1,*/*;q=0.1", TEXT),
    "openmetrics-2-only": ("application/openmetrics-text;version=2.0.0", TEXT),
    "openmetrics-refused": ("application/openmetrics-text;q=0,*/*", TEXT),
    "text-refused": ("text/plain;q=0,*/*;q=0.5", OPENMETRICS),
    "all-text-refused": ("text/*;q=0,application/*;q=0.1", OPENMETRICS),
    "a-tie-goes-to-the-named": ("text/plain,application/openmetrics-text", OPENMETRICS),
    "the-specific-range-decides": (
        "application/openmetrics-text;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.5",
        TEXT,
    ),
    "capitals-and-spaces": ("Application/OpenMetrics-Text ; Version=1.0.0 ; Q=0.5 , */*;q=0.1", OPENMETRICS),
    "quoted-version": ('application/openmetrics-text;version="1.0.0"', OPENMETRICS),
    "neither": ("application/json", TEXT),
    "everything-refused": ("*/*;q=0", TEXT),
    "quality-not-a-number": ("application/openmetrics-text;q=nan,text/plain;q=0.1", TEXT),
    "quality-above-one": ("application/openmetrics-text;q=7,text/plain;q=0.1", TEXT),
    "garbage": (";;,=,q=;/,,application;openmetrics-text;q", TEXT),
    "ten-thousand-commas": ("," * 10_000, TEXT),
}


@pytest.mark.parametrize(("header", "wanted"), ACCEPT.values(), ids=ACCEPT)
def test_the_format_is_the_one_the_client_prefers(header: str, wanted: Format) -> None:
    assert choose_format(header) is wanted


ENCODING = {
    "nothing": ("", False),
    "gzip": ("gzip", True),
    "prometheus": ("gzip", True),
    "browser": ("gzip, deflate, br, zstd", True),
    "capitals": ("GZIP", True),
    "old-name": ("x-gzip", True),
    "any": ("*", True),
    "refused": ("gzip;q=0", False),
    "refused-and-any": ("gzip;q=0, *", False),
    "identity-only": ("identity", False),
    "identity-refused": ("identity;q=0, *", True),
    "identity-refused-alone": ("identity;q=0", False),
    "identity-preferred": ("identity;q=1, gzip;q=0.5", False),
    "gzip-preferred": ("identity;q=0.5, gzip", True),
    "a-tie": ("gzip;q=0.5, identity;q=0.5", True),
    "other": ("br, deflate", False),
    "any-refused": ("*;q=0", False),
    "not-readable": ("gzip;q=high", False),
    "garbage": (";=,q;;gzip=1", False),
}


@pytest.mark.parametrize(("header", "wanted"), ENCODING.values(), ids=ENCODING)
def test_gzip_is_used_when_the_client_welcomes_it(header: str, wanted: bool) -> None:
    assert accepts_gzip(header) is wanted


PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (ACCEPT["prometheus-with-protobuf"][0], Format.PROTOBUF),
        (f"{PROTOBUF};q=0.4,application/openmetrics-text;version=1.0.0;q=0.5", OPENMETRICS),
        (f"{PROTOBUF};q=0,*/*", TEXT),
        (PROTOBUF.replace("delimited", "text"), TEXT),
        ("application/vnd.google.protobuf", Format.PROTOBUF),
        ("*/*", TEXT),
        ("application/*", OPENMETRICS),
    ],
)
def test_protobuf_is_chosen_where_it_is_named_and_offered(accept: str, wanted: Format) -> None:
    assert choose_format(accept, protobuf=True) is wanted
    assert choose_format(accept) is not Format.PROTOBUF
