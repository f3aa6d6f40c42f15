"""Sends example data the way real data comes: through the ingest of an open store, or by HTTP to a collector."""

import asyncio
import gzip
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice

from llmobserve.wire import Batch, now_us
from llmobserve.wire.codec import to_builtins
from llmobserve_server.errors import StoreError
from llmobserve_server.ingest import Ingestor
from llmobserve_server.query.window import Scope
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.protocol import Store
from llmobserve_server.store.tables import events

__all__ = ["Filled", "fill_collector", "fill_store", "is_empty"]

_IN_FLIGHT = 8
_SENDERS = 3
_TRIES = 8
_TIMEOUT_S = 60


@dataclass(slots=True)
class Filled:
    """What became of the records that were sent."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    seconds: float = 0.0


Progress = Callable[[Filled], None]
"""Called now and then with the counts so far."""


def is_empty(store: Store, project_id: str) -> bool:
    """Whether a project of the store has no event at all."""
    one = Scope(project_id).select(events, events.c.event_id).limit(1)
    return not store.fetch(one)


def fill_store(
    store: Store, batches: Iterable[Batch], *, project_id: str, settings: ServerSettings, progress: Progress
) -> Filled:
    """Stores the batches in a project of an open store. Raises ServerError when a batch is refused as a whole."""
    ingestor = Ingestor(store, settings=settings)
    ingestor.start()
    try:
        filled = asyncio.run(_submit_all(ingestor, batches, project_id, progress))
    finally:
        ingestor.stop()
    store.checkpoint()
    return filled


async def _submit_all(ingestor: Ingestor, batches: Iterable[Batch], project_id: str, progress: Progress) -> Filled:
    filled = Filled()
    started = time.perf_counter()
    full = iter(batch for batch in batches if batch.events)
    while bodies := [_body(batch) for batch in islice(full, _IN_FLIGHT)]:
        # Together, so that they share a commit.
        answers = await asyncio.gather(
            *(ingestor.submit(body, content_encoding=None, project_id=project_id) for body in bodies)
        )
        for answer in answers:
            _count(filled, answer.accepted, answer.duplicates, answer.rejected)
        progress(filled)
    filled.seconds = time.perf_counter() - started
    return filled


def fill_collector(url: str, batches: Iterable[Batch], *, key: str | None, progress: Progress) -> Filled:
    """Posts the batches to the collector at `url`, again and again where it is busy.

    Raises StoreError when it cannot be reached or refuses a batch.
    """
    filled = Filled()
    started = time.perf_counter()
    with ThreadPoolExecutor(_SENDERS) as pool:
        waiting: set[Future[tuple[int, int, int]]] = set()
        for batch in batches:
            if not batch.events:
                continue
            waiting.add(pool.submit(_post, url, gzip.compress(_body(batch), 1), key))
            if len(waiting) >= _SENDERS * 2:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                _collect(done, filled, progress)
        _collect(waiting, filled, progress)
    filled.seconds = time.perf_counter() - started
    return filled


def _collect(done: Iterable[Future[tuple[int, int, int]]], filled: Filled, progress: Progress) -> None:
    for future in done:
        _count(filled, *future.result())
        progress(filled)


def _count(filled: Filled, accepted: int, duplicates: int, rejected: int) -> None:
    filled.accepted += accepted
    filled.duplicates += duplicates
    filled.rejected += rejected


def _body(batch: Batch) -> bytes:
    # Stamped as it leaves, like those of the SDK: the collector tells clocks that differ by it.
    return json.dumps(to_builtins(replace(batch, sent_at_us=now_us())), separators=(",", ":")).encode()


def _post(url: str, body: bytes, key: str | None) -> tuple[int, int, int]:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(f"{url.rstrip('/')}/v1/events", body, headers)
    for attempt in range(_TRIES):
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
                answer = json.load(response)
            return answer["accepted"], answer.get("duplicates", 0), answer.get("rejected", 0)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode("utf-8", "replace")
            if error.code not in {429, 503} or attempt == _TRIES - 1:
                raise StoreError(f"{url} answered {error.code}: {_message(said)}") from error
            time.sleep(float(error.headers.get("Retry-After") or 1))
        except (OSError, http.client.HTTPException) as error:
            raise StoreError(f"{url} cannot be reached: {error}. Is `llmobserve serve` running?") from error
    raise StoreError(f"{url} was busy for too long")


def _message(body: str) -> str:
    try:
        problem = json.loads(body)
        return str(problem["message"])
    except (ValueError, TypeError, KeyError):
        return body[:200]
