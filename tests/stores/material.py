"""Random data of all kinds, through the real ingest path: the same for every engine that is compared."""

import json
import random
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from server.batches import Collector, batch, content
from stores.engines import ENGINES
from stores.recording import RecordingStore, Written

from llmobserve.pricing import PriceOverlay, PriceRule, load_price_book
from llmobserve_server.jobs.reprice.calls import ChunkReader
from llmobserve_server.jobs.reprice.log import Order, RepriceLog
from llmobserve_server.jobs.reprice.run import Progress, run_repricing
from llmobserve_server.pricing import price_by
from llmobserve_server.query.reprice_report import RepriceFilter
from llmobserve_server.store.protocol import Store

__all__ = ["FIRST", "PROJECT", "Material", "make_material"]

FIRST = datetime(2026, 9, 28, 21, 7, tzinfo=UTC)
"""Start of the first run; the others follow within five weeks, over the end of summer time in Europe."""
SPAN = timedelta(days=35)
PROJECT = "default"
_PROJECTS = (PROJECT, PROJECT, PROJECT, "other")
_RUNS = 260
_MODELS = (
    *(("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", "chat.completions"),) * 5,
    ("openai", "gpt-5-nano", "gpt-5-nano-2025-08-07", "responses"),
    ("openai", "text-embedding-3-small", "text-embedding-3-small", "embeddings"),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "messages"),
    ("mistral", "mistral-small-latest", None, "chat.completions"),
    ("openai", "Größe-unbekannt", None, "chat.completions"),
    ("acme", "mystery_100%", None, "chat"),
)
_NAMES = ("nightly import", "Überblick", "überblick", "support\\bot", "50%_off", "a/b", "Ärger 🙂", "zzz")
_CUSTOMERS = (None, None, "acme", "Acme", "harbor-and-pine", "Öko AG", "ß", "0")
_AGENTS = ("researcher", "writer", "Critic", "planer-ü")
_ENVIRONMENTS = (None, "production", "production", "staging")
_SERVICES = ("api", "worker", "Worker", None)
_TAGS = ("beta", "ß-tag", 'quo"te', "comma,tag", "{brace}", "back\\slash", "NULL")
_REGIONS = ("eu", "us", "EU", "ap south")
_ERRORS = ("RateLimitError", "rate_limit_error", "Timeout")


class Material:
    """What was written, in order."""

    def __init__(self, written: list[Written]) -> None:
        self.written = written


def make_material(folder: Path, seed: int) -> Material:
    """Some 3,000 records of all kinds with this seed, ingested into DuckDB."""
    with ENGINES["duckdb"](folder) as place, place.opened() as inner:
        recording = RecordingStore(inner)
        store = cast("Store", recording)
        collector = Collector(store)
        collector.ingestor.start()
        try:
            for project_id, body in _bodies(random.Random(seed)):
                collector.post(body, project_id)
        finally:
            collector.ingestor.stop()
        _reprice(store)
        return Material(recording.written)


def _reprice(store: Store) -> None:
    """A tenth off for one provider, told after the calls were stored."""
    rule = PriceRule(id="r-1", kind="discount", provider="openai", percent=Decimal(10), from_us=0)
    book, overlay, wanted = load_price_book(), PriceOverlay([rule]), RepriceFilter(provider="openai")
    order = Order(
        project_id=PROJECT,
        job_id="job-1",
        created_at=FIRST + timedelta(days=60),
        actor="test",
        address=None,
        wanted=wanted,
        price_book=book.version,
    )
    log, reader = RepriceLog(store, order), ChunkReader(store, PROJECT, wanted, 200)
    log.begin(reader.find().calls)
    progress = Progress()
    rest = run_repricing(
        reader, lambda event: price_by(book, event, overlay), progress, log, stopping=threading.Event(), idle_share=0
    )
    log.finish(rest)
    assert progress.done > 300


