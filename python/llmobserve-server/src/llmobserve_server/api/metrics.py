"""Figures of the collector for Prometheus, read from its parts when they are asked for."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from llmobserve_server.ingest import Ingestor, IngestStats
from llmobserve_server.ingest.ingestor import OUTCOMES
from llmobserve_server.store.protocol import StoreSizes

if TYPE_CHECKING:
    from llmobserve_server.jobs.backup import Backups
    from llmobserve_server.jobs.retention import Retention

__all__ = ["new_registry"]

_QUANTILES = (0.5, 0.95, 1.0)


def new_registry(
    ingestor: Ingestor, sizes: StoreSizes | None, retention: "Retention", backups: "Backups"
) -> CollectorRegistry:
    """A registry of its own, so that two applications in one process do not meet.

    `sizes`: what the store takes; `None` when it does not answer.
    """
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(_Figures(ingestor, sizes, retention, backups))
    return registry


class _Figures(Collector):
    def __init__(
        self, ingestor: Ingestor, sizes: StoreSizes | None, retention: "Retention", backups: "Backups"
    ) -> None:
        self._ingestor = ingestor
        self._sizes = sizes
        self._retention = retention
        self._backups = backups

    def collect(self) -> Iterable[Metric]:
        """The figures of this moment."""
        stats = self._ingestor.stats()
        yield from _records(stats)
        yield from _batches(stats)
        yield from _commits(stats)
        yield GaugeMetricFamily("llmobserve_ingest_waiting_batches", "Waiting to be stored", stats.waiting_batches)
        yield GaugeMetricFamily("llmobserve_ingest_waiting_bytes", "Waiting to be stored", stats.waiting_bytes)
        yield GaugeMetricFamily("llmobserve_live_streams", "Open live streams", stats.watchers)
        yield from _store(self._sizes)
        yield from self._jobs()

    def _jobs(self) -> Iterable[Metric]:
        state = self._retention.state()
        deleted = CounterMetricFamily("llmobserve_retention_deleted_rows", "Rows that were too old", labels=["table"])
        for table, rows in state.deleted.items():
            deleted.add_metric([table], rows)
        yield deleted
        failed = GaugeMetricFamily("llmobserve_retention_failed", "1: the last run ended early")
        failed.add_metric([], int(state.last_error is not None))
        yield failed
        yield from _time("llmobserve_retention_last_success", "End of the last complete run", state.last_end)
        yield from _time("llmobserve_last_backup", "Point of the last backup by this process", self._backups.last_point)


def _records(stats: IngestStats) -> Iterable[Metric]:
    records = CounterMetricFamily("llmobserve_records", "Records by what became of them", labels=["outcome"])
    for outcome in OUTCOMES:
        records.add_metric([outcome], getattr(stats, outcome))
    yield records
    came = CounterMetricFamily(
        "llmobserve_entrance_records", "The same by the way they came in", labels=["entrance", "outcome"]
    )
    for (entrance, outcome), count in sorted(stats.by_entrance.items()):
        came.add_metric([entrance, outcome], count)
    yield came
    yield CounterMetricFamily(
        "llmobserve_merged_records", "Records whose call another one is charged for", stats.merged
    )
    lost = CounterMetricFamily(
        "llmobserve_sender_dropped_records", "Records that senders say they lost", labels=["reason"]
    )
    for reason, count in stats.dropped_by_senders.items():
        lost.add_metric([reason], count)
    yield lost


def _batches(stats: IngestStats) -> Iterable[Metric]:
    yield CounterMetricFamily("llmobserve_batches", "Batches that were understood", stats.batches)
    yield CounterMetricFamily("llmobserve_batches_refused", "Sent away because of load", stats.refused_overload)
    yield CounterMetricFamily("llmobserve_batches_failed", "Not taken by the store", stats.failed)


def _commits(stats: IngestStats) -> Iterable[Metric]:
    yield CounterMetricFamily("llmobserve_commits", "Transactions of the store", stats.commits)
    yield CounterMetricFamily("llmobserve_commit_seconds", "Time spent in them", stats.commit_seconds)
    yield CounterMetricFamily("llmobserve_committed_rows", "Rows in them", stats.committed_rows)
    recent = GaugeMetricFamily(
        "llmobserve_recent_commit_seconds", "Duration of one, of the last 512", labels=["quantile"]
    )
    ordered = sorted(stats.recent_commit_seconds)
    for quantile in _QUANTILES if ordered else ():
        recent.add_metric([f"{quantile:g}"], ordered[round(quantile * (len(ordered) - 1))])
    yield recent
    last = None if stats.last_commit_us is None else datetime.fromtimestamp(stats.last_commit_us / 1e6, UTC)
    yield from _time("llmobserve_last_commit", "When the last transaction was committed", last)


def _store(sizes: StoreSizes | None) -> Iterable[Metric]:
    yield GaugeMetricFamily("llmobserve_store_up", "1: the store answers", int(sizes is not None))
    if sizes is None:
        return
    yield GaugeMetricFamily("llmobserve_store_bytes", "Size of the store on disk", sizes.total_bytes)
    tables = GaugeMetricFamily("llmobserve_store_table_bytes", "Size of a table, about", labels=["table"])
    for table, size in sizes.tables.items():
        tables.add_metric([table], size)
    yield tables
    if sizes.disk_free_bytes is not None:
        yield GaugeMetricFamily("llmobserve_store_disk_free_bytes", "Free on its disk", sizes.disk_free_bytes)


def _time(name: str, about: str, moment: datetime | None) -> Iterable[Metric]:
    """A time as Prometheus has them; nothing while there is none. A time without a zone is in UTC."""
    if moment is not None:
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        yield GaugeMetricFamily(f"{name}_timestamp_seconds", about, zoned.timestamp())
