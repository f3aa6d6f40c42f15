"""Batches as a sender posts them, and a collector in the test's own folder."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Table, select

from llmobserve.wire import BatchAnswer, new_event_id, now_us
from llmobserve_server.ingest import Ingestor
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import Row, Store

T = TypeVar("T")
PROJECT = "default"


def call(**facts: Any) -> dict[str, Any]:
    return {
        "type": "call",
        "event_id": new_event_id(),
        "kind": "llm",
        "provider": "openai",
        "operation": "chat.completions",
        "request_model": "gpt-4o-mini",
        "response_model": "gpt-4o-mini-2024-07-18",
        "start_time_us": now_us(),
        "duration_ms": 812.5,
        "http_status": 200,
        "usage": {"units": {"input_text_tokens": 1000, "output_text_tokens": 100}, "source": "response"},
        **facts,
    }


def span(**facts: Any) -> dict[str, Any]:
    return {
        "type": "span",
        "event_id": new_event_id(),
        "kind": "tool",
        "name": "search",
        "start_time_us": now_us(),
        "duration_ms": 10,
        **facts,
    }


def content(event_id: str, **facts: Any) -> dict[str, Any]:
    return {"type": "content", "event_id": event_id, **facts}


def head(**facts: Any) -> dict[str, Any]:
    return {"version": 1, "batch_id": "b-1", "sent_at_us": now_us(), "source": {"process_id": "p-1"}, **facts}


def batch(*records: Mapping[str, Any] | bytes, **facts: Any) -> bytes:
    """The body; a record given as bytes is put in as it is, valid JSON or not."""
    texts = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    return json.dumps(head(**facts)).encode()[:-1] + b',"events":[' + b",".join(texts) + b"]}"


class Collector:
    """A store and its ingest; every method may be called from a test without a loop."""

    def __init__(self, store: Store, settings: ServerSettings | None = None) -> None:
        self.store = store
        self.ingestor = Ingestor(store, settings=settings)

    def post(self, body: bytes, project_id: str = PROJECT, encoding: str | None = None) -> BatchAnswer:
        return asyncio.run(self.ingestor.submit(body, content_encoding=encoding, project_id=project_id))

    def post_gzip(self, body: bytes, project_id: str = PROJECT) -> BatchAnswer:
        return self.post(gzip.compress(body), project_id, "gzip")

    def rows(self, table: Table, project_id: str = PROJECT) -> list[Row]:
        return self.store.fetch(select(table).where(table.c.project_id == project_id).order_by(table.c.event_id))


@contextmanager
def collector(
    folder: Path, settings: ServerSettings | None = None, wrap: Callable[[Store], Store] | None = None
) -> Generator[Collector]:
    store = open_store(f"duckdb:///{folder / 'events.duckdb'}", memory_limit_bytes=256 * 1024**2, threads=2)
    running = Collector(wrap(store) if wrap else store, settings)
    running.ingestor.start()
    try:
        yield running
    finally:
        running.ingestor.stop()
        store.close()


def run(work: Awaitable[T]) -> T:
    async def main() -> T:
        return await work

    return asyncio.run(main())
