"""Killed while it checkpoints or deletes what is old (D03): nothing acknowledged is lost, nothing is changed."""

import os
import random
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from server.event_rows import at
from server.kill_upkeep import ROWS
from sqlalchemy import func, select

from llmobserve_server.store.duckdb import DuckDBStore
from llmobserve_server.store.tables import events

KILLS = int(os.environ.get("KILLS", "5"))


def _run_and_kill(path: Path, number: int, lines: int, wait_s: float) -> list[str]:
    """What the process said that is killed so long after so many lines."""
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "server.kill_upkeep", str(path), str(number)]
    said: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            said.append(line.strip())
            if len(said) == lines:
                try:
                    child.wait(wait_s)
                except subprocess.TimeoutExpired:
                    child.send_signal(signal.SIGKILL)
                break
        said += [line.strip() for line in child.stdout if line.endswith("\n")]
        assert child.wait(60) == -signal.SIGKILL
    return said


def test_kills_in_checkpoints_and_deletions_lose_nothing_that_is_kept(tmp_path: Path) -> None:
    dice = random.Random(9)
    path = tmp_path / "events.duckdb"
    stored: set[str] = set()
    for number in range(KILLS):
        # A checkpoint follows the first line of a round, deletions the second.
        said = _run_and_kill(path, number, lines=dice.choice((1, 2, 4, 5)), wait_s=dice.random() * 0.05)
        stored |= {line.split()[1] for line in said if line.startswith("stored")}
        store = DuckDBStore(path)
        store.initialize()
        kept = select(events.c.event_id, events.c.cost_usd).where(events.c.start_time >= at())
        found = store.fetch(kept)
        ids = [row["event_id"] for row in found]
        assert len(ids) == len(set(ids))
        wanted = {f"new-{batch}-{each}" for batch in stored for each in range(ROWS)}
        assert wanted <= set(ids)
        # A batch is there as a whole or not at all, also the one that was not acknowledged.
        assert len(ids) % ROWS == 0
        assert sum((row["cost_usd"] for row in found), Decimal(0)) == Decimal("0.01") * len(ids)
        (old,) = store.fetch(select(func.count().label("rows")).where(events.c.start_time < at()))
        assert old["rows"] <= len(ids)
        store.close()
    assert len(stored) >= KILLS
