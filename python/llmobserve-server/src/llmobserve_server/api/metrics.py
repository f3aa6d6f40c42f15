"""Figures of the collector for Prometheus, read from the ingest when they are asked for."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from llmobserve_server.ingest import Ingestor, IngestStats

__all__ = ["new_registry"]

_OUTCOMES = ("accepted", "duplicates", "rejected")


def new_registry(ingestor: Ingestor) -> CollectorRegistry:
    """A registry of its own, so that two applications in one process do not meet."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(_IngestCollector(ingestor))
    return registry


class _IngestCollector(Collector):
    def __init__(self, ingestor: Ingestor) -> None:
        self._ingestor = ingestor

    def collect(self) -> Iterable[Metric]:
        """The figures of this moment."""
        stats = self._ingestor.stats()
        records = CounterMetricFamily("llmobserve_records", "Records by what became of them", labels=["outcome"])
        for outcome in _OUTCOMES:
            records.add_metric([outcome], getattr(stats, outcome))
        yield records
        yield from _batches(stats)
        lost = CounterMetricFamily(
            "llmobserve_sender_dropped_records", "Records that senders say they lost", labels=["reason"]
        )
        for reason, count in stats.dropped_by_senders.items():
            lost.add_metric([reason], count)
        yield lost
        yield GaugeMetricFamily("llmobserve_ingest_waiting_batches", "Waiting to be stored", stats.waiting_batches)
        yield GaugeMetricFamily("llmobserve_ingest_waiting_bytes", "Waiting to be stored", stats.waiting_bytes)
        yield GaugeMetricFamily("llmobserve_live_streams", "Open live streams", stats.watchers)


def _batches(stats: IngestStats) -> Iterable[Metric]:
    yield CounterMetricFamily("llmobserve_batches", "Batches that were understood", stats.batches)
    yield CounterMetricFamily("llmobserve_batches_refused", "Sent away because of load", stats.refused_overload)
    yield CounterMetricFamily("llmobserve_batches_failed", "Not taken by the store", stats.failed)
    yield CounterMetricFamily("llmobserve_commits", "Transactions of the store", stats.commits)
    yield CounterMetricFamily("llmobserve_commit_seconds", "Time spent in them", stats.commit_seconds)
