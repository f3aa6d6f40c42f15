"""A real application over a real collector: what it loses, sends twice and leaves behind is what data health says."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback.openai_bodies import chat_completion
from loopback.server import Loopback, json_answer
from server.live_server import LiveServer, running
from sqlalchemy import select

from llmobserve_server.store.tables import losses, receipts

APPLICATION = """
import os, signal, sys
import httpx, llmobserve
from llmobserve import lifecycle
provider, what = sys.argv[1], sys.argv[2]
llmobserve.observe(hosts={provider: "openai"}, service="shop")
def chat():
    httpx.post(f"http://{provider}/v1/chat/completions", json={"model": "gpt-4o-mini"}, trust_env=False)
for _ in range(3):
    chat()
assert llmobserve.flush()
if what == "lose":
    # The bound of the directory is reached: what is recorded now is given up, and its numbers are missing.
    spool = lifecycle._current.recorder.spool
    limits, spool.limits = spool.limits, type(spool.limits)(directory_bytes=0)
    spool._room_bytes = spool._looked_ns = 0
    for _ in range(4):
        chat()
    spool.limits, spool._room_bytes = limits, 10**6
    chat()
    assert llmobserve.flush()
if what == "kill":
    chat()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveServer]:
    with running(tmp_path / "data") as server:
        yield server


@pytest.fixture
def provider() -> Iterator[Loopback]:
    with Loopback(json_answer(chat_completion())) as server:
        yield server


def run(live: LiveServer, provider: Loopback, what: str, status: int = 0) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", APPLICATION, provider.netloc, what],
        env={**os.environ, "LLMOBSERVE_COLLECTOR_URL": live.url},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done.stderr


def health(live: LiveServer) -> Any:
    with live.browser() as browser:
        return browser.get("/api/v1/health/data").json()


def httpx_of(answer: Any) -> Any:
    (row,) = answer["coverage"]
    return next(cell for cell in row["libraries"] if cell["library"] == "httpx")


def test_a_healthy_process_is_complete_and_ended(live: LiveServer, provider: Loopback) -> None:
    run(live, provider, "end")
    answer = health(live)
    assert answer["complete"], answer["findings"]
    (process,) = answer["processes"]
    assert (process["service"], process["state"], process["calls"], process["lost"]) == ("shop", "ended", 3, 0)
    assert process["language"].startswith("python 3")
    assert process["fix"] is None
    cell = httpx_of(answer)
    assert (cell["state"], cell["calls"], cell["processes"]) == ("active", 3, 1)
    assert cell["last_call"] is not None
    assert len(provider.ledger) == 3 == answer["usage"]["calls"]


def test_losses_are_the_same_in_sender_ledger_and_answer(live: LiveServer, provider: Loopback) -> None:
    run(live, provider, "lose")
    answer = health(live)
    # Eight calls reached the provider; four are stored, and the four that were given up are named.
    assert len(provider.ledger) == 8
    assert answer["usage"]["calls"] == 4
    assert answer["lost_records"] == 4
    assert [(loss["service"], loss["reason"], loss["records"]) for loss in answer["losses"]] == [
        ("shop", "spool_full", 4)
    ]
    stored = live.app.state.store.fetch(select(losses.c.records))
    assert sum(row["records"] for row in stored) == 4
    assert answer["processes"][0]["lost"] == 4
    assert httpx_of(answer)["calls"] == 8
    (gap,) = answer["gaps"]
    assert (gap["expected"] - gap["arrived"], gap["unexplained"]) == (4, 0)
    assert not answer["complete"]


def test_a_killed_process_is_missing_nothing_once_its_records_were_sent(live: LiveServer, provider: Loopback) -> None:
    run(live, provider, "kill", -signal.SIGKILL)
    (process,) = health(live)["processes"]
    assert (process["state"], process["calls"]) == ("active", 3), "its last word was before the fourth call"
    subprocess.run(
        [str(Path(sys.executable).with_name("llmobserve")), "flush", "--json"],
        env={**os.environ, "LLMOBSERVE_COLLECTOR_URL": live.url},
        check=True,
        capture_output=True,
        timeout=60,
    )
    answer = health(live)
    assert answer["usage"]["calls"] == 4
    assert (answer["gaps"], answer["lost_records"], answer["records"]["duplicates"]) == ([], 0, 0)
    assert answer["process_count"] == 1
    sequences = live.app.state.store.fetch(select(receipts.c.first_sequence, receipts.c.last_sequence))
    assert json.dumps([list(row.values()) for row in sequences]).count("null") == 0
