"""What capture adds to a call: time of the bare client and of the observed one, alternated in one process.

Run: `python tests/bench/bench_capture.py [repeats]`. In-process transports answer at once, so nothing but client
and capture is measured; CPU time of the calling thread, best of the repeats.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx2
import openai
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion

from llmobserve import capture
from llmobserve.settings import load

PROMPT: Any = [{"role": "user", "content": "What is the capital of France?"}]
CALLS = 60


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

    def __init__(self, content_type: str, pieces: tuple[bytes, ...]) -> None:
        self._headers = {"content-type": content_type, "x-request-id": "req_1", "openai-processing-ms": "1"}
        self._pieces = pieces

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=self._headers, stream=_Pieces(self._pieces))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return self.handle_request(request)


def _transports() -> dict[str, _Transport]:
    vector = {"object": "embedding", "index": 0, "embedding": [0.0123456789 * n for n in range(1536)]}
    embedding = {"object": "list", "data": [vector], "model": "m", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
    words = [f"word{n} " for n in range(47)]
    return {
        "chat": _Transport("application/json", (json.dumps(chat_completion()).encode(),)),
        "stream, 50 chunks, usage": _Transport("text/event-stream", chat_chunks(*words, usage=CHAT_USAGE)),
        "stream, 50 chunks, no usage": _Transport("text/event-stream", chat_chunks(*words)),
        "embedding, 1536 floats": _Transport("application/json", (json.dumps(embedding).encode(),)),
    }


def _sync(case: str, transport: _Transport) -> Callable[[], None]:
    client = openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=transport))

    def run() -> None:
        for _ in range(CALLS):
            if case == "chat":
                client.chat.completions.create(model="m", messages=PROMPT)
            elif case.startswith("stream"):
                for _ in client.chat.completions.create(model="m", messages=PROMPT, stream=True):
                    pass
            else:
                client.embeddings.create(model="m", input="text", encoding_format="float")

    return run


def _async(case: str, transport: _Transport, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    client = openai.AsyncOpenAI(api_key="k", http_client=httpx2.AsyncClient(transport=transport))

    async def calls() -> None:
        for _ in range(CALLS):
            if case == "chat":
                await client.chat.completions.create(model="m", messages=PROMPT)
            elif case.startswith("stream"):
                async for _ in await client.chat.completions.create(model="m", messages=PROMPT, stream=True):
                    pass
            else:
                await client.embeddings.create(model="m", input="text", encoding_format="float")

    return lambda: loop.run_until_complete(calls())


def _microseconds(run: Callable[[], None]) -> float:
    before = time.thread_time_ns()
    run()
    return (time.thread_time_ns() - before) / 1000 / CALLS


def measure(run: Callable[[], None], repeats: int, *, content: bool) -> tuple[float, float]:
    """Best microseconds a call without and with capture."""
    settings = load({"capture_content": content}, {})
    bare: list[float] = []
    observed: list[float] = []
    run()
    for _ in range(repeats):
        gc.collect()
        bare.append(_microseconds(run))
        capture.install(sink=lambda call, made, snapshot: None, settings=settings)
        gc.collect()
        observed.append(_microseconds(run))
        capture.uninstall()
    return min(bare), min(observed)


def main() -> None:
    """Print one line a case."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    loop = asyncio.new_event_loop()
    print(f"{'case':<40}{'bare µs':>10}{'added µs':>10}{'ratio':>8}{'added with content':>20}")
    for case, transport in _transports().items():
        for mode in ("sync", "async"):
            run = _sync(case, transport) if mode == "sync" else _async(case, transport, loop)
            bare, observed = measure(run, repeats, content=False)
            bare_again, with_content = measure(run, repeats, content=True)
            added, more = observed - bare, with_content - bare_again
            print(f"{mode + ' ' + case:<40}{bare:>10.0f}{added:>10.1f}{observed / bare:>8.3f}{more:>20.1f}")
    # The client leaves the generators of drained bodies to the loop.
    loop.run_until_complete(asyncio.sleep(0.1))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


if __name__ == "__main__":
    main()
