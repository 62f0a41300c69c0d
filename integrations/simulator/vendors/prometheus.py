"""Prometheus's double: the HTTP API's envelope with a little data; PromQL is looked at for its metric only.

Shapes: prometheus.io/docs/prometheus/latest/querying/api and its OpenAPI description.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from integrations.execution.outcome import FailureKind
from integrations.simulator.messages import Request, Response, json_response, text_response
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal

MAX_POINTS = 11_000
"""Points a series may have in a range query, as Prometheus refuses more."""

_SERIES = (
    {"__name__": "up", "job": "shop", "instance": "shop-1:9090"},
    {"__name__": "up", "job": "shop", "instance": "shop-2:9090"},
    {"__name__": "up", "job": "payments", "instance": "payments-1:9090"},
    {"__name__": "http_requests_total", "job": "shop", "instance": "shop-1:9090", "code": "200"},
    {"__name__": "process_cpu_seconds_total", "job": "payments", "instance": "payments-1:9090"},
)
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_CONSTANT = re.compile(r"vector\((\d+(?:\.\d+)?)\)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_STEP = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")

_ERRORS: Mapping[FailureKind, tuple[int, str]] = {
    FailureKind.CLIENT_ERROR: (400, "bad_data"),
    FailureKind.NOT_FOUND: (404, "not_found"),
    FailureKind.THROTTLED: (429, "too_many_requests"),
    FailureKind.SERVER_ERROR: (503, "unavailable"),
    FailureKind.VENDOR_ERROR: (200, "execution"),
}


class Prometheus(GenericVendor):
    """A Prometheus server. A wrong credential is answered in plain text, as web.config does."""

    def refuse(self, refusal: Refusal) -> Response:
        """Say no in the API's envelope; a wrong credential is a plain 401."""
        if refusal.kind is FailureKind.UNAUTHORIZED:
            headers = {"www-authenticate": "Basic"}
            return text_response("Unauthorized", status=401).with_headers(headers)
        if refusal.kind is FailureKind.FORBIDDEN:
            return text_response("Forbidden", status=403)
        status, kind = _ERRORS[refusal.kind]
        wrong = ", ".join(f"{problem.reason} parameter {problem.field!r}" for problem in refusal.problems)
        body = {"status": "error", "errorType": refusal.code or kind, "error": wrong or "simulated"}
        headers = (
            {"retry-after": f"{refusal.retry_after:.0f}"} if refusal.kind is FailureKind.THROTTLED else {}
        )
        return json_response(body, status=refusal.status or status, headers=headers)

    def unknown(self, request: Request) -> Response:
        """Answer as Go's router does."""
        del request
        return text_response("404 page not found\n", status=404)

    def answer(self, exchange: Exchange) -> Response:
        """Answer in the operation's shape; one without data of its own has an empty success."""
        path = exchange.operation.action.path
        if path.startswith("/-/"):
            word = "Healthy" if path == "/-/healthy" else "Ready"
            return text_response(f"Prometheus Server is {word}.\n")
        build = _ANSWERS.get(path.removeprefix("/api/v1"))
        return build(exchange) if build else _success({})


def _success(data: object) -> Response:
    return json_response({"status": "success", "data": data})


def _bad(message: str) -> Response:
    return json_response({"status": "error", "errorType": "bad_data", "error": message}, status=400)


def _instant(query: str, at: float) -> list[Mapping[str, object]]:
    constant = _CONSTANT.fullmatch(query.strip())
    if constant:
        return [{"metric": {}, "value": [at, constant[1]]}]
    return [{"metric": series, "value": [at, _value(series, at)]} for series in _matching(query)]


def _matching(query: str) -> list[Mapping[str, str]]:
    names = set(_METRIC.findall(query))
    return [series for series in _SERIES if series["__name__"] in names]


def _value(series: Mapping[str, str], at: float) -> str:
    # A counter grows by one a second; `up` is 1.
    return "1" if series["__name__"] == "up" else f"{at % 1_000_000:.3f}"


def _query(exchange: Exchange) -> Response:
    if not _METRIC.search(exchange.text("query")):
        return _bad('invalid parameter "query": 1:1: parse error: no expression found in input')
    at = _time(exchange.text("time")) or exchange.now
    return _success({"resultType": "vector", "result": _instant(exchange.text("query"), at)})


def _query_range(exchange: Exchange) -> Response:
    start, end = _time(exchange.text("start")), _time(exchange.text("end"))
    step = _seconds(exchange.text("step"))
    if start is None or end is None or end < start:
        return _bad('invalid parameter "end": end timestamp must not be before start time')
    if not step:
        return _bad(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted'
        )
    if (end - start) / step > MAX_POINTS:
        return _bad("exceeded maximum resolution of 11,000 points per timeseries.")
    times = [start + step * number for number in range(math.floor((end - start) / step) + 1)]
    result = [
        {"metric": series, "values": [[at, _value(series, at)] for at in times]}
        for series in _matching(exchange.text("query"))
    ]
    return _success({"resultType": "matrix", "result": result})


def _targets(exchange: Exchange) -> Response:
    targets = [_target(series, exchange) for series in _SERIES if series["__name__"] == "up"]
    return _success({"activeTargets": targets, "droppedTargets": [], "droppedTargetCounts": {}})


