"""Metrics of the process, which prometheus-client collects and names: a test holds these rows against it."""

from exporters.catalogue.family import Convention, Family, Kind


def _row(
    name: str,
    kind: Kind,
    help_text: str,
    *,
    labels: tuple[str, ...] = (),
    convention: Convention | None = None,
) -> Family:
    return Family(name=name, kind=kind, help=help_text, labels=labels, convention=convention)


def _collector(name: str, help_text: str, *, called: str, unit: str) -> Family:
    """A count of the garbage collector, by generation."""
    attributes = (("generation", "cpython.gc.generation"),)
    convention = Convention(name=f"cpython.gc.{called}", unit=unit, attributes=attributes)
    name = f"python_gc_{name}_total"
    return _row(name, "counter", help_text, labels=("generation",), convention=convention)


def _level(name: str, unit: str) -> Convention:
    return Convention(name=name, unit=unit, is_level=True)


PROCESS_ROWS = (
    _row(
        "process_virtual_memory_bytes",
        "gauge",
        "Virtual memory size in bytes.",
        convention=_level("process.memory.virtual", "By"),
    ),
    _row(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory size in bytes.",
        convention=_level("process.memory.usage", "By"),
    ),
    _row("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds."),
    _row(
        "process_cpu_seconds_total",
        "counter",
        "Total user and system CPU time spent in seconds.",
        convention=Convention(name="process.cpu.time", unit="s"),
    ),
    _row(
        "process_open_fds",
        "gauge",
        "Number of open file descriptors.",
        convention=_level("process.unix.file_descriptor.count", "{file_descriptor}"),
    ),
    _row("process_max_fds", "gauge", "Maximum number of open file descriptors."),
    _row(
        "python_info",
        "gauge",
        "Python platform information",
        labels=("version", "implementation", "major", "minor", "patchlevel"),
    ),
    _collector(
        "objects_collected", "Objects collected during gc", called="collected_objects", unit="{object}"
    ),
    _collector(
        "objects_uncollectable",
        "Uncollectable objects found during GC",
        called="uncollectable_objects",
        unit="{object}",
    ),
    _collector(
        "collections",
        "Number of times this generation was collected",
        called="collections",
        unit="{collection}",
    ),
)
