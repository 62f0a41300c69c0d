"""Metrics of the process, which prometheus-client collects and names: a test holds these rows against it."""

from exporters.catalogue.family import Family, Kind


def _row(name: str, kind: Kind, help_text: str, *labels: str) -> Family:
    return Family(name=name, kind=kind, help=help_text, labels=labels)


PROCESS_ROWS = (
    _row("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes."),
    _row("process_resident_memory_bytes", "gauge", "Resident memory size in bytes."),
    _row("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds."),
    _row("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds."),
    _row("process_open_fds", "gauge", "Number of open file descriptors."),
    _row("process_max_fds", "gauge", "Maximum number of open file descriptors."),
    _row(
        "python_info",
        "gauge",
        "Python platform information",
        "version",
        "implementation",
        "major",
        "minor",
        "patchlevel",
    ),
    _row("python_gc_objects_collected_total", "counter", "Objects collected during gc", "generation"),
    _row(
        "python_gc_objects_uncollectable_total",
        "counter",
        "Uncollectable objects found during GC",
        "generation",
    ),
    _row(
        "python_gc_collections_total",
        "counter",
        "Number of times this generation was collected",
        "generation",
    ),
)
