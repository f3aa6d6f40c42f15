"""An application with the real client libraries: every call once, in its place, at its exact cost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from e2e.collector import LLMOBSERVE, Collector
from e2e.expected import CALLS, RUNS, TOTAL_USD
from e2e.providers import Providers, providers

APPLICATION = Path(__file__).with_name("application.py")
NUMBER_OF_CALLS = sum(call.times for call in CALLS.values())


def run_application(services: Providers, collector_url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    hosts = f"{services.openai.netloc}=openai,{services.anthropic.netloc}=anthropic"
    return subprocess.run(
        [sys.executable, str(APPLICATION), f"{services.openai.url}/v1", services.anthropic.url, *arguments],
        env=os.environ | {"LLMOBSERVE_COLLECTOR_URL": collector_url, "LLMOBSERVE_HOSTS": hosts},
        capture_output=True,
        text=True,
        timeout=60,
    )


def assert_all_there_once(collector: Collector, services: Providers) -> None:
    """Each request that the providers have seen is one call with its facts; then the sums."""
    collector.sign_in()
    rows = collector.wait_for_calls(NUMBER_OF_CALLS)
    assert len(rows) == NUMBER_OF_CALLS == services.asked.total()
    details = [collector.get(f"events/{row['event_id']}") for row in rows]
    seen = sorted(_case(detail) for detail in details)
    assert seen == sorted(services.asked.elements())
    for detail in details:
        _assert_as_expected(collector, detail)
    _assert_sums(collector)


def _case(detail: dict[str, Any]) -> str:
    if detail["row"]["status"] == "error":
        return "refuse"
    if detail["row"]["operation"] == "embeddings":
        return "embed"
    return str(detail["response_id"]).partition("-")[0]


def _assert_as_expected(collector: Collector, detail: dict[str, Any]) -> None:
    row = detail["row"]
    expected = CALLS[_case(detail)]
    assert Decimal(row["cost_usd"]) == expected.usd, row
    assert (row["cost_state"], row["status"], row["stream"]) == (expected.cost_state, expected.status, expected.stream)
    assert (row["run_name"], row["customer_id"], row["section_path"]) == (
        expected.run_name,
        expected.customer,
        expected.path,
    )
    assert (row["service"], row["environment"]) == ("reports", "test")
    nodes = {node["span_id"]: node for node in collector.get(f"runs/{row['run_id']}")["nodes"]}
    parent = nodes[detail["parent_span_id"]]
    assert (parent["type"], parent["name"], parent["synthetic"]) == ("span", expected.parent, False)


def _assert_sums(collector: Collector) -> None:
    totals = collector.get("totals", group_by="customer")
    assert Decimal(totals["total"]["spend"]["cost_usd"]) == TOTAL_USD
    assert totals["total"]["spend"]["calls"] == NUMBER_OF_CALLS
    assert totals["total"]["spend"]["estimated_calls"] == 1
    assert totals["total"]["spend"]["unpriced_calls"] == 0
    runs = collector.get("runs", limit=50)["runs"]
    assert {(run["name"], *run["customers"]): Decimal(run["spend"]["cost_usd"]) for run in runs} == RUNS
    assert len(runs) == len(RUNS)


def test_every_call_once_in_its_place_at_its_cost(tmp_path: Path) -> None:
    with providers() as services, Collector(tmp_path / "data") as collector:
        done = run_application(services, collector.url)
        assert (done.returncode, done.stderr) == (0, "")
        flush(collector)  # what a slow machine has not sent in the second and a half of an exit
        assert_all_there_once(collector, services)
        nightly = next(run for run in collector.get("runs", limit=50)["runs"] if run["name"] == "nightly report")
        # The provider's refusal was handled by the application: the run itself is well.
        assert (nightly["status"], nightly["error_count"], nightly["tags"]) == ("ok", 1, ["e2e"])


def test_collector_away_while_the_application_runs(tmp_path: Path) -> None:
    with providers() as services, Collector(tmp_path / "data") as collector:
        collector.stop()
        done = run_application(services, collector.url)
        assert (done.returncode, done.stderr) == (0, "")
        collector.start()
        flush(collector)
        assert_all_there_once(collector, services)


def test_application_killed_after_its_last_call(tmp_path: Path) -> None:
    with providers() as services, Collector(tmp_path / "data") as collector:
        done = run_application(services, collector.url, "die")
        assert done.returncode == -signal.SIGKILL
        flush(collector)
        flush(collector)
        assert_all_there_once(collector, services)


def flush(collector: Collector) -> None:
    subprocess.run(
        [str(LLMOBSERVE), "flush"],
        env=os.environ | {"LLMOBSERVE_COLLECTOR_URL": collector.url},
        check=True,
        capture_output=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with Collector(tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"[]", 400),
        (b'{"version":1}', 400),
        (b"\x1f\x8b broken gzip", 400),
        (b'{"version":1,"batch_id":"b","sent_at_us":0,"source":{"process_id":"p"},"events":"none"}', 400),
    ],
)
def test_bad_batches_are_refused_and_harm_nobody(collector: Collector, body: bytes, status: int) -> None:
    kind = {"Content-Type": "application/json"}
    if body.startswith(b"\x1f\x8b"):
        kind["Content-Encoding"] = "gzip"
    answered, text = collector.request("POST", "/v1/events", body, kind)
    assert answered == status, text
    assert b"error" in text
    assert collector.request("GET", "/health")[0] == 200


def test_bad_records_leave_the_good_ones(tmp_path: Path) -> None:
    good = (
        '{"type":"call","event_id":"018f0000-0000-7000-8000-000000000001","kind":"llm","provider":"openai",'
        '"operation":"chat.completions","request_model":"gpt-4o-mini","start_time_us":%d,'
        '"usage":{"units":{"input_text_tokens":1000},"source":"response"}}'
    )
    with Collector(tmp_path / "data") as collector:
        collector.sign_in()
        now_us = 1_000_000 * _server_seconds(collector)
        head = f'{{"version":1,"batch_id":"b","sent_at_us":{now_us},"source":{{"process_id":"p"}},"events":['
        body = head + good % now_us + ',{"type":"call"},{"type":"sausage"},17]}'
        status, text = collector.request("POST", "/v1/events", body.encode(), {"Content-Type": "application/json"})
        assert status == 200, text
        (row,) = collector.wait_for_calls(1)
        # 1000 × 0.15 millionths
        assert Decimal(row["cost_usd"]) == Decimal("0.00015")
        again, verdicts = collector.request("POST", "/v1/events", body.encode(), {"Content-Type": "application/json"})
        assert again == 200
        assert b'"duplicates":1' in verdicts.replace(b" ", b"")
        assert len(collector.calls()) == 1


def _server_seconds(collector: Collector) -> int:
    return int(datetime.fromisoformat(collector.get("meta")["server_time"]).timestamp())
