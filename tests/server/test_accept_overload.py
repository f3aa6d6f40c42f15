"""More than the collector can take (C03): it says when to come back, loses nothing acknowledged, and recovers."""

import http.client
import json
import threading
import time
from collections import Counter
from pathlib import Path

from server.batches import batch, call
from server.live_server import LiveServer, running
from sqlalchemy import select

from llmobserve_server.store.tables import events

SENDERS = 24
SECONDS = 5.0
CALLS = 100
QUEUE_BATCHES = 4


class _Flood:
    """Senders that do not wait for their turn."""

    def __init__(self, server: LiveServer) -> None:
        self.answers: Counter[int] = Counter()
        self.acknowledged: set[str] = set()
        self.without_time: int = 0
        self.health: Counter[int] = Counter()
        self._server = server
        self._lock = threading.Lock()
        self._until = time.monotonic() + SECONDS

    def run(self) -> None:
        threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]
        threads.append(threading.Thread(target=self._look))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        while time.monotonic() < self._until:
            calls = [call() for _ in range(CALLS)]
            connection.request("POST", "/v1/events", batch(*calls), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            told = json.loads(answer.read())
            with self._lock:
                self.answers[answer.status] += 1
                if answer.status == 200:
                    assert told["accepted"] == CALLS
                    self.acknowledged.update(each["event_id"] for each in calls)
                elif not int(answer.headers.get("Retry-After") or 0) > 0:
                    self.without_time += 1
        connection.close()

    def _look(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        while time.monotonic() < self._until:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            answer.read()
            self.health[answer.status] += 1
            time.sleep(0.05)
        connection.close()


def test_a_flood_is_sent_away_with_a_time_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    with running(tmp_path, ingest_queue_batches=QUEUE_BATCHES) as server:
        flood = _Flood(server)
        flood.run()
        assert set(flood.answers) == {200, 503}, flood.answers
        assert flood.without_time == 0
        assert set(flood.health) == {200}
        stats = server.ingestor.stats()
        assert stats.refused_overload == flood.answers[503]
        assert (stats.waiting_batches, stats.waiting_bytes) == (0, 0)
        # It takes the next batch at once.
        with server.client() as sender:
            late = call()
            answer = sender.post("/v1/events", content=batch(late), headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
        stored = [row["event_id"] for row in server.app.state.store.fetch(select(events.c.event_id))]
    assert len(stored) == len(set(stored))
    assert set(stored) == flood.acknowledged | {late["event_id"]}
