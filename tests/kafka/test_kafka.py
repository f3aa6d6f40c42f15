"""The Kafka example against librdkafka's own cluster: what is killed loses nothing and doubles nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomllib
from confluent_kafka import Consumer, Producer
from server.live_server import LiveServer, batch, running
from sqlalchemy import select
from wheels import ROOT

from llmobserve.demo_provider import DemoProvider
from llmobserve_server.store.protocol import Row
from llmobserve_server.store.tables import events

EXAMPLE = ROOT / "examples" / "kafka"
CALLS = 20
OTHER = 400
APPLICATION = f"""
import openai, llmobserve
llmobserve.observe()
client = openai.OpenAI()
for number in range({CALLS}):
    with llmobserve.run("ask", customer_id="acme"):
        client.chat.completions.create(model="gpt-4o-mini", messages=[{{"role": "user", "content": str(number)}}])
assert llmobserve.flush(20), llmobserve.status()
print(llmobserve.status()["sent"])
"""


@dataclass
class Cluster:
    """One broker; it lives as long as the producer that has made it."""

    holder: Producer
    servers: str

    def address(self, topic: str) -> str:
        return f"kafka://{self.servers}/{topic}?session.timeout.ms=6000"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    holder = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "none", "log_level": 0})
    (broker,) = holder.list_topics(timeout=10).brokers.values()
    yield Cluster(holder, f"{broker.host}:{broker.port}")
    holder.flush(1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package on a path, with the entry points that its project file declares, as pip would have laid it."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    folder = tmp_path_factory.mktemp("site")
    metadata = folder / "llmobserve_kafka-1.0.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0.0\n")
    lines: list[str] = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    (folder / "llmobserve_kafka").symlink_to(EXAMPLE / "src" / "llmobserve_kafka")
    return folder


@contextmanager
def relaying(site: Path, address: str, collector_url: str, api_key: str = "") -> Generator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "llmobserve_kafka.relay", address, "--collector-url", collector_url]
    env = os.environ | {"PYTHONPATH": str(site), "LLMOBSERVE_API_KEY": api_key}
    with subprocess.Popen(command, text=True, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def until(holds: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it has not come true"
        time.sleep(0.05)


def calls_of(server: LiveServer) -> list[Row]:
    c = events.c
    asked = select(c.event_id, c.customer_id, c.cost_usd, c.clock_skew_ms).where(c.type == "call")
    return server.app.state.store.fetch(asked)


def produce(cluster: Cluster, topic: str, *bodies: bytes) -> None:
    for body in bodies:
        cluster.holder.produce(topic, body)
    assert cluster.holder.flush(10) == 0


def test_calls_of_an_application_arrive_through_relays_that_are_killed(
    cluster: Cluster, site: Path, tmp_path: Path
) -> None:
    address = cluster.address("application")
    with DemoProvider() as provider, running(tmp_path / "data") as server:
        env = {
            **os.environ,
            **provider.environment(),
            "PYTHONPATH": str(site),
            "LLMOBSERVE_BACKEND": address,
            "LLMOBSERVE_SPOOL_DIR": str(tmp_path / "spool"),
            # Many small batches, so that a kill meets the middle.
            "LLMOBSERVE_FLUSH_INTERVAL_MS": "100",
        }
        done = subprocess.run([sys.executable, "-c", APPLICATION], env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) >= CALLS
        produce(cluster, "application", *(json.dumps(batch(5)).encode() for _ in range(OTHER // 5)))
        for _ in range(2):
            with relaying(site, address, server.url) as relay:
                seen = len(calls_of(server))
                until(lambda seen=seen: len(calls_of(server)) > seen)
                relay.send_signal(signal.SIGKILL)
                assert relay.wait(20) == -signal.SIGKILL
        assert len(calls_of(server)) < CALLS + OTHER, "nothing was left for the last relay"
        with relaying(site, address, server.url) as relay:
            until(lambda: len(calls_of(server)) >= CALLS + OTHER)
            relay.send_signal(signal.SIGTERM)
            assert relay.wait(20) == 0
        calls = calls_of(server)
        assert len({call["event_id"] for call in calls}) == len(calls) == CALLS + OTHER
        asked = [call for call in calls if call["customer_id"] == "acme"]
        assert len(asked) == CALLS
        assert all(call["cost_usd"] > 0 for call in asked)
        # Waiting in the topic is not taken for a wrong clock.
        assert all(abs(call["clock_skew_ms"] or 0) < 1000 for call in calls)


def test_a_collector_that_takes_nothing_is_waited_for_and_what_it_refuses_is_kept(
    cluster: Cluster, site: Path, tmp_path: Path
) -> None:
    address = cluster.address("refused")
    produce(cluster, "refused", b"not json", b'{"version": 1}', json.dumps(batch(3)).encode())
    with running(tmp_path / "data", disk_reserve_mb=1_000_000) as server, relaying(site, address, server.url) as relay:
        until(lambda: server.ingestor.stats().failed > 0)
        assert (relay.poll(), len(calls_of(server))) == (None, 0)
        server.app.state.store._disk_reserve_bytes = 0
        until(lambda: len(calls_of(server)) == 3)
    reader = Consumer(
        {"bootstrap.servers": cluster.servers, "group.id": "reader", "auto.offset.reset": "earliest", "log_level": 0}
    )
    reader.subscribe(["refused.dead"])
    dead: list[bytes] = []
    until(lambda: (dead.extend(filter(None, (_value(reader.poll(1)),))), len(dead) == 2)[1])
    reader.close()
    assert sorted(dead) == [b"not json", b'{"version": 1}']


def _value(message: Any) -> bytes | None:
    return None if message is None or message.error() else message.value()
