"""From posted batches to durable rows: decode, check, price, group, commit, answer."""

from llmobserve_server.ingest.feed import Subscription
from llmobserve_server.ingest.ingestor import Ingestor, IngestStats
from llmobserve_server.ingest.replay import Replayed

__all__ = ["IngestStats", "Ingestor", "Replayed", "Subscription"]
