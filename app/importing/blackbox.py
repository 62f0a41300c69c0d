"""blackbox_exporter's configuration: modules of the prober `http`, each with the targets that it is used for.

Keys and meanings are those of its CONFIGURATION.md, config/config.go and prober/http.go.
"""

from collections.abc import Mapping

from app.importing import values
from app.importing.blackbox_module import Module
from app.importing.blackbox_targets import DEFAULT_MODULE, Target, read_targets
from app.importing.draft import Draft
from app.importing.imported import Imported
from app.importing.reading import read_peer_yaml, wrong
from app.importing.references import escaped
from app.importing.report import Report
from app.importing.secrets import is_secret_segment
from integrations.manifest.source import Document

_INTERVAL = 60.0
_SCRAPE_TIMEOUT, _TIMEOUT_OFFSET = 10.0, 0.5
_PROBERS = ("http", "tcp", "dns", "icmp", "grpc", "unix", "websocket")
_THRESHOLDS = (
    "Thresholds stand in Prometheus's alert rules, which are not read: a bad state is confirmed by 3 "
    "failures, at most 15 s apart (check.fail_after, check.retry_interval)."
)
_REDIRECTS = (
    "blackbox_exporter follows redirects unless told otherwise, Dialtone does not: where an address answers "
    "with 301 or 302, configure the one it leads to."
)


def read_blackbox(
    text: str, *, name: str, targets: str | None = None, targets_name: str = "targets"
) -> Imported:
    """Turn the modules of blackbox_exporter and what Prometheus probes with them into ours.

    `targets` is the text of a Prometheus configuration, a file of target groups, or a list of URLs, each with
    its module after a space.

    Raises:
        SourceError: when one of the texts is not what it should be.
    """
    document = read_peer_yaml(text, name=name)
    modules = _modules(document)
    report = Report()
    wanted = None if targets is None else read_targets(targets, name=targets_name, report=report)
    used: set[str] = set()
    for target in wanted or ():
        module = target.module or _default(modules)
        used.add(module)
        line = document.line(("modules", module))
        _probe(report, target, module=module, modules=modules, line=line)
    _tell_unused(report, document, modules, used=used, has_targets=wanted is not None)
    return report.imported()


def _modules(document: Document) -> Mapping[str, object]:
    root = document.value
    modules = root.get("modules") if isinstance(root, dict) else None
    if not isinstance(modules, dict):
        expected = "a configuration of blackbox_exporter, with `modules`"
        line = document.line(("modules",))
        raise wrong(document.name, line, found="no mapping of modules", expected=expected)
    return modules


def _default(modules: Mapping[str, object]) -> str:
    return next(iter(modules)) if len(modules) == 1 else DEFAULT_MODULE


def _probe(report: Report, target: Target, *, module: str, modules: Mapping[str, object], line: int) -> None:
    url = target.url if target.url.lower().startswith(("http://", "https://")) else f"http://{target.url}"
    address = _address(url)
    draft = Draft(
        report,
        entry=" ".join(filter(None, (f"job {target.job}" if target.job else "", f"target {address}"))),
        line=target.line,
        name=f"{target.job} {address}".strip(),
    )
    config = modules.get(module)
    prober = values.text(values.mapping(config).get("prober"))
    if not isinstance(config, dict):
        draft.drop("module", why=f"there is no module {values.shown(module)}", instead="Name one of the file")
    elif prober != "http":
        draft.drop("module", why=_why_not(module, prober), instead="Dialtone checks HTTP only")
    else:
        draft.set_url(escaped(url))
        draft.share(f"module {module}", line=line, name=module)
        _take(report, draft, target, url=url, config=config)
    draft.finish()


def _address(url: str) -> str:
    """An address without what may be secret, to name it."""
    path = url.partition("://")[2].partition("?")[0].partition("#")[0].rpartition("@")[2].split("/")
    return "/".join("…" if is_secret_segment(each) else each for each in path)


def _why_not(module: str, prober: str | None) -> str:
    kind = prober if prober in _PROBERS else "no known prober"
    return f"module {values.shown(module)} is a check of {kind}"


def _take(report: Report, draft: Draft, target: Target, *, url: str, config: Mapping[str, object]) -> None:
    module = Module(draft, values.mapping(config.get("http")), is_tls=url.lower().startswith("https://"))
    module.take()
    if module.follows_redirects:
        report.note(_REDIRECTS)
    report.note(_THRESHOLDS)
    _set_times(draft, target, values.duration(config.get("timeout")))
    for label, value in target.labels.items():
        if not label.startswith("__") and not draft.set_label(label, escaped(value)):
            draft.leave(f"label {label}", why="labels are team, environment and tier", is_own=True)


def _set_times(draft: Draft, target: Target, timeout: float | None) -> None:
    interval = _INTERVAL if target.interval is None else target.interval
    draft.set_interval(interval, retry=min(15.0, max(interval, 1.0)), setting="scrape_interval")
    patience = (target.timeout or min(_SCRAPE_TIMEOUT, interval)) - _TIMEOUT_OFFSET
    patience = patience if timeout is None else min(timeout, patience) if target.timeout else timeout
    if patience > 0:
        draft.set_timeout(patience, setting="timeout")


def _tell_unused(
    report: Report, document: Document, modules: Mapping[str, object], *, used: set[str], has_targets: bool
) -> None:
    for module, config in modules.items():
        if module in used:
            continue
        prober = values.text(values.mapping(config).get("prober"))
        why = "no target uses it" if has_targets else "a module says how to ask, not what"
        instead = (
            ""
            if has_targets
            else "Pass what is probed: --targets prometheus.yml, or a file with a URL a line"
        )
        if prober != "http":
            why, instead = _why_not(module, prober), "Dialtone checks HTTP only"
        line = document.line(("modules", module))
        report.leave(f"module {module}", line=line, why=why, instead=instead)
