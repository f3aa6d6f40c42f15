"""A collector killed in the middle of its work keeps the spans that it acknowledged, and a retry doubles nothing."""

from decimal import Decimal
from pathlib import Path

from server.otlp_bodies import request, span
from server.test_ingest_kill import run_and_kill
from sqlalchemy import func, select

from llmobserve_server.store.open import open_store
from llmobserve_server.store.tables import events

KILLS = 3
REQUESTS = 40
SPANS = 20


def test_acknowledged_spans_survive_kills_and_retries_double_nothing(tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'events.duckdb'}"
    folder = tmp_path / "requests"
    folder.mkdir()
    ids: dict[str, set[str]] = {}
    for number in range(REQUESTS):
        spans = [span() for _ in range(SPANS)]
        name = f"{number:04}.pb"
        (folder / name).write_bytes(request(*spans).SerializeToString())
        ids[name] = {each.span_id.hex() for each in spans}
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        acknowledged |= run_and_kill(url, folder, after=4 + 9 * kill)
        store = open_store(url)
        found = [row["span_id"] for row in store.fetch(select(events.c.span_id))]
        (row,) = store.fetch(select(func.sum(events.c.cost_usd).label("usd")).where(events.c.billable))
        store.close()
        assert len(found) == len(set(found))
        assert set().union(*(ids[name] for name in acknowledged)) <= set(found)
        # $0.00225 each: see otlp_bodies.py.
        assert row["usd"] == len(found) * Decimal("0.00225")
    assert len(acknowledged) >= 4 + 9 * (KILLS - 1)
