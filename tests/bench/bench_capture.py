"""What observation adds to a call: the bare client and the observed one, in turns in one process.

Run: `python tests/bench/bench_capture.py [rounds]`, on a machine that does nothing else. In-process transports answer
at once, so that nothing but client and observation is measured. Figures are CPU time of the calling thread, the lower
quartile of all calls of a kind. docs/performance.md explains them.
"""

import asyncio
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx2
import openai
from bench.bench_sdk_core import decorators, imports
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion

import llmobserve
from llmobserve.transport import Reply

SYSTEM = "You are a helpful assistant. " * 8
QUESTION = "Summarise this text please: " + "lorem ipsum dolor sit amet " * 20
PROMPT: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
WARM_UP, CALLS = 5, 40
WHOLE_CALLS, UNSENT_CALLS = 1_000, 100_000
COLLECTOR = """
from loopback.collector import Collector
with Collector() as collector:
    print(collector.url, flush=True)
    input()
"""

Case = Callable[[], None]


class _Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, pieces: tuple[bytes, ...]) -> None:
        self._pieces = iter(pieces)  # a body is there once: who iterates again gets the rest

    def __iter__(self) -> Any:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class _Transport(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Answers every request with the same bytes, as a body that is read from a stream."""

    def __init__(self, content_type: str, *pieces: bytes) -> None:
        self._headers = {"content-type": content_type, "x-request-id": "req_1", "openai-processing-ms": "1"}
        self._pieces = pieces

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=self._headers, stream=_Pieces(self._pieces))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return self.handle_request(request)


class _Accepting:
    """The way to a collector that takes everything and costs nothing."""

    def post(self, body: bytes) -> Reply:
        return Reply(200, {}, b'{"accepted":1}')

    def close(self) -> None:
        return


def _json(body: object) -> _Transport:
    return _Transport("application/json", json.dumps(body).encode())


def _transports() -> dict[str, _Transport]:
    vector = {"object": "embedding", "index": 0, "embedding": [0.0123456789 * n for n in range(1536)]}
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    words = [f"word{n} " for n in range(47)]
    return {
        "chat": _json(chat_completion("word " * 60)),
        "stream, 50 chunks, usage": _Transport("text/event-stream", *chat_chunks(*words, usage=CHAT_USAGE)),
        "stream, 50 chunks, no usage": _Transport("text/event-stream", *chat_chunks(*words)),
        "embedding, 1536 floats": _json({"object": "list", "data": [vector], "model": "m", "usage": usage}),
    }


def _sync_cases() -> dict[str, Case]:
    def chat(client: Any) -> None:
        client.chat.completions.create(model="m", messages=PROMPT)

    def stream(client: Any) -> None:
        for _ in client.chat.completions.create(model="m", messages=PROMPT, stream=True):
            pass

    def embed(client: Any) -> None:
        client.embeddings.create(model="m", input="text", encoding_format="float")

    cases: dict[str, Case] = {}
    for name, transport in _transports().items():
        client = openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=transport))
        call = {"c": chat, "s": stream, "e": embed}[name[0]]
        cases[f"sync {name}"] = lambda call=call, client=client: call(client)
    elsewhere = httpx2.Client(transport=_json({}))
    cases["httpx2, unrecognised host"] = lambda: elsewhere.get("https://example.test/page") and None
    return cases


def _async_cases(loop: asyncio.AbstractEventLoop) -> dict[str, Case]:
    async def chat(client: Any) -> None:
        await client.chat.completions.create(model="m", messages=PROMPT)

    async def stream(client: Any) -> None:
        async for _ in await client.chat.completions.create(model="m", messages=PROMPT, stream=True):
            pass

    async def embed(client: Any) -> None:
        await client.embeddings.create(model="m", input="text", encoding_format="float")

    cases: dict[str, Case] = {}
    for name, transport in _transports().items():
        client = openai.AsyncOpenAI(api_key="k", http_client=httpx2.AsyncClient(transport=transport))
        call = {"c": chat, "s": stream, "e": embed}[name[0]]
        cases[f"async {name}"] = lambda call=call, client=client: loop.run_until_complete(call(client))
    return cases


def _times_us(case: Case) -> list[float]:
    for _ in range(WARM_UP):
        case()
    gc.collect()
    gc.disable()
    times: list[float] = []
    for _ in range(CALLS):
        before = time.thread_time_ns()
        case()
        times.append((time.thread_time_ns() - before) / 1000)
    gc.enable()
    return times


def _quartile(times: list[float]) -> float:
    return sorted(times)[len(times) // 4]


def _observe(folder: str, *, content: bool = False) -> None:
    llmobserve.observe(transport=_Accepting(), spool_dir=folder, flush_interval_ms=60_000, capture_content=content)


def compare(case: Case, rounds: int) -> tuple[float, float, float]:
    """Microseconds of a bare call, and what observation adds to it without and with content."""
    bare, observed, with_content = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            bare += _times_us(case)
            for content, times in ((False, observed), (True, with_content)):
                _observe(folder, content=content)
                times += _times_us(case)
                llmobserve.shutdown(0)
    base = _quartile(bare)
    return base, _quartile(observed) - base, _quartile(with_content) - base


def whole_process(chat: Case) -> None:
    """CPU of all threads a call, with reading the spool again, packing and posting it; the collector is elsewhere."""
    tests = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-c", COLLECTOR]
    with subprocess.Popen(command, cwd=tests, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as collector:
        assert collector.stdout is not None
        url = collector.stdout.readline().strip()
        bare, observed = [], []
        for _ in range(5):
            bare.append(_process_us(chat))
            with tempfile.TemporaryDirectory() as folder:
                llmobserve.observe(collector_url=url, spool_dir=folder)
                observed.append(_process_us(chat))
                assert llmobserve.shutdown(30)
        collector.communicate("\n")
    print(f"{'whole process, sync chat':<60}{min(observed) - min(bare):>10.1f} µs added")


def _process_us(chat: Case) -> float:
    before = time.process_time_ns()
    for _ in range(WHOLE_CALLS):
        chat()
    llmobserve.flush(30)
    return (time.process_time_ns() - before) / 1000 / WHOLE_CALLS


def unsent_memory() -> None:
    """Growth of the process by calls that no collector takes; in a process of its own."""
    code = f"from bench.bench_capture import _unsent; _unsent({UNSENT_CALLS})"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[1], check=True)


def _unsent(calls: int) -> None:
    chat = _sync_cases()["sync chat"]
    with tempfile.TemporaryDirectory() as folder:
        llmobserve.observe(collector_url="http://127.0.0.1:9", spool_dir=folder)
        for _ in range(1000):
            chat()
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(calls):
            chat()
        grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
        on_disk_mib = sum(path.stat().st_size for path in Path(folder).glob("*.seg")) / 2**20
        print(f"{f'memory of {calls:,} unsent calls':<60}{grown_mib:>10.1f} MiB ({on_disk_mib:.0f} MiB on disk)")
        llmobserve.shutdown(0)


def main() -> None:
    """Print one line a case."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    loop = asyncio.new_event_loop()
    print(f"{'case':<40}{'bare µs':>10}{'added µs':>10}{'ratio':>8}{'added with content':>20}")
    sync_cases = _sync_cases()
    for name, case in {**sync_cases, **_async_cases(loop)}.items():
        bare, added, with_content = compare(case, rounds)
        print(f"{name:<40}{bare:>10.0f}{added:>10.1f}{1 + added / bare:>8.3f}{with_content:>20.1f}", flush=True)
    # The client leaves the generators of drained bodies to the loop.
    loop.run_until_complete(asyncio.sleep(0.1))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    whole_process(sync_cases["sync chat"])
    unsent_memory()
    decorators()
    imports()


if __name__ == "__main__":
    main()
