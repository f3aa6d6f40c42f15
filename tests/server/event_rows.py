"""Rows for the event tables, written by hand: a test states only what it is about."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmobserve_server.query.window import Scope, Window
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import Store

DAY = datetime(2026, 11, 2)  # noqa: DTZ001 (the tables hold naive UTC); a Monday
PROJECT = "p1"


def at(hours: float = 0, *, days: int = 0, seconds: float = 0) -> datetime:
    return DAY + timedelta(days=days, hours=hours, seconds=seconds)


def scope(days: int = 7, project: str = PROJECT) -> Scope:
    return Scope(project, Window(DAY, DAY + timedelta(days=days)))


def call(event_id: str, start: datetime, **facts: Any) -> dict[str, Any]:
    cost = facts.pop("cost", None)
    row: dict[str, Any] = {
        "project_id": PROJECT,
        "event_id": event_id,
        "type": "call",
        "kind": "llm",
        "name": "chat.completions",
        "operation": "chat.completions",
        "status": "ok",
        "start_time": start,
        "received_at": start,
        "provider": "openai",
        "model": "gpt-5-nano",
        "billable": True,
        "stream": False,
        "attempt": 0,
        "cost_usd": None if cost is None else Decimal(cost),
        "cost_state": "unpriced" if cost is None else "priced",
    }
    return {**row, **facts}


def span(event_id: str, start: datetime, kind: str = "agent", name: str = "worker", **facts: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "project_id": PROJECT,
        "event_id": event_id,
        "type": "span",
        "kind": kind,
        "name": name,
        "status": "ok",
        "start_time": start,
        "received_at": start,
    }
    return {**row, **facts}


@contextmanager
def opened(directory: Path) -> Generator[Store]:
    store = open_store(f"duckdb:///{directory / 'events.duckdb'}")
    try:
        yield store
    finally:
        store.close()
