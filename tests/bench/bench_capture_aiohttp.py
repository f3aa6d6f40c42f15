"""What capture adds to a call through aiohttp, and to a piece of a body, against the bare library in one process.

Run: `python tests/bench/bench_capture_aiohttp.py [repeats]`. The server answers from another thread; CPU time of the
calling thread, alternated, best of the repeats.
"""

import asyncio
import contextlib
import gc
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion

from llmobserve import capture
from llmobserve.settings import load

CALLS = 60
ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "What is the capital of France?"}]}


class Server:
    """Answers by path, at once and in one piece, from a thread of its own."""

    def __init__(self) -> None:
        chunks = chat_chunks(*[f"word{n} " for n in range(47)], usage=CHAT_USAGE)
        stream = b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks) + b"0\r\n\r\n"
        body = json.dumps(chat_completion()).encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: "
        self._stream = head + b"text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" + stream
        self._plain = head + f"application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        self.port = 0
        self._stop: Callable[[], object] = threading.Event().set
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(started)), daemon=True)
        self._thread.start()
        started.wait()

    async def _run(self, started: threading.Event) -> None:
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(over.set)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await over.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
                await reader.readexactly(int(size))
                writer.write(self._stream if b"stream" in head.split(b"\r\n")[0] else self._plain)

    def stop(self) -> None:
        """End the thread; connections are cut."""
        self._stop()
        self._thread.join()


class Resolver(AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The loopback address."""
        where = ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)
        return [where]

    async def close(self) -> None:
        """Nothing to do."""


def _session() -> aiohttp.ClientSession:
    # Bodies of any size fit into the buffer.
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Resolver()), read_bufsize=2**30)


async def _call(session: aiohttp.ClientSession, url: str) -> None:
    async with session.post(url, json=ASKED) as response:
        if "stream" not in url:
            await response.json()
            return
        async for _ in response.content:
            pass


def _calls(loop: asyncio.AbstractEventLoop, target: str) -> Callable[[], float]:
    async def run() -> float:
        async with _session() as session:
            await _call(session, f"http://{target}")
            before = time.thread_time_ns()
            for _ in range(CALLS):
                await _call(session, f"http://{target}")
            return (time.thread_time_ns() - before) / 1000 / CALLS

    return lambda: loop.run_until_complete(run())


def _pieces(loop: asyncio.AbstractEventLoop, target: str, number: int) -> Callable[[], float]:
    """Microseconds a piece of one body of so many pieces, which are all in the buffer."""

    async def run() -> float:
        async with _session() as session, session.post(f"http://{target}", json=ASKED) as response:
            reader = response.content
            await reader.wait_eof()
            reader._eof = False  # more is to come: a body of any size, without a network
            for _ in range(number):
                reader.feed_data(b'data: {"choices":[]}\n\n')
            reader.feed_eof()
            gc.collect()
            before = time.thread_time_ns()
            while await reader.readline():
                pass
            return (time.thread_time_ns() - before) / 1000 / (2 * number)

    return lambda: loop.run_until_complete(run())


def measure(run: Callable[[], float], repeats: int, port: int) -> tuple[float, float]:
    """Best figures without and with capture."""
    settings = load({"hosts": {f"openai.test:{port}": "openai"}}, {})
    bare: list[float] = []
    observed: list[float] = []
    run()
    for _ in range(repeats):
        gc.collect()
        bare.append(run())
        capture.install(sink=lambda call, made, snapshot: None, settings=settings)
        gc.collect()
        observed.append(run())
        capture.uninstall()
    return min(bare), min(observed)


def main() -> None:
    """Print one line a case."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    server, loop = Server(), asyncio.new_event_loop()
    chat = f"openai.test:{server.port}/v1/chat/completions"
    cases: dict[str, Callable[[], float]] = {
        "unknown host": _calls(loop, f"orders.test:{server.port}/v1/chat/completions"),
        "unknown path": _calls(loop, f"openai.test:{server.port}/v1/orders"),
        "chat": _calls(loop, chat),
        "stream, 50 chunks, usage": _calls(loop, f"{chat}?stream"),
        "a line of 1 000": _pieces(loop, f"{chat}?stream", 1_000),
        "a line of 10 000": _pieces(loop, f"{chat}?stream", 10_000),
        "a line of 50 000": _pieces(loop, f"{chat}?stream", 50_000),
        "a line of an unknown body": _pieces(loop, f"orders.test:{server.port}/v1/chat/completions?stream", 10_000),
    }
    print(f"{'case':<30}{'bare µs':>10}{'added µs':>10}{'ratio':>8}")
    for case, run in cases.items():
        bare, observed = measure(run, repeats, server.port)
        print(f"{case:<30}{bare:>10.2f}{observed - bare:>10.2f}{observed / bare:>8.3f}")
    server.stop()
    loop.close()


if __name__ == "__main__":
    main()
