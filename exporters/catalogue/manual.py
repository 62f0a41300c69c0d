"""docs/metrics.md: the catalogue as Markdown."""

from exporters.catalogue import SECTIONS, Family
from exporters.catalogue.process import PROCESS_ROWS
from exporters.naming import dotted


def document() -> str:
    """Return docs/metrics.md: the catalogue as Markdown."""
    lines = [
        "# Metrics",
        "",
        "Written by `python -m exporters.catalogue > docs/metrics.md`; a test fails when the two differ.",
        "",
        "`/metrics` answers in the Prometheus text format 0.0.4 and in OpenMetrics 1.0. With",
        "`metrics: {native_histograms: true}` a Prometheus started with `--enable-feature=native-histograms`",
        "gets histograms whose quantiles are exact to about 1 %, and no `_bucket` series. Durations are",
        "seconds, times are UTC seconds since 1970.",
        "",
        "A metric holds at most 1,000 series, and 100 more for each integration; what is beyond goes into",
        "one whose labels all say `overflow`, and `dialtone_metric_series_dropped_total` counts it. Series",
        "of an integration or a receiver that is removed go away. No others do: `rate()` and `increase()`",
        "would miss the first rise of a counter that comes back. Datadog and New Relic hear of what moved.",
        "",
        "`/metrics?name[]=dialtone_health&name[]=dialtone_calls_total` answers with these metrics only (in",
        "Prometheus: `params` of a scrape configuration). A histogram's `_bucket`, `_sum` and `_count` can",
        "be named apart. A name that nothing has selects nothing.",
        "",
        "Datadog and New Relic carry the unit beside a name with dots; a histogram is a distribution or a",
        "summary there. OTLP has the same names, except where OpenTelemetry's semantic conventions have one.",
    ]
    for title, rows in (*SECTIONS.items(), ("The process", PROCESS_ROWS)):
        lines += [
            "",
            f"## {title}",
            "",
            "| metric | kind | unit | labels | meaning | Datadog, New Relic | OpenTelemetry |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [_document_row(row) for row in rows]
    return "\n".join(lines) + "\n"


def _document_row(row: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in row.labels)
    cells = (f"`{row.name}`", row.kind, row.unit, labels, row.help, f"`{dotted(row)}`", _convention(row))
    return f"| {' | '.join(cells)} |"


def _convention(row: Family) -> str:
    """What OpenTelemetry calls it, where that is something else."""
    if row.convention is None:
        return ""
    renamed = ", ".join(f"`{label}` is `{called}`" for label, called in row.convention.attributes)
    return f"`{row.convention.name}`" + (f"; {renamed}" if renamed else "")
