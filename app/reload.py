"""Takes up a changed configuration file while everything runs: read and checked whole, then applied."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import structlog

from app.api.tokens import TokenTable
from app.configuration.difference import (
    Difference,
    ReloadError,
    ReloadReport,
    changed_keys,
    compare,
    in_effect,
)
from app.configuration.vendors import rules_of
from app.configured import ConfiguredIntegrations
from app.declaring import Declare
from app.logs import Logs
from app.parts import OperatorLog
from app.settings import Settings, SettingsError, Validate, load_settings
from integrations.clock import Clock
from integrations.connection import Connection
from integrations.errors import ConfigurationError
from integrations.manifest.loading import Catalog
from integrations.samples import Sample
from integrations.signals import ConfigChange, OperatorAction, Signal
from monitors.alerts.settings import AlertSettings

RELOAD_SECONDS = 60.0
MOST_TOLD = 50
"""Problems, or ids, that one log line names at most."""
HASH_SHOWN = 12
"""Digits of a file's hash that tell one file from another."""

log = structlog.get_logger("dialtone.configuration")


class Reloader:
    """Holds the settings in effect, and replaces them by what their file says now.

    `adopt` lets alerting go on under other settings; `declare` is told which are in effect, and since when.
    One reload at a time; each ends within a minute. A file with a problem changes nothing. What is unchanged
    is not touched.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        integrations: ConfiguredIntegrations,
        tokens: TokenTable,
        adopt: Callable[[AlertSettings], Awaitable[None]],
        operators: OperatorLog,
        catalog: Catalog,
        clock: Clock,
        publish: Callable[[Signal], None],
        version: str,
        logs: Logs | None = None,
        declare: Declare | None = None,
    ) -> None:
        self.settings = settings
        self._integrations = integrations
        self._tokens = tokens
        self._adopt = adopt
        self._operators = operators
        self._catalog = catalog
        self._clock = clock
        self._publish = publish
        self._version = version
        self._logs = logs
        self._declare = declare
        self._lock = anyio.Lock()
        self._threads = anyio.CapacityLimiter(2)
        self._results = dict.fromkeys(("applied", "unchanged", "invalid", "failed"), 0)
        self._is_good = True
        self._loaded_at = clock.time()

    async def reload(self, *, actor: str = "", dry_run: bool = False) -> ReloadReport:
        """Read the file and apply what is different; with `dry_run` only tell it.

        `actor` is who asked through the API, and goes on record first.

        Raises:
            SettingsError: with every problem; nothing has changed.
            ReloadError: when it took too long or an integration could not be opened; nothing has changed.
            StorageUnavailableError: when it could not go on record; nothing has changed.
        """
        try:
            with anyio.fail_after(RELOAD_SECONDS):
                if dry_run:
                    return _report(*await self._read(), applied=False)
                async with self._lock:
                    return await self._reload(actor)
        except Exception as error:
            if not dry_run:
                self._tell_failure(error)
            if isinstance(error, TimeoutError):
                raise ReloadError(f"the reload did not end within {RELOAD_SECONDS:g} s") from error
            raise

    async def reload_on_signal(self) -> None:
        """Reload for SIGHUP: what goes wrong is logged and counted. One that waits already does for both."""
        if self._lock.statistics().tasks_waiting:
            return
        try:
            await self.reload()
        except Exception:  # noqa: BLE001 - whatever is wrong with a file, the process goes on; it is told and counted
            return

    def announce(self) -> None:
        """Tell everyone which configuration is in effect from now on."""
        self._loaded_at = self._clock.time()
        if self._declare is not None:
            self._declare(self.settings, self._loaded_at)
        self._publish(
            ConfigChange(
                at=self._loaded_at,
                source=self.settings.source,
                sha256=self.settings.sha256,
                integrations=len(self.settings.integrations),
                version=self._version,
            )
        )

    def samples(self) -> list[Sample]:
        """How the reloads went, and what is in effect."""
        return [
            Sample("dialtone_config_info", (self.settings.sha256[:HASH_SHOWN],), 1),
            Sample("dialtone_config_loaded_timestamp_seconds", (), self._loaded_at),
            Sample("dialtone_config_last_reload_successful", (), float(self._is_good)),
            *(Sample("dialtone_config_reloads_total", (name,), n) for name, n in self._results.items()),
        ]

    async def _read(self) -> tuple[Settings, Difference]:
        """Read, check and compare on a thread; one that hangs is left to itself."""
        running = self.settings

        def read() -> tuple[Settings, Difference]:
            new = load_settings(
                Path(running.source),
                validate=self._rules(running),
                may_be_bare=not running.integrations,
            )
            return new, compare(running, new)

        return await anyio.to_thread.run_sync(read, abandon_on_cancel=True, limiter=self._threads)

    def _rules(self, running: Settings) -> Validate:
        """The vendors' rules, for what they have not judged yet."""
        judged = {each.id: each for each in running.integrations}
        rules = rules_of(self._catalog)

        def validate(connection: Connection) -> Iterable[ConfigurationError]:
            before = judged.get(connection.id)
            is_judged = before is not None and not changed_keys(before, connection)
            return () if is_judged else rules(connection)

        return validate

    async def _reload(self, actor: str) -> ReloadReport:
        new, difference = await self._read()
        action = None
        if actor:
            action = self._action(actor, difference)
            await self._operators.record(action)
        with anyio.CancelScope(shield=True):
            await self._apply(new, difference)
        self._tell_success(new, difference)
        if action is not None:
            self._publish(action)
        return _report(new, difference, applied=True)

    async def _apply(self, new: Settings, difference: Difference) -> None:
        after = {each.id: each for each in new.integrations}
        opened = [after[name] for name in (*(one.id for one in difference.changed), *difference.added)]
        try:
            await self._integrations.apply(opened, removed=difference.removed)
        except (ValueError, OSError) as error:
            raise ReloadError(f"an integration could not be opened: {error}") from error
        is_news = new.sha256 != self.settings.sha256 or not difference.is_empty
        self.settings = in_effect(self.settings, new, difference)
        self._tokens.adopt(self.settings.tokens)
        await self._adopt(self.settings.alerts)
        if self._logs is not None:
            self._logs.set_level(self.settings.log.level)
        if is_news:
            self.announce()

    def _action(self, actor: str, difference: Difference) -> OperatorAction:
        return OperatorAction(
            at=self._clock.time(),
            actor=actor,
            action="reload",
            integration="",
            reason=f"{len(difference.added)} added, {len(difference.changed)} changed, "
            f"{len(difference.removed)} removed; settings: {', '.join(difference.settings) or 'none'}",
        )

    def _tell_success(self, new: Settings, difference: Difference) -> None:
        self._results["unchanged" if difference.is_empty else "applied"] += 1
        self._is_good = True
        log.info(
            "configuration reloaded",
            added=difference.added[:MOST_TOLD],
            changed={one.id: one.keys for one in difference.changed[:MOST_TOLD]},
            removed=difference.removed[:MOST_TOLD],
            unchanged=difference.unchanged,
            settings=difference.settings,
            needs_restart=difference.needs_restart,
        )
        for warning in new.warnings[:MOST_TOLD]:
            log.warning("configuration", warning=warning)

    def _tell_failure(self, error: Exception) -> None:
        self._is_good = False
        tell = partial(log.error, file=self.settings.source)
        if isinstance(error, SettingsError):
            self._results["invalid"] += 1
            problems = [str(problem) for problem in error.problems[:MOST_TOLD]]
            tell(
                "configuration is invalid; what ran before still runs",
                count=len(error.problems),
                problems=problems,
            )
            return
        self._results["failed"] += 1
        told = isinstance(error, ReloadError | TimeoutError)
        tell(
            "reload failed; what ran before still runs",
            error=str(error) or type(error).__name__,
            exc_info=None if told else error,
        )


def _report(new: Settings, difference: Difference, *, applied: bool) -> ReloadReport:
    return ReloadReport(
        source=new.source, sha256=new.sha256, applied=applied, changes=difference, warnings=new.warnings
    )
