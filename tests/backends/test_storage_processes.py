"""Processes that are killed, that run beside each other and that fork: what they called is stored once, and readable.

`KILLS=50 ./dev test tests/backends/test_storage_processes.py` kills more often than usual.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import psycopg
import pyarrow.parquet
import pytest
from e2e.collector import LLMOBSERVE
from e2e.test_kill_loop import PROGRAM, run_until_killed
from e2e.test_kill_loop import Provider as Numbered
from loopback.postgresql import Postgresql
from loopback.server import Loopback
from wheels import ROOT

from backends.records import CALL_USD
from llmobserve.spool.dead_letters import dead_files

KILLS = int(os.environ.get("KILLS", "6"))
FORKING = Path(__file__).with_name("forking.py")
SQL = "select response_id, cost_usd, input is not null, agent from {events} where type = 'call'"
_numbers = count()


class Storage(NamedTuple):
    """One backend, and how it is asked."""

    address: str
    ask: Callable[[str], list[tuple[Any, ...]]]
    check: Callable[[], None]
    """Fails when what a reader finds at this moment cannot be read."""


@pytest.fixture(params=["parquet", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "parquet":
        folder = tmp_path / "events"

        def read_all() -> None:
            for path in folder.rglob("*"):
                if path.is_file():
                    assert pyarrow.parquet.read_table(path).num_rows > 0

        def ask_files(sql: str) -> list[tuple[Any, ...]]:
            return duckdb.execute(sql.format(events=f"'{folder}/*/events_*.parquet'")).fetchall()

        return Storage(f"parquet:{folder}?gather_s=0", ask_files, read_all)
    server: Postgresql = request.getfixturevalue("postgresql")
    database = server.create(f"processes_{next(_numbers)}")

    def ask_table(sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(database) as connection:
            return connection.execute(sql.format(events="metric_events").encode()).fetchall()

    return Storage(database, ask_table, lambda: None)


def environment(storage: Storage, server: Loopback) -> dict[str, str]:
    return {"LLMOBSERVE_BACKEND": storage.address, "LLMOBSERVE_HOSTS": f"{server.netloc}=openai"}


def flush(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [str(LLMOBSERVE), "flush"], env=os.environ | environ, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def assert_each_once(storage: Storage, returned: list[str], *, more: int = 0, content: bool = False) -> None:
    """Every call that had returned is stored once with its cost; up to `more` others may be there too."""
    found = storage.ask(SQL)
    doubled = [name for name, number in Counter(row[0] for row in found).items() if number > 1]
    assert doubled == []
    assert len(returned) == len(set(returned))
    assert set(returned) <= {row[0] for row in found}
    assert len(found) <= len(returned) + more
    assert {row[1:3] for row in found} == {(CALL_USD, content)}
    assert dead_files(Path(os.environ["LLMOBSERVE_SPOOL_DIR"])) == []
    doubled_events = "select event_id, type from {events} group by 1, 2 having count(*) > 1"
    assert storage.ask(doubled_events) == []


@pytest.mark.timeout(120 + 20 * KILLS)
def test_kills_lose_and_double_nothing(storage: Storage, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    with Loopback(Numbered()) as server:
        environ = environment(storage, server)
        for _ in range(KILLS):
            run_until_killed([sys.executable, str(PROGRAM), server.url, str(ledger)], ledger, environ)
            storage.check()
        flush(environ)
        flush(environ)  # what was being sent when a process was killed
    storage.check()
    returned = ledger.read_text().split()
    print(f"{KILLS} kills, {len(returned)} calls had returned")
    assert len(returned) > 5 * KILLS
    # A call whose answer the program had read, but not yet noted: one a thread and kill.
    assert_each_once(storage, returned, more=4 * KILLS, content=True)
    spent = storage.ask("select sum(cost_usd) from {events}")[0][0]
    assert spent == CALL_USD * len(storage.ask(SQL))
    assert isinstance(spent, Decimal)


def test_processes_beside_each_other(storage: Storage, tmp_path: Path) -> None:
    program = """
import os, sys, httpx2, llmobserve
llmobserve.observe(flush_interval_ms=20)
ledger = os.open(sys.argv[2], os.O_CREAT | os.O_APPEND | os.O_WRONLY)
with httpx2.Client() as client:
    for _ in range(40):
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
        os.write(ledger, f"{client.post(sys.argv[1] + '/v1/chat/completions', json=body).json()['id']}\\n".encode())
"""
    ledger = tmp_path / "ledger"
    with Loopback(Numbered()) as server:
        environ = os.environ | environment(storage, server)
        command = [sys.executable, "-W", "error", "-c", program, server.url, str(ledger)]
        running = [subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) for _ in range(4)]
        for process in running:
            _, said = process.communicate(timeout=120)
            assert (process.returncode, said) == (0, "")
        flush(environment(storage, server))
    returned = ledger.read_text().split()
    assert len(returned) == 160
    assert_each_once(storage, returned)
    processes = storage.ask("select count(distinct process_id) from {events} where type = 'call'")
    assert processes == [(4,)]


def test_all_is_loaded_by_observe(storage: Storage) -> None:
    """What the sender's thread would load at its first write, a child forked meanwhile would have half loaded for ever.

    And `pyarrow.array` would load pandas, which takes a second.
    """
    program = """
import json, sys
import llmobserve
from backends.records import batch, call, content, score, span
assert not {"pyarrow", "psycopg"} & set(sys.modules)
from llmobserve.backends.registry import storage_transport
transport = storage_transport(sys.argv[1])
body = json.dumps(batch(call("e1"), content("e1"), span("s1"), score("c1"))).encode()
before = set(sys.modules)
transport.post(body)
print(sorted(set(sys.modules) - before), "pandas" in sys.modules)
transport.close()
"""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, "-W", "error", "-c", program, storage.address]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[] False\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forks(storage: Storage, tmp_path: Path) -> None:
    """The child does not touch the parent's connection, and neither waits for a lock of the other."""
    ledger = tmp_path / "ledger"
    with Loopback(Numbered()) as server:
        environ = environment(storage, server)
        command = [sys.executable, "-W", "error", str(FORKING), server.url, str(ledger)]
        done = subprocess.run(
            command, env=os.environ | environ, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr, done.stderr
        flush(environ)
    assert_each_once(storage, ledger.read_text().split())
    processes = storage.ask("select count(distinct process_id) from {events} where type = 'call'")
    assert processes == [(7,)]
