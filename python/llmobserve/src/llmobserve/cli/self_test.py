"""Makes one call through each installed library against a server in this process, and sees whether it is recorded.

A hook that is in place and yet sees nothing, after an upgrade for instance, shows here and nowhere else.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any

from llmobserve import capture
from llmobserve.settings import Settings
from llmobserve.wire import CallEvent

__all__ = ["PROBES", "Probe", "self_test"]

_WAIT_S = 5.0
_PATH = "/v1/chat/completions"
_ASK: dict[str, Any] = {"model": "llmobserve-self-test", "messages": []}
_ANSWER = json.dumps(
    {
        "id": "self-test",
        "object": "chat.completion",
        "model": "llmobserve-self-test",
        "choices": [],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
).encode()
_GRPC_METHOD = "/xai_api.Chat/GetCompletion"


@dataclass(frozen=True, slots=True)
class Probe:
    """One way to make a call."""

    name: str
    """What is shown."""
    needs: tuple[str, ...]
    """Modules without which it is left out."""
    library: str
    """What the recorded call has to name as its transport."""
    provider: str
    serve: Callable[[], Any]
    """A context manager that gives the address of a server, `host:port`."""
    call: Callable[[str], None]
    """Makes a call to that address; raises where it fails."""


def self_test(settings: Settings) -> list[dict[str, Any]]:
    """Result of each probe whose libraries are installed: `name`, `version`, `seen` and `detail`.

    Capture of this process is replaced for the time of it, and nothing is recorded.
    """
    results = [_tried(probe, settings) for probe in PROBES if all(map(_is_installed, probe.needs))]
    return [asdict(result) for result in results]


@dataclass(frozen=True, slots=True)
class _Result:
    name: str
    version: str | None
    seen: bool
    detail: str | None = None


def _is_installed(module: str) -> bool:
    try:
        import_module(module)
    except ImportError:
        return False
    return True


def _tried(probe: Probe, settings: Settings) -> _Result:
    calls: list[CallEvent] = []
    came = threading.Event()

    def take(call: CallEvent, content: object, snapshot: object) -> None:
        calls.append(call)
        came.set()

    version = getattr(import_module(probe.needs[0]), "__version__", None) if probe.needs else None
    try:
        with probe.serve() as address:
            capture.install(sink=take, settings=replace(settings, hosts={address: probe.provider}))
            try:
                probe.call(address)
                came.wait(1.0)
            finally:
                capture.uninstall()
    except Exception as error:  # noqa: BLE001 - a probe may fail in any way its library knows; that is the result
        return _Result(probe.name, version, False, f"the call failed: {type(error).__name__}: {error}"[:300])
    return _judged(probe, version, calls)


def _judged(probe: Probe, version: str | None, calls: Sequence[CallEvent]) -> _Result:
    if not calls:
        return _Result(probe.name, version, False, "the call was made and not seen")
    if len(calls) > 1:
        return _Result(probe.name, version, False, f"one call was made and {len(calls)} were seen")
    (call,) = calls
    if call.transport != probe.library:
        return _Result(probe.name, version, False, f"it was seen by {call.transport} instead of {probe.library}")
    if call.status != "ok":
        return _Result(probe.name, version, False, f"it was seen as {call.status}")
    return _Result(probe.name, version, True)


class _Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer any request alike."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def _http() -> Generator[str]:
    with _served(ThreadingHTTPServer(("127.0.0.1", 0), _Provider)) as server:
        yield f"127.0.0.1:{server.server_address[1]}"


@contextmanager
def _served(server: ThreadingHTTPServer) -> Generator[ThreadingHTTPServer]:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(_WAIT_S)


def _by_httpx(name: str) -> Callable[[str], None]:
    def call(address: str) -> None:
        module: Any = import_module(name)
        with module.Client(trust_env=False, timeout=_WAIT_S) as client:
            client.post(f"http://{address}{_PATH}", json=_ASK).json()

    return call


def _by_async_httpx(name: str) -> Callable[[str], None]:
    async def post(address: str) -> None:
        module: Any = import_module(name)
        async with module.AsyncClient(trust_env=False, timeout=_WAIT_S) as client:
            (await client.post(f"http://{address}{_PATH}", json=_ASK)).json()

    return lambda address: asyncio.run(post(address))


def _by_requests(address: str) -> None:
    requests: Any = import_module("requests")
    with requests.Session() as session:
        session.trust_env = False
        session.post(f"http://{address}{_PATH}", json=_ASK, timeout=_WAIT_S).json()


def _by_urllib3(address: str) -> None:
    urllib3: Any = import_module("urllib3")
    with urllib3.PoolManager(timeout=_WAIT_S, retries=False) as pools:
        headers = {"content-type": "application/json"}
        pools.request("POST", f"http://{address}{_PATH}", body=json.dumps(_ASK), headers=headers)


def _by_http_client(address: str) -> None:
    with contextlib.closing(HTTPConnection(address, timeout=_WAIT_S)) as connection:
        connection.request("POST", _PATH, json.dumps(_ASK), {"content-type": "application/json"})
        connection.getresponse().read()


def _by_aiohttp(address: str) -> None:
    aiohttp: Any = import_module("aiohttp")

    async def post() -> None:
        timeout = aiohttp.ClientTimeout(total=_WAIT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"http://{address}{_PATH}", json=_ASK) as response,
        ):
            await response.json()

    asyncio.run(post())


@contextmanager
def _socket() -> Generator[str]:
    serve: Any = import_module("websockets.sync.server").serve

    def talk(connection: Any) -> None:
        connection.recv(timeout=_WAIT_S)
        usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
        for kind, facts in (("response.created", {}), ("response.done", {"status": "completed", "usage": usage})):
            connection.send(json.dumps({"type": kind, "response": {"id": "self-test", **facts}}))
        with contextlib.suppress(Exception):
            connection.recv(timeout=_WAIT_S)

    with serve(talk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join(_WAIT_S)


def _by_websockets(address: str) -> None:
    connect: Any = import_module("websockets.sync.client").connect
    with connect(f"ws://{address}/v1/realtime?model=gpt-realtime", proxy=None) as connection:
        connection.send(json.dumps({"type": "response.create"}))
        for _ in range(2):
            connection.recv(timeout=_WAIT_S)


@contextmanager
def _rpc() -> Generator[str]:
    grpc: Any = import_module("grpc")
    threads: Any = import_module("concurrent.futures").ThreadPoolExecutor(2)
    handler = grpc.unary_unary_rpc_method_handler(_answer_nothing)
    service, _, method = _GRPC_METHOD[1:].partition("/")
    server = grpc.server(threads)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port: int = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait(_WAIT_S)
        threads.shutdown(cancel_futures=True)


def _answer_nothing(request: bytes, context: object) -> bytes:
    return b""


_NO_PROXY = (("grpc.enable_http_proxy", 0),)


def _by_grpc(address: str) -> None:
    grpc: Any = import_module("grpc")
    with grpc.insecure_channel(address, options=_NO_PROXY) as channel:
        channel.unary_unary(_GRPC_METHOD)(b"", timeout=_WAIT_S)


def _by_async_grpc(address: str) -> None:
    aio: Any = import_module("grpc.aio")

    async def call() -> None:
        async with aio.insecure_channel(address, options=_NO_PROXY) as channel:
            await channel.unary_unary(_GRPC_METHOD)(b"", timeout=_WAIT_S)

    asyncio.run(call())


PROBES = (
    Probe("http.client", (), "http.client", "openai", _http, _by_http_client),
    Probe("httpx", ("httpx",), "httpx", "openai", _http, _by_httpx("httpx")),
    Probe("httpx, asynchronous", ("httpx",), "httpx", "openai", _http, _by_async_httpx("httpx")),
    Probe("httpx2", ("httpx2",), "httpx2", "openai", _http, _by_httpx("httpx2")),
    Probe("httpx2, asynchronous", ("httpx2",), "httpx2", "openai", _http, _by_async_httpx("httpx2")),
    Probe("urllib3", ("urllib3",), "urllib3", "openai", _http, _by_urllib3),
    Probe("requests", ("requests",), "urllib3", "openai", _http, _by_requests),
    Probe("aiohttp", ("aiohttp",), "aiohttp", "openai", _http, _by_aiohttp),
    Probe("websockets", ("websockets", "websockets.sync.server"), "websockets", "openai", _socket, _by_websockets),
    Probe("grpc", ("grpc",), "grpc", "xai", _rpc, _by_grpc),
    Probe("grpc.aio", ("grpc", "grpc.aio"), "grpc", "xai", _rpc, _by_async_grpc),
)
"""Every way that is tried, each with what it needs."""
