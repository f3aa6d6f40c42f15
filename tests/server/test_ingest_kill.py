"""A collector killed in the middle of its work keeps what it acknowledged, and a retry doubles nothing (D02)."""

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from server.batches import batch, call, content, span
from sqlalchemy import func, select

from llmobserve_server.store.open import open_store
from llmobserve_server.store.tables import contents, events

KILLS = int(os.environ.get("KILLS", "6"))
BATCHES = 60
CALLS = 20


def _write_batches(folder: Path) -> dict[str, set[str]]:
    """Batches in files, and the event ids of each."""
    folder.mkdir()
    ids: dict[str, set[str]] = {}
    for number in range(BATCHES):
        calls = [call(reported_cost_usd="0.01") for _ in range(CALLS)]
        first = str(calls[0]["event_id"])
        records = [*calls, span(), content(first, input="x" * 4000)]
        name = f"{number:04}.json"
        (folder / name).write_bytes(batch(*records))
        ids[name] = {str(record["event_id"]) for record in records}
    return ids


def run_and_kill(url: str, folder: Path, after: int) -> set[str]:
    """Names of the batches that were acknowledged before the process was killed."""
    command = [sys.executable, str(Path(__file__).with_name("kill_collector.py")), url, str(folder)]
    acknowledged: set[str] = set()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            acknowledged.add(line.strip())
            if len(acknowledged) == after:
                process.send_signal(signal.SIGKILL)
                break
        # What was written to the pipe before the end counts as acknowledged too.
        acknowledged.update(line.strip() for line in process.stdout if line.endswith("\n"))
        assert process.wait(timeout=60) == -signal.SIGKILL
    return acknowledged


def test_acknowledged_events_survive_kills_and_retries_double_nothing(tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'events.duckdb'}"
    ids = _write_batches(tmp_path / "batches")
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        # Every process is fed all batches again, as a sender that never got its answer would.
        acknowledged |= run_and_kill(url, tmp_path / "batches", after=5 + 9 * (kill % 6))
        store = open_store(url)
        found = [row["event_id"] for row in store.fetch(select(events.c.event_id))]
        store.close()
        assert len(found) == len(set(found))
        assert set().union(*(ids[name] for name in acknowledged)) <= set(found)
    assert len(acknowledged) >= 5 + 9 * (min(KILLS, 6) - 1)

    command = [sys.executable, str(Path(__file__).with_name("kill_collector.py")), url, str(tmp_path / "batches")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert len(done.stdout.split()) == BATCHES
    store = open_store(url)
    (row,) = store.fetch(select(func.count().label("n"), func.sum(events.c.reported_cost_usd).label("usd")))
    (kept,) = store.fetch(select(func.count().label("n")).select_from(contents))
    store.close()
    # 60 batches of 20 calls at $0.01 and one span.
    assert (row["n"], row["usd"]) == (BATCHES * (CALLS + 1), Decimal("12.00"))
    assert kept["n"] == BATCHES
