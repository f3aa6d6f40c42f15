"""One charge a provider call, and context down the tree: decided over rows, whatever the engine.

An entrance calls `settle` on the rows of a request; an engine calls `merge_records` with its `CallRecords` in the
transaction that has written the events of a batch.
"""

from llmobserve_server.store.merging.charges import NEAR
from llmobserve_server.store.merging.merge import merge_records
from llmobserve_server.store.merging.records import BORROWED, CHANGED, FACTS, READ, CallRecords, Requests, Times
from llmobserve_server.store.merging.settled import settle

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
    "settle",
]
