"""One charge a provider call, and context down the tree: decided over rows, whatever the engine."""

from llmobserve_server.store.merging.records import BORROWED, CHANGED, READ, CallRecords, Requests, Times

__all__ = ["BORROWED", "CHANGED", "READ", "CallRecords", "Requests", "Times"]
