"""Push exporters as the API sees them: one that works and one that does not."""

from collections.abc import Sequence

from exporters.push.exporter import ExporterStatus
from exporters.push.trials import Preview, Trial
from exporters.pushing import UnknownExporterError


class FakePushing:
    """`otlp` takes everything, `datadog` refuses the key; there are no others."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.tested: list[str] = []
        self.is_configured = True
        self.order = ("otlp", "datadog")
        self.refusal = "Datadog refuses the API key (403)"

    def status(self) -> Sequence[ExporterStatus]:
        if not self.is_configured:
            return []
        good = ExporterStatus(name="otlp", ok=True, reason="", batches=0, bytes=0, oldest=None, dropped={})
        bad = ExporterStatus(
            name="datadog",
            ok=False,
            reason="Datadog refuses the API key (403); is `site` the right one?",
            batches=12,
            bytes=40_960,
            oldest=self.now - 120,
            dropped={"expired": 7},
        )
        return sorted((good, bad), key=lambda status: self.order.index(status.name))

    async def preview(self, name: str) -> Sequence[Preview]:
        self._find(name)
        return [
            Preview(
                exporter=name,
                url="https://otlp.example.com/v1/metrics",
                route="metrics",
                headers={"content-encoding": "gzip"},
                points=812,
                bytes=9_216,
                body='{"metrics":[{"name":"dialtone.calls"}]}',
            )
        ]

    async def test(self, name: str) -> Trial:
        self._find(name)
        self.tested.append(name)
        is_good = name == "otlp"
        return Trial(
            exporter=name,
            url=f"https://{name}.example.com/v1/metrics",
            route="metrics",
            status=200 if is_good else 403,
            action="taken" if is_good else "retry",
            reason="" if is_good else self.refusal,
            body="{}" if is_good else '{"errors":["Forbidden"]}',
            advice="" if is_good else "exporters.datadog.api_key must be an API key.",
        )

    def _find(self, name: str) -> None:
        if name not in {"otlp", "datadog"}:
            raise UnknownExporterError(f"no exporter {name!r} is configured; there are: otlp, datadog")
