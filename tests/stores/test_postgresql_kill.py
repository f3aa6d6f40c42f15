"""Two collectors on one PostgreSQL, killed and with the server restarted: nothing lost, nothing twice (D02)."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from loopback.postgresql import Postgresql, running_postgresql
from server.batches import batch, call, content, span
from sqlalchemy import func, select

from llmobserve_server.store.open import open_store
from llmobserve_server.store.tables import contents, events

BATCHES = 60
CALLS = 15
PATIENCE_S = 120


@pytest.fixture
def server() -> Iterator[Postgresql]:
    """One of this test's own, because it is stopped."""
    with running_postgresql() as running:
        yield running


class Feeder:
    """A collector in a process of its own."""

    def __init__(self, url: str, folder: Path, seed: int) -> None:
        command = [sys.executable, str(Path(__file__).with_name("feed_collector.py")), url, str(folder), str(seed)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.acknowledged: set[str] = set()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.acknowledged.update(line.strip() for line in self._process.stdout if line.endswith("\n"))

    def wait_for(self, count: int) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while len(self.acknowledged) < count:
            assert self._process.poll() is None and time.monotonic() < give_up
            time.sleep(0.005)

    def kill(self) -> set[str]:
        self._process.send_signal(signal.SIGKILL)
        return self.end(-signal.SIGKILL)

    def end(self, code: int = 0) -> set[str]:
        assert self._process.wait(PATIENCE_S) == code
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self.acknowledged


def _write_batches(folder: Path) -> dict[str, set[str]]:
    """Batches in files, and the event ids of each. Every call is told by hand as well, in another batch."""
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


def test_two_collectors_that_are_killed_beside_a_server_that_restarts(server: Postgresql, tmp_path: Path) -> None:
    url = server.create("events")
    ids = _write_batches(tmp_path / "batches")
    feeders = [Feeder(url, tmp_path / "batches", seed) for seed in (1, 2)]
    acknowledged: set[str] = set()
    for round_ in range(2):
        feeders[0].wait_for(6)
        server.stop()
        time.sleep(0.3)
        server.start()
        acknowledged |= feeders[0].kill()
        with_all = open_store(url)
        found = [row["event_id"] for row in with_all.fetch(select(events.c.event_id))]
        with_all.close()
        assert len(found) == len(set(found))
        assert set().union(*(ids[name] for name in acknowledged)) <= set(found)
        # The next one is fed all batches again, as by a sender that never got its answer.
        feeders = [feeders[1], Feeder(url, tmp_path / "batches", 3 + round_)]
    for feeder in feeders:
        assert feeder.end() == set(ids)
    store = open_store(url)
    (row,) = store.fetch(select(func.count().label("n"), func.count(events.c.event_id.distinct()).label("ids")))
    charged = select(func.count().label("n"), func.sum(events.c.cost_usd).label("usd")).where(
        events.c.billable.is_(True)
    )
    (charges,) = store.fetch(charged)
    (kept,) = store.fetch(select(func.count().label("n")).select_from(contents))
    store.close()
    everything = set().union(*ids.values())
    assert (row["n"], row["ids"]) == (len(everything), len(everything))
    assert kept["n"] == BATCHES
    # 60 batches of 15 calls at $0.01 by the provider's own figure; what is told by hand of two of them adds nothing.
    assert (charges["n"], charges["usd"]) == (BATCHES * CALLS, Decimal("9.00"))
