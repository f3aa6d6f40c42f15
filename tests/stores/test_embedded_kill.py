"""A collector with chDB or Parquet, killed under load: nothing acknowledged is lost, nothing is there twice (D02).

`LLMOBSERVE_KILLS` says how often; the usual number keeps the suite short.
"""

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from server.batches import batch, call, content, span
from sqlalchemy import func, select

from llmobserve_server.store.open import open_store
from llmobserve_server.store.tables import contents, events, receipts

KILLS = int(os.environ.get("LLMOBSERVE_KILLS", "3"))
BATCHES = 60
CALLS = 15


def _write_batches(folder: Path) -> dict[str, set[str]]:
    """Batches in files, and the event ids of each. Two calls of each are told by hand as well, in the next batch."""
    folder.mkdir()
    ids: dict[str, set[str]] = {}
    told: list[dict[str, object]] = []
    for number in range(BATCHES):
        calls = [call(reported_cost_usd="0.01", response_id=f"r-{number}-{n}") for n in range(CALLS)]
        records = [*calls, *told, span(), content(str(calls[0]["event_id"]), input="x" * 2000)]
        told = [call(response_id=f"r-{number}-{n}", transport="manual", reported_cost_usd="0.5") for n in range(2)]
        name = f"{number:04}.json"
        (folder / name).write_bytes(batch(*records, batch_id=name))
        ids[name] = {str(record["event_id"]) for record in records}
    return ids


def _feed(url: str, folder: Path, seed: int, kill_after: int | None) -> set[str]:
    """Names of the batches that a collector acknowledged, until it was killed or had done them all."""
    script = str(Path(__file__).with_name("feed_filing_collector.py"))
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, script, url, str(folder), str(seed)]
    acknowledged: set[str] = set()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("\n"):
                acknowledged.add(line.strip())
            if len(acknowledged) == kill_after:
                process.send_signal(signal.SIGKILL)
                break
        # What was written to the pipe before the end counts as acknowledged too.
        acknowledged.update(line.strip() for line in process.stdout if line.endswith("\n"))
        assert process.wait(timeout=120) == (0 if kill_after is None else -signal.SIGKILL)
    return acknowledged


@pytest.mark.parametrize("engine", ["chdb", "parquet"])
def test_a_collector_that_is_killed_again_and_again(engine: str, tmp_path: Path) -> None:
    url = f"{engine}:///{tmp_path / engine}"
    ids = _write_batches(tmp_path / "batches")
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        # Every process is fed all batches again, as by a sender that never got its answer.
        acknowledged |= _feed(url, tmp_path / "batches", kill, kill_after=3 + 7 * kill % 50)
        store = open_store(url)
        found = [row["event_id"] for row in store.fetch(select(events.c.event_id))]
        doubly = select(events.c.call_key).where(events.c.billable.is_(True)).group_by(events.c.call_key)
        charged_twice = store.fetch(doubly.having(func.count() > 1).where(events.c.call_key.is_not(None)))
        store.close()
        assert len(found) == len(set(found))
        assert set().union(*(ids[name] for name in acknowledged)) <= set(found)
        assert charged_twice == []
    assert _feed(url, tmp_path / "batches", KILLS, kill_after=None) == set(ids)
    store = open_store(url)
    (row,) = store.fetch(select(func.count().label("n"), func.count(events.c.event_id.distinct()).label("ids")))
    (kept,) = store.fetch(select(func.count().label("n")).select_from(contents))
    (told,) = store.fetch(select(func.sum(receipts.c.records - receipts.c.duplicates).label("n")))
    total = select(func.count().label("n"), func.sum(events.c.cost_usd).label("usd"))
    (charges,) = store.fetch(total.where(events.c.billable.is_(True)))
    store.close()
    everything = set().union(*ids.values())
    assert (row["n"], row["ids"], kept["n"]) == (len(everything), len(everything), BATCHES)
    # A batch of which the receipt was not written any more is said to be repeated when it comes again.
    assert told["n"] <= len(everything) + BATCHES
    # 60 batches of 15 calls at $0.01 by the provider's own figure; what is told by hand of two of them adds nothing.
    assert (charges["n"], charges["usd"]) == (BATCHES * CALLS, Decimal("9.00"))