def _bodies(dice: random.Random) -> Iterator[tuple[str, bytes]]:
    """Batches of one sender each, in no order of time, some of them more than once."""
    records: list[tuple[str, dict[str, Any]]] = []
    for number in range(_RUNS):
        project_id = _PROJECTS[number % len(_PROJECTS)]
        records += [(project_id, record) for record in _run(dice, number)]
    # In the order of time on the whole, as senders are, with much out of order.
    records.sort(key=lambda one: _time_of(one[1]) + dice.gauss(0, 3e10))
    for project_id in sorted(set(_PROJECTS)):
        mine = [record for owner, record in records if owner == project_id]
        sequence = 0
        while mine:
            taken, mine = mine[: (size := dice.randint(1, 120))], mine[size:]
            process = f"p-{dice.randint(1, 4)}"
            for record in taken:
                if record["type"] != "content":
                    record["sequence"] = sequence = sequence + (2 if dice.random() < 0.01 else 1)
            broken: list[bytes] = [b'{"type":"call","kind":7}'] if dice.random() < 0.15 else []
            body = batch(*taken, *broken, **_head(dice, process))
            yield project_id, body
            if dice.random() < 0.1:
                yield project_id, body
                yield project_id, batch(*dice.sample(taken, len(taken) // 2), **_head(dice, process))


def _head(dice: random.Random, process: str) -> dict[str, Any]:
    source = {
        "process_id": process,
        "service": dice.choice(_SERVICES),
        "environment": dice.choice(_ENVIRONMENTS),
        "sdk": "llmobserve",
        "sdk_version": dice.choice(("1.0.0", "1.0.1")),
        "language": "python",
        "host": dice.choice(("h1", "h2")),
    }
    facts: dict[str, Any] = {"batch_id": f"b-{dice.getrandbits(48):x}", "source": source}
    if dice.random() < 0.2:
        facts["dropped"] = {"spool_full": dice.randint(1, 9), "spool_full_content": dice.randint(1, 9)}
    if dice.random() < 0.3:
        libraries = [{"name": "openai", "version": "3.0", "state": dice.choice(("active", "missing")), "calls": 3}]
        facts["report"] = {"made_at_us": _us(FIRST), "started_at_us": _us(FIRST), "libraries": libraries}
    return facts


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _time_of(record: dict[str, Any]) -> float:
    return float(record.get("start_time_us") or record.get("at_us") or record["sort_us"])


def _id(dice: random.Random, at_us: int) -> str:
    """As the SDK makes ids: the time, then chance (RFC 9562 §5.7)."""
    value = (at_us // 1000) << 80 | 7 << 76 | dice.getrandbits(12) << 64 | 2 << 62 | dice.getrandbits(62)
    return str(uuid.UUID(int=value))


def _run(dice: random.Random, number: int) -> Iterator[dict[str, Any]]:
    # Whole minutes now and then, so that times are equal and ids decide the order.
    begin_us = _us(FIRST + dice.random() * SPAN)
    begin_us -= begin_us % 60_000_000 if number % 3 == 0 else 0
    run_id = f"run-{number}" if number % 5 == 0 else _id(dice, begin_us)
    trace_id, root = f"{dice.getrandbits(128):032x}", f"{dice.getrandbits(64):016x}"
    name, agent = dice.choice(_NAMES), dice.choice(_AGENTS)
    context: dict[str, Any] = {
        "run_id": run_id,
        "run_name": name,
        "session_id": f"s-{dice.randint(1, 40)}" if dice.random() < 0.7 else None,
        "user_id": f"u-{dice.randint(1, 25)}" if dice.random() < 0.7 else None,
        "customer_id": dice.choice(_CUSTOMERS),
        "trace_id": trace_id,
        "tags": dice.sample(_TAGS, dice.randint(0, 3)),
        "metadata": {"region": dice.choice(_REGIONS), "Länge": str(dice.randint(1, 3))} if dice.random() < 0.6 else {},
    }
    span = {
        "type": "span",
        "event_id": _id(dice, begin_us),
        "kind": "run",
        "name": name,
        "start_time_us": begin_us,
        "context": {**context, "span_id": root},
        "attributes": {"http.route": dice.choice(("/ask", "/Ask")), "n": number % 7},
    }
    if number % 4 == 0:
        yield {**span, "status": "running"}
    if number % 9:
        status = dice.choice(("ok", "ok", "ok", "error"))
        yield {**span, "duration_ms": round(dice.lognormvariate(8, 1), 3), "status": status}
    if number % 11 == 0:
        yield _score(dice, "run", run_id, begin_us, context)
    section, span_id = f"agent:{agent}", f"{dice.getrandbits(64):016x}"
    below = {**context, "span_id": span_id, "parent_span_id": root, "section_path": section}
    yield {
        "type": "span",
        "event_id": _id(dice, begin_us + 1000),
        "kind": "agent",
        "name": agent,
        "start_time_us": begin_us + 1000,
        "duration_ms": dice.uniform(1, 9000),
        "context": below,
    }
    for _ in range(dice.randint(1, 9)):
        at_us = begin_us + dice.randint(0, 90_000_000)
        inside = {
            **context,
            "parent_span_id": span_id,
            "section_path": section,
            "span_id": f"{dice.getrandbits(64):016x}",
        }
        yield from _call(dice, at_us, inside)


def _call(dice: random.Random, at_us: int, context: dict[str, Any]) -> Iterator[dict[str, Any]]:
    provider, requested, served, operation = dice.choice(_MODELS)
    failed = dice.random() < 0.08
    event_id, streamed = _id(dice, at_us), dice.random() < 0.4
    usage: dict[str, Any] = {
        "units": {
            "input_text_tokens": dice.randint(1, 20_000),
            "output_text_tokens": dice.randint(0, 3000),
            "cache_read_text_tokens": dice.randint(0, 500),
        },
        "source": dice.choice(("response", "response", "response", "estimated", "unknown")),
        "flags": ["partial"] if dice.random() < 0.05 else [],
    }
    call: dict[str, Any] = {
        "type": "call",
        "event_id": event_id,
        "kind": "embedding" if operation == "embeddings" else "llm",
        "provider": provider,
        "operation": operation,
        "request_model": requested,
        "response_model": served,
        "start_time_us": at_us,
        "duration_ms": round(dice.lognormvariate(6.5, 1.2), dice.choice((0, 3))) if dice.random() < 0.97 else None,
        "time_to_first_token_ms": round(dice.lognormvariate(5, 1), 3) if streamed else None,
        "status": "error" if failed else "ok",
        "error": {"type": dice.choice(_ERRORS), "message": "Zu viele Anfragen: 100%_voll"} if failed else None,
        "http_status": 429 if failed else 200,
        "stream": streamed,
        "attempt": dice.choice((0, 0, 0, 1)),
        "response_id": f"resp-{event_id[-12:]}",
        "request_id": f"req-{event_id[-12:]}",
        "usage": {} if failed else usage,
        "reported_cost_usd": "0.000123456789" if dice.random() < 0.03 else None,
        "host": f"api.{provider}.com",
        "transport": dice.choice(("httpx2", "urllib3")),
        "context": context,
    }
    yield call
    if dice.random() < 0.06:
        # The work went on for long: its start is corrected, into another week now and then.
        moved = call["start_time_us"] - dice.choice((0, 3_600_000_000, 86_400_000_000))
        more = {**usage, "units": {"input_text_tokens": dice.randint(1, 9000), "output_text_tokens": 77}}
        yield {**call, "revision": 1, "usage": more, "status": "ok", "error": None, "start_time_us": moved}
    if dice.random() < 0.1:
        yield _other_record(dice, call)
    if dice.random() < 0.4:
        yield {
            **content(event_id, input=[{"role": "user", "content": "Wie groß ist ÄÖÜ? 100%_"}], output="Grüße\\n"),
            "sort_us": at_us,
        }
    if dice.random() < 0.08:
        yield _score(dice, "event", event_id, at_us, context)
    if dice.random() < 0.05:
        yield {
            "type": "fact",
            "event_id": _id(dice, at_us),
            "target_event_id": event_id,
            "kind": "routing",
            "data": {"reason": "cheaper", "considered": ["a", "b"]},
            "at_us": at_us,
            "context": context,
        }


def _other_record(dice: random.Random, call: dict[str, Any]) -> dict[str, Any]:
    """The same call as the application or a gateway tells of it, with more context at times."""
    by_gateway = dice.random() < 0.4
    told = {
        **call,
        "event_id": _id(dice, call["start_time_us"] + 40_000),
        "start_time_us": call["start_time_us"] + 40_000,
        "transport": "gateway" if by_gateway else "manual",
        "context": {"customer_id": "told customer", "session_id": "s-told"} if dice.random() < 0.5 else {},
    }
    if not by_gateway:
        told["usage"] = {"units": {"input_text_tokens": 5, "output_text_tokens": 6}, "source": "application"}
        if dice.random() < 0.3:
            told["response_id"] = None
    return told


def _score(dice: random.Random, kind: str, target: str, at_us: int, context: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "score",
        "event_id": _id(dice, at_us),
        "target_type": kind,
        "target_id": target,
        "name": dice.choice(("helpful", "Tonfall")),
        "data_type": "numeric",
        "value": str(Decimal(dice.randint(-(10**6), 10**6)) / 10**6),
        "comment": json.dumps("gut ✓"),
        "source": dice.choice(("application", "user")),
        "at_us": at_us + 1,
        "context": context,
    }
