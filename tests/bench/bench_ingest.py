"""Ingest from request body to durable commit: rate, commit times, disk. Run: `python tests/bench/bench_ingest.py`."""

import asyncio
import gzip
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from llmobserve.wire import (
    CallEvent,
    ContentRecord,
    Context,
    Usage,
    batch_to_json,
    new_event_id,
    now_us,
    record_to_json,
)
from llmobserve_server.cli.server import collect_seldom
from llmobserve_server.ingest import Ingestor
from llmobserve_server.store.open import open_store

SENDERS = 4
CONTENT_BYTES = 4096
MODELS = ("gpt-4o-mini", "gpt-5-nano", "gpt-5-mini", "gpt-4.1")
WORDS = ("the", "model", "reads", "a", "long", "prompt", "and", "answers", "about", "orders", "invoices", "refunds")


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    batch_size: int
    batches: int
    with_content: bool


CASES = (
    Case(1000, 60, with_content=False),
    Case(100, 200, with_content=False),
    Case(1000, 20, with_content=True),
    Case(100, 100, with_content=True),
)


def _call(dice: random.Random) -> CallEvent:
    model = dice.choice(MODELS)
    prompt, cached, answer = dice.randrange(50, 4000), dice.randrange(0, 2000), dice.randrange(5, 900)
    return CallEvent(
        event_id=new_event_id(),
        sequence=dice.randrange(10**6),
        kind="llm",
        provider="openai",
        operation="chat.completions",
        request_model=model,
        response_model=model,
        start_time_us=now_us() - dice.randrange(10**9),
        duration_ms=dice.random() * 4000,
        time_to_first_token_ms=dice.random() * 900,
        http_status=200,
        stream=dice.random() < 0.5,
        response_id=f"chatcmpl-{dice.randbytes(12).hex()}",
        request_id=f"req_{dice.randbytes(16).hex()}",
        usage=Usage(
            units={"input_text_tokens": prompt, "cache_read_text_tokens": cached, "output_text_tokens": answer},
            details={"reasoning_tokens": answer // 2},
            source="response",
            raw={
                "prompt_tokens": prompt + cached,
                "completion_tokens": answer,
                "prompt_tokens_details": {"cached_tokens": cached},
            },
        ),
        dimensions={"service_tier": "default"},
        host="api.openai.com",
        transport="httpx2",
        context=Context(
            run_id=new_event_id(),
            run_name=f"job {dice.randrange(20)}",
            session_id=f"s{dice.randrange(500)}",
            customer_id=f"customer-{dice.randrange(2000)}",
            trace_id=dice.randbytes(16).hex(),
            span_id=dice.randbytes(8).hex(),
            parent_span_id=dice.randbytes(8).hex(),
            section_path=f"agent:a{dice.randrange(50)}/tool:search",
            tags=("nightly",),
            metadata={"region": dice.choice(("eu", "us"))},
        ),
    )


def _body(case: Case, dice: random.Random) -> bytes:
    records: list[bytes] = []
    for _ in range(case.batch_size):
        event = _call(dice)
        records.append(record_to_json(event))
        if case.with_content:
            said = " ".join(dice.choices(WORDS, k=CONTENT_BYTES // 6))[:CONTENT_BYTES]
            half = CONTENT_BYTES // 2
            content = ContentRecord(event_id=event.event_id, input=[{"content": said[:half]}], output=said[half:])
            records.append(record_to_json(content))
    head = {"version": 1, "batch_id": "bench", "sent_at_us": now_us(), "source": {"process_id": "bench"}}
    return gzip.compress(batch_to_json(head, records), 6)


async def _send(ingestor: Ingestor, bodies: list[bytes]) -> None:
    gate = asyncio.Semaphore(SENDERS)

    async def one(body: bytes) -> None:
        async with gate:
            await ingestor.submit(body, content_encoding="gzip", project_id="default")

    async with asyncio.TaskGroup() as group:
        for body in bodies:
            group.create_task(one(body))


def _measure(case: Case) -> str:
    dice = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.duckdb"
        store = open_store(f"duckdb:///{path}")
        ingestor = Ingestor(store)
        ingestor.start()
        asyncio.run(_send(ingestor, [_body(case, dice)]))  # loads the price book
        bodies = [_body(case, dice) for _ in range(case.batches)]
        wall, cpu = time.perf_counter(), time.process_time()
        asyncio.run(_send(ingestor, bodies))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        commits = ingestor.stats().recent_commit_seconds[1:]
        ingestor.stop()
        store.close()
        events = case.batches * case.batch_size
        deciles = statistics.quantiles(commits, n=20)
        what = "4 KB content" if case.with_content else "no content"
        return (
            f"batches of {case.batch_size:5}, {what:12}: {events / wall:8,.0f} events/s, "
            f"{cpu / events * 1e6:5.1f} us CPU an event, commit p50 {statistics.median(commits) * 1000:5.1f} ms "
            f"p95 {deciles[-1] * 1000:6.1f} ms, "
            f"{path.stat().st_size / (events + case.batch_size):6,.0f} bytes an event on disk"
        )


def main() -> None:
    """Print one line for each case."""
    collect_seldom()
    for case in CASES:
        print(_measure(case), flush=True)


if __name__ == "__main__":
    main()
