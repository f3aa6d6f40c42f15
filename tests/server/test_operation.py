"""What those who run a collector rely on: readiness, figures, an orderly end under load, and who else is there."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest
from server.live_server import batch, running
from server.test_app_serve import COMMAND, refused, serving
from sqlalchemy import select

from llmobserve.wire import now_us
from llmobserve_server.store.open import open_store
from llmobserve_server.store.tables import events

STOPS_WITHIN_S = 30


def test_a_collector_that_can_take_nothing_is_not_ready_and_says_so_to_nobody_but_its_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running(tmp_path / "a", disk_reserve_mb=1_000_000) as server, server.client() as client:
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert str(tmp_path) not in answer.text
        assert "are kept. Free some space" in caplog.text
        assert client.get("/health").status_code == 200
        assert client.post("/v1/events", json=batch()).status_code == 503
    with running(tmp_path / "b") as server, server.client() as client:
        server.ingestor.hold(1, batches=server.settings.ingest_queue_batches)
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()["error"]) == (503, "overloaded")
        assert server.ingestor.stats().refused_overload == 0


def test_the_figures_tell_entrances_stores_and_jobs(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client() as client:
        assert client.post("/v1/events", json=batch(3)).status_code == 200
        assert client.post("/v1/events", json=batch(2, provider=7)).json()["rejected"] == 2
        body = batch(1)
        for _ in range(2):
            assert client.post("/v1/events", json=body).status_code == 200
        score = {"name": "good", "value": 1, "run_id": "r"}
        assert client.post("/api/v1/scores", json=score).status_code == 201
        with server.browser() as browser:
            assert len(browser.post("/api/v1/backup").content) > 0
        found = dict(line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines() if line[0] != "#")
        server.app.state.store.close()
        closed = client.get("/metrics").text
    figures = {name: float(value) for name, value in found.items()}
    assert figures['llmobserve_entrance_records_total{entrance="native",outcome="accepted"}'] == 4
    assert figures['llmobserve_entrance_records_total{entrance="native",outcome="duplicates"}'] == 1
    assert figures['llmobserve_entrance_records_total{entrance="native",outcome="rejected"}'] == 2
    assert figures['llmobserve_entrance_records_total{entrance="score",outcome="accepted"}'] == 1
    assert figures['llmobserve_records_total{outcome="accepted"}'] == 5
    assert figures["llmobserve_commits_total"] == 5
    assert 0 < figures['llmobserve_recent_commit_seconds{quantile="1"}'] < 60
    assert figures["llmobserve_store_up"] == 1
    assert figures["llmobserve_store_bytes"] > 0
    assert figures["llmobserve_store_disk_free_bytes"] > 0
    assert figures["llmobserve_retention_failed"] == 0
    assert abs(figures["llmobserve_last_commit_timestamp_seconds"] - now_us() / 1e6) < 600
    assert (
        figures["llmobserve_last_backup_timestamp_seconds"] >= figures["llmobserve_last_commit_timestamp_seconds"] - 1
    )
    assert "llmobserve_store_up 0.0" in closed


def test_at_a_stop_under_load_what_was_acknowledged_is_stored_and_the_end_is_in_time(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    statuses: set[int] = set()
    with serving(tmp_path / "data") as served:

        def send() -> None:
            with httpx.Client(base_url=served.url, trust_env=False, timeout=30) as client:
                while True:
                    body = batch(50)
                    try:
                        answer = client.post("/v1/events", json=body)
                    except httpx.TransportError:
                        return
                    statuses.add(answer.status_code)
                    if answer.status_code == 200:
                        acknowledged.extend(str(event["event_id"]) for event in body["events"])

        senders = [threading.Thread(target=send) for _ in range(4)]
        for sender in senders:
            sender.start()
        while len(acknowledged) < 1000:
            time.sleep(0.02)
        began = time.monotonic()
        output = served.stop(signal.SIGTERM)
        took_s = time.monotonic() - began
        for sender in senders:
            sender.join()
        assert "Traceback" not in output
        assert served.process.returncode in (0, -signal.SIGTERM)
    assert took_s < STOPS_WITHIN_S
    assert statuses <= {200, 503}
    store = open_store(f"duckdb:///{tmp_path / 'data' / 'events.duckdb'}")
    try:
        stored = {row["event_id"] for row in store.fetch(select(events.c.event_id))}
    finally:
        store.close()
    assert set(acknowledged) <= stored
    # It was closed in order: nothing is left in the log.
    assert not (tmp_path / "data" / "events.duckdb.wal").exists()


def test_who_is_on_the_port_and_in_the_directory_is_named(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as served:
        pid, port = served.process.pid, served.url.rpartition(":")[2]
        assert re.search(rf"Port {port} is in use by process {pid} \(\w+", refused("--port", port, "--data-dir", "x"))
        assert f"in use by process {pid}" in refused("--port", "0", "--data-dir", str(tmp_path / "data"))
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = str(ours.getsockname()[1])
        assert f"by process {os.getpid()} " in refused("--port", port, "--data-dir", str(tmp_path))
    said = refused("--workers", "4", "--data-dir", str(tmp_path))
    assert "no --workers" in said
    assert "PostgreSQL" in said


def test_workers_of_the_environment_are_not_taken(tmp_path: Path) -> None:
    """uvicorn and others read WEB_CONCURRENCY."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--data-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"WEB_CONCURRENCY": "4", "LLMOBSERVE_DISK_RESERVE_MB": "0"},
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "llmobserve.observe(" in line:
                break
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        assert not children.exists() or children.read_text() == ""
    finally:
        process.kill()
        process.communicate()
