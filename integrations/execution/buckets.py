"""What one integration knows of the vendor's buckets: their quotas, and who waits for them."""

from collections.abc import Iterator, Mapping

from integrations.clock import Clock
from integrations.execution.quota import QuotaLine, VendorQuota
from integrations.execution.status import QuotaStatus
from integrations.sparing import nothing, put

_SAMPLE_EVERY = 10.0


class Buckets:
    """Quotas by bucket, each with its lines; what is asked for is made, and kept."""

    __slots__ = ("_bound", "_clock", "_queues", "_told", "quotas")

    def __init__(self, clock: Clock, *, bound: int) -> None:
        self.quotas: Mapping[str, VendorQuota] = nothing()
        self._clock = clock
        self._bound = bound
        self._queues: tuple[QuotaLine, ...] = ()
        self._told: dict[str, float] | None = None

    def quota(self, bucket: str) -> VendorQuota:
        """The quota of a bucket."""
        quota = self.quotas.get(bucket)
        if quota is None:
            quota = VendorQuota(bucket, self._clock)
            self.quotas = put(self.quotas, bucket, quota)
        return quota

    def queue(self, bucket: str, declared: tuple[str, ...]) -> QuotaLine:
        """One line for calls under the same limits: none waits behind one that a limit of its own holds."""
        for queue in self._queues_of(bucket):
            if queue.declared == declared:
                return queue
        made = QuotaLine(self._clock, bound=self._bound, bucket=bucket, declared=declared)
        self._queues = (*self._queues, made)
        return made

    @property
    def waiting(self) -> int:
        """Calls that stand in any line."""
        return sum(queue.waiting for queue in self._queues)

    def adopt(self, bound: int) -> None:
        """Take another bound for the lines; who waits already stays."""
        self._bound = bound
        for queue in self._queues:
            queue.adopt(bound)

    def wake(self, bucket: str) -> None:
        """Let those look again who wait for a bucket."""
        for queue in self._queues_of(bucket):
            queue.wake()

    def statuses(self) -> tuple[QuotaStatus, ...]:
        """All quotas as they are now."""
        return tuple(
            quota.status(sum(queue.waiting for queue in self._queues_of(bucket)))
            for bucket, quota in self.quotas.items()
        )

    def must_tell(self, bucket: str, *, at_once: bool) -> bool:
        """Whether a bucket's level is to be told: at most every ten seconds, for the gauge is sampled anyway,
        or `at_once`.
        """
        now = self._clock.monotonic()
        if self._told is None:
            self._told = {}
        if not at_once and now - self._told.get(bucket, -_SAMPLE_EVERY) < _SAMPLE_EVERY:
            return False
        self._told[bucket] = now
        return True

    def _queues_of(self, bucket: str) -> Iterator[QuotaLine]:
        return (queue for queue in self._queues if queue.bucket == bucket)