def _target(series: Mapping[str, str], exchange: Exchange) -> Mapping[str, object]:
    labels = {"instance": series["instance"], "job": series["job"]}
    url = f"http://{series['instance']}/metrics"
    return {
        "discoveredLabels": {"__address__": series["instance"], "job": series["job"]},
        "labels": labels,
        "scrapePool": series["job"],
        "scrapeUrl": url,
        "globalUrl": url,
        "lastError": "",
        "lastScrape": _rfc3339(exchange.now - 5),
        "lastScrapeDuration": 0.004,
        "health": "up",
        "scrapeInterval": "15s",
        "scrapeTimeout": "10s",
    }


def _rules(exchange: Exchange) -> Response:
    rule = {
        "type": "alerting",
        "name": "InstanceDown",
        "query": "up == 0",
        "duration": 300,
        "keepFiringFor": 0,
        "labels": {"severity": "page"},
        "annotations": {},
        "alerts": [],
        "health": "ok",
        "state": "inactive",
        "evaluationTime": 0.0003,
        "lastEvaluation": _rfc3339(exchange.now - 5),
    }
    group = {
        "name": "availability",
        "file": "/etc/prometheus/rules.yml",
        "rules": [rule],
        "interval": 60,
        "limit": 0,
        "evaluationTime": 0.0004,
        "lastEvaluation": _rfc3339(exchange.now - 5),
    }
    return _success({"groups": [group]})


def _alerts(exchange: Exchange) -> Response:
    del exchange
    return _success({"alerts": []})


def _build_info(exchange: Exchange) -> Response:
    del exchange
    return _success(
        {
            "version": "2.42.0",
            "revision": "simulated",
            "branch": "HEAD",
            "buildUser": "simulator",
            "buildDate": "20230131-00:00:00",
            "goVersion": "go1.19.5",
        }
    )


def _metadata(exchange: Exchange) -> Response:
    wanted = exchange.text("metric")
    known = {"up": ("gauge", "Whether the target is up."), "http_requests_total": ("counter", "Requests.")}
    found = {
        name: [{"type": kind, "help": text, "unit": ""}]
        for name, (kind, text) in known.items()
        if wanted in ("", name)
    }
    return _success(found)


def _format_query(exchange: Exchange) -> Response:
    return _success(" ".join(exchange.text("query").split()))


def _alertmanagers(exchange: Exchange) -> Response:
    del exchange
    url = "http://alertmanager:9093/api/v2/alerts"
    return _success({"activeAlertmanagers": [{"url": url}], "droppedAlertmanagers": []})


def _flags(exchange: Exchange) -> Response:
    del exchange
    return _success({"config.file": "/etc/prometheus/prometheus.yml", "log.level": "info"})


def _runtime_info(exchange: Exchange) -> Response:
    started = _rfc3339(exchange.now - 86_400)
    numbers = {"corruptionCount": 0, "goroutineCount": 40, "GOMAXPROCS": 2, "GOMEMLIMIT": 2**62}
    texts = {"CWD": "/", "hostname": "prometheus", "GOGC": "75", "GODEBUG": "", "storageRetention": "15d"}
    times = {"startTime": started, "lastConfigTime": started, "serverTime": _rfc3339(exchange.now)}
    return _success({**times, **numbers, **texts, "reloadConfigSuccess": True})


def _tsdb(exchange: Exchange) -> Response:
    most = exchange.integer("limit", 10)
    end = int(exchange.now * 1_000)
    head = {"numSeries": len(_SERIES), "numLabelPairs": 9, "chunkCount": 20, "minTime": 0, "maxTime": end}
    by_metric = [{"name": "up", "value": 3}, {"name": "http_requests_total", "value": 1}][:most]
    lists = ("labelValueCountByLabelName", "memoryInBytesByLabelName", "seriesCountByLabelValuePair")
    rest = {name: [{"name": "job", "value": 2}][:most] for name in lists}
    return _success({"headStats": head, "seriesCountByMetricName": by_metric, **rest})


def _series(exchange: Exchange) -> Response:
    wanted = " ".join(value for key, value in exchange.request.query if key == "match[]")
    return _success(_matching(wanted or exchange.text("match[]")))


def _labels(exchange: Exchange) -> Response:
    del exchange
    return _success(sorted({name for series in _SERIES for name in series}))


def _label_values(exchange: Exchange) -> Response:
    wanted: Sequence[str] = tuple(exchange.operation.path_values.values())
    return _success(sorted({series[name] for series in _SERIES for name in wanted if name in series}))


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _time(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _seconds(text: str) -> float | None:
    found = _STEP.fullmatch(text)
    return float(found[1]) * _UNITS[found[2] or "s"] if found else None


_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "/query": _query,
    "/query_range": _query_range,
    "/metadata": _metadata,
    "/format_query": _format_query,
    "/alertmanagers": _alertmanagers,
    "/status/flags": _flags,
    "/status/runtimeinfo": _runtime_info,
    "/status/tsdb": _tsdb,
    "/targets": _targets,
    "/rules": _rules,
    "/alerts": _alerts,
    "/series": _series,
    "/labels": _labels,
    "/label/{name}/values": _label_values,
    "/status/buildinfo": _build_info,
}
