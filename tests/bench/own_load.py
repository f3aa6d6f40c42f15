"""Batches of our own format as busy applications send them: runs of five calls, about 1.1 kB of JSON each.

A batch is built once by the SDK's own writer; then only ids and times are written anew. All of a load is made before
it is sent, so that the sender takes little of the processor that the receiver runs on.
"""

import gzip
import http.client
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from llmobserve.wire import CallEvent, Context, Usage, batch_to_json, new_event_id, now_us, record_to_json

__all__ = ["OwnBatch", "Told", "send_all"]

CALLS_A_RUN = 5
_WORD = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{16,32}(?![0-9a-f])")
_START_US = 1_795_000_123_456_789
_MODELS = ("gpt-4o-mini", "gpt-5-nano", "gpt-5-mini", "gpt-4.1")


class OwnBatch:
    """A template of `events` calls; `fresh` makes a batch of it that nobody has seen, as it is sent."""

    def __init__(self, events: int) -> None:
        self.events = events
        dice = random.Random(7)
        self._ids: list[str] = []
        self._hex: list[str] = []
        records = [self._call(dice, number) for number in range(events)]
        head = {"version": 1, "batch_id": "bench", "sent_at_us": now_us(), "source": {"process_id": "bench"}}
        self._text = batch_to_json(head, records)
        replaced = {*self._ids, *self._hex}
        words = [(found.start(), found[0].decode()) for found in _WORD.finditer(self._text)]
        self._places = [(place, word) for place, word in words if word in replaced]
        self._starts = [place for place, word in words if word == str(_START_US)]

    def fresh(self, dice: random.Random, at_us: int | None = None) -> bytes:
        """A batch of calls that began in the second before `at_us`; `None`: now."""
        text = bytearray(self._text)
        now = now_us() if at_us is None else at_us
        new = {one: new_event_id(now - dice.randrange(10**6)) for one in self._ids}
        new.update({one: dice.randbytes(len(one) // 2).hex() for one in self._hex})
        for place, one in self._places:
            text[place : place + len(one)] = new[one].encode()
        for place in self._starts:
            text[place : place + 16] = b"%d" % (now - dice.randrange(10**6))
        return gzip.compress(bytes(text), 1)

    def _call(self, dice: random.Random, number: int) -> bytes:
        if number % CALLS_A_RUN == 0:
            self._ids.append(new_event_id())
            self._hex += [dice.randbytes(16).hex(), dice.randbytes(8).hex()]
            self._run, self._trace, self._parent = self._ids[-1], self._hex[-2], self._hex[-1]
            self._customer = f"customer-{dice.randrange(2000)}"
        event_id = new_event_id()
        span, response, request = dice.randbytes(8).hex(), dice.randbytes(12).hex(), dice.randbytes(16).hex()
        self._ids.append(event_id)
        self._hex += [span, response, request]
        model = dice.choice(_MODELS)
        prompt, cached, answer = dice.randrange(50, 4000), dice.randrange(0, 2000), dice.randrange(5, 900)
        call = CallEvent(
            event_id=event_id,
            sequence=number,
            kind="llm",
            provider="openai",
            operation="chat.completions",
            request_model=model,
            response_model=model,
            start_time_us=_START_US,
            # Nanoseconds, as a clock gives them.
            duration_ms=dice.randrange(4 * 10**9) / 1e6,
            time_to_first_token_ms=dice.randrange(9 * 10**8) / 1e6,
            http_status=200,
            stream=dice.random() < 0.5,
            response_id=f"chatcmpl-{response}",
            request_id=f"req_{request}",
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
                run_id=self._run,
                run_name=f"job {number % 20}",
                session_id=f"s{dice.randrange(500)}",
                customer_id=self._customer,
                trace_id=self._trace,
                span_id=span,
                parent_span_id=self._parent,
                section_path=f"agent:a{number % 50}/tool:search",
                tags=("nightly",),
                metadata={"region": dice.choice(("eu", "us"))},
            ),
        )
        return record_to_json(call)


@dataclass
class Told:
    """What senders were told."""

    accepted: int = 0
    """Batches that were answered with 200."""
    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter[str])
    waits_ms: list[float] = field(default_factory=list[float])
    """Of each answer."""


def send_all(url: str, bodies: Sequence[bytes], *, senders: int = 4) -> Told:
    """Post every body to `url` from several threads; who is refused comes again as it is told to."""
    told, lock, waiting = Told(), threading.Lock(), list(reversed(bodies))
    begun = time.perf_counter()
    workers = [threading.Thread(target=_send, args=(url, waiting, told, lock)) for _ in range(senders)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    told.seconds = time.perf_counter() - begun
    return told


def _send(url: str, waiting: list[bytes], told: Told, lock: threading.Lock) -> None:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
    while True:
        with lock:
            if not waiting:
                connection.close()
                return
            body = waiting.pop()
        begun = time.perf_counter()
        connection.request("POST", place.path, body, {"Content-Type": "application/json", "Content-Encoding": "gzip"})
        answer = connection.getresponse()
        answer.read()
        with lock:
            told.answers[str(answer.status)] += 1
            told.waits_ms.append((time.perf_counter() - begun) * 1000)
            told.accepted += answer.status == 200
            if answer.status in {429, 503}:
                waiting.append(body)
        if answer.status in {429, 503}:
            time.sleep(float(answer.headers.get("Retry-After") or 1))
