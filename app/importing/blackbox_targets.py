"""What blackbox_exporter is asked to probe: a Prometheus configuration, a file of targets, or a list of URLs.

Defaults are Prometheus's: a scrape every minute with 10 s. The exporter takes the module `http_2xx` where
none is named, and `http://` where a target has no scheme (prober/http.go).
"""

from collections.abc import Iterator, Mapping

import msgspec

from app.importing import values
from app.importing.reading import read_peer_yaml, wrong
from app.importing.report import Report
from integrations.manifest.source import Document, Path

DEFAULT_MODULE = "http_2xx"

_STANDARD_RELABELS = frozenset(("__param_target", "instance", "__address__"))
_EXPECTED = "a Prometheus configuration with scrape_configs, a list of target groups, or a URL a line"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One address that is probed; seconds are None where the file says nothing."""

    job: str
    url: str
    module: str
    line: int
    labels: Mapping[str, str] = {}
    interval: float | None = None
    timeout: float | None = None


def read_targets(text: str, *, name: str, report: Report) -> list[Target]:
    """Read the targets, and tell the report what cannot be taken of them.

    Raises:
        SourceError: when the file is none of the three.
    """
    if _is_list_of_urls(text):
        return list(_plain(text))
    document = read_peer_yaml(text, name=name)
    root = document.value
    if isinstance(root, list):
        return list(_groups(document, (), job=_Job(report, {}, {}, line=1)))
    jobs = root.get("scrape_configs") if isinstance(root, dict) else None
    if not isinstance(jobs, list):
        raise wrong(name, 1, found="neither of these", expected=_EXPECTED)
    return list(_scraped(document, jobs, report))


def _is_list_of_urls(text: str) -> bool:
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith("#")]
    return bool(told) and all("://" in line.split()[0] and not line.startswith(("-", "{")) for line in told)


def _plain(text: str) -> Iterator[Target]:
    """A line is a URL, and after a space perhaps the module."""
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split(" #", 1)[0].split()
        if words and not words[0].startswith("#"):
            yield Target(job="", url=words[0], module="".join(words[1:2]), line=number)


class _Job:
    """A scrape job: what its targets have in common."""

    def __init__(
        self, report: Report, config: Mapping[str, object], common: Mapping[str, object], *, line: int
    ) -> None:
        self.report = report
        self.line = line
        self.name = values.text(config.get("job_name")) or ""
        params = values.mapping(config.get("params"))
        modules = values.items(params.get("module"))
        self.module = values.text(modules[0]) or "" if modules else ""
        timing = dict(common) | {key: value for key, value in config.items() if value is not None}
        self.interval = values.duration(timing.get("scrape_interval"))
        self.timeout = values.duration(timing.get("scrape_timeout"))
        self.is_probe = bool(modules) or config.get("metrics_path") == "/probe"
        self._config = config

    def tell(self) -> None:
        """Tell what of the job is not carried over."""
        for key, value in self._config.items():
            if key.endswith("_sd_configs") and values.is_set(value):
                instead = "Give those addresses with --targets, as a list of URLs"
                self.leave(key, why="targets that are discovered are not known here", instead=instead)
        steps = map(values.mapping, values.items(self._config.get("relabel_configs")))
        if any(_is_special(step) for step in steps):
            why = "relabelling beyond the usual three steps is not followed"
            self.leave("relabel_configs", why=why, instead="Compare the addresses below")

    def leave(self, setting: str, *, why: str, instead: str = "") -> None:
        self.report.leave(f"job {self.name}", line=self.line, setting=setting, why=why, instead=instead)


def _is_special(step: Mapping[str, object]) -> bool:
    return step.get("target_label") not in _STANDARD_RELABELS or "regex" in step


def _scraped(document: Document, jobs: list[object], report: Report) -> Iterator[Target]:
    common = values.mapping(values.mapping(document.value).get("global"))
    others = 0
    for index, config in enumerate(jobs):
        path = ("scrape_configs", index)
        job = _Job(report, values.mapping(config), common, line=document.line(path))
        if not job.is_probe:
            others += 1
            continue
        job.tell()
        yield from _groups(document, (*path, "static_configs"), job=job)
    if others:
        report.note(f"{others} scrape job(s) ask no blackbox_exporter and are not looked at.")


def _groups(document: Document, path: Path, *, job: _Job) -> Iterator[Target]:
    found: object = document.value
    for part in path:
        found = (
            found[part]
            if isinstance(found, list) and isinstance(part, int)
            else (values.mapping(found).get(str(part)))
        )
    for index, group in enumerate(values.items(found)):
        inner = values.mapping(group)
        labels = {key: values.text(value) or "" for key, value in values.mapping(inner.get("labels")).items()}
        for place, target in enumerate(values.items(inner.get("targets"))):
            line = document.line((*path, index, "targets", place))
            url = values.text(target)
            if not url:
                job.leave("targets", why="a target is a text")
                continue
            yield Target(
                job=job.name, url=url, module=labels.get("__param_module") or job.module, line=line,
                labels=labels, interval=job.interval, timeout=job.timeout,
            )  # fmt: skip
