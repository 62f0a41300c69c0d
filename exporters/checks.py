"""Recording one check into all its metrics."""

import msgspec

from exporters.series import Distribution, Number, Series
from integrations.signals import CheckResult


class CheckRecorder:
    """Writes CheckResults into the families of checks."""

    def __init__(
        self, counters: dict[str, Series[Number]], histograms: dict[str, Series[Distribution]]
    ) -> None:
        self._checks = counters["dialtone_checks_total"]
        self._skipped = counters["dialtone_check_slots_skipped_total"]
        self._lags = histograms["dialtone_check_start_lag_seconds"]
        self._durations = histograms["dialtone_check_duration_seconds"]
        self._phases = histograms["dialtone_check_phase_seconds"]

    def record(self, result: CheckResult) -> None:
        """Count one check, or that it did not run; the slots that passed before it are counted from 0 on."""
        integration, capability, kind = result.integration, result.capability, result.kind
        outcome = "ok" if kind is None else kind.value
        counted = (integration, result.vendor, capability, outcome if result.ran else "skipped")
        self._checks.at(counted).value += 1
        skipped = self._skipped.at((integration,))
        if result.skipped:
            skipped.value += result.skipped
        if result.ran:
            self._lags.at(()).observe(result.lag)
            self._durations.at((integration, capability)).observe(result.duration)
        if result.phases is not None:
            for phase, seconds in msgspec.structs.asdict(result.phases).items():
                if seconds is not None:
                    self._phases.at((integration, phase)).observe(seconds)
