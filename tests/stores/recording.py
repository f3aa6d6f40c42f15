"""What the ingest path hands to a store, kept so that the same can be handed to other stores."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from llmobserve_server.store.protocol import CostBatch, Store, WriteBatch, WriteResult

__all__ = ["RecordingStore", "Written", "replay"]


@dataclass(frozen=True, slots=True)
class Written:
    """One transaction, and what the store answered."""

    batch: WriteBatch | CostBatch
    answer: WriteResult | bool


@dataclass
class RecordingStore:
    """A store that keeps what is written to it."""

    inner: Store
    written: list[Written] = field(default_factory=list[Written])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def write(self, batch: WriteBatch) -> WriteResult:
        # Ingest marks merged rows after the transaction, for those who watch.
        kept = _copied(batch)
        answer = self.inner.write(batch)
        self.written.append(Written(kept, answer))
        return answer

    def replace_costs(self, batch: CostBatch) -> bool:
        answer = self.inner.replace_costs(batch)
        self.written.append(Written(batch, answer))
        return answer


def _copied(batch: WriteBatch) -> WriteBatch:
    return replace(batch, **{each.name: [dict(row) for row in getattr(batch, each.name)] for each in fields(batch)})


def replay(written: Sequence[Written], store: Store) -> None:
    """Write the same, and see the same answers."""
    for number, one in enumerate(written):
        if isinstance(one.batch, CostBatch):
            assert store.replace_costs(one.batch) == one.answer, number
            continue
        assert isinstance(one.answer, WriteResult)
        answer = store.write(_copied(one.batch))
        known = {table: keys for table, keys in answer.duplicates.items() if keys}
        assert known == {table: keys for table, keys in one.answer.duplicates.items() if keys}, number
        assert dict(answer.merged) == dict(one.answer.merged), number
