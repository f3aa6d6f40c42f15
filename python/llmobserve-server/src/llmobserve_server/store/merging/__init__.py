"""One charge a provider call, and context down the tree: decided over rows, whatever the engine.

An engine calls `merge_records` in the transaction that has written the events of a batch, with its `CallRecords`.
"""

from llmobserve_server.store.merging.charges import NEAR
from llmobserve_server.store.merging.merge import merge_records
from llmobserve_server.store.merging.records import BORROWED, CHANGED, FACTS, READ, CallRecords, Requests, Times

__all__ = [
    "BORROWED",
    "CHANGED",
    "FACTS",
    "NEAR",
    "READ",
    "CallRecords",
    "Requests",
    "Times",
    "merge_records",
]
