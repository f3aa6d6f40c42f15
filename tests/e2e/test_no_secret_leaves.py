"""Secrets in headers, addresses, bodies, names and errors of calls by every library: none is found anywhere but there.

What is searched: the spool before anything is sent, every batch on the wire, the collector's files and output, our
log, the notes and the output of `llmobserve doctor`, and dead letters.
"""

import asyncio
import contextlib
import http.client
import json
import logging
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import grpc
import httpx
import httpx2
import pytest
import requests
import urllib3
import websockets.sync.client
from loopback.grpc_server import GrpcLoopback
from loopback.openai_bodies import chat_completion
from loopback.planted import ANSWER, BODY, HEADERS, PARTS, QUERY, SECRETS, files_of, leaks
from loopback.server import Answer, Loopback, Received, json_answer
from loopback.socket_server import SocketServer, realtime_usage, say
from loopback.xai_grpc import COMPLETION, REQUEST, answering, completion
from xai_sdk.proto import chat_pb2

import llmobserve
from e2e.collector import LLMOBSERVE, Collector
from llmobserve.guard import guarded
from llmobserve.transport import MemoryTransport, Reply, TransportError
from llmobserve.transport.http import HttpTransport

PATH = "/v1/chat/completions"
CONTENT = json.dumps(BODY).encode()
JSON = {**HEADERS, "content-type": "application/json"}
REALTIME = {"type": "response.done", "response": {"id": "r", "status": "completed", "usage": realtime_usage()}}


def by_httpx(url: str) -> None:
    with httpx.Client(trust_env=False) as client:
        client.post(url, content=CONTENT, headers=JSON)


def by_httpx2(url: str) -> None:
    with httpx2.Client(trust_env=False) as client:
        client.post(url, content=CONTENT, headers=JSON)


def by_requests(url: str) -> None:
    requests.post(url, data=CONTENT, headers=JSON, timeout=5)


def by_urllib3(url: str) -> None:
    with urllib3.PoolManager() as pools:
        pools.request("POST", url, body=CONTENT, headers=JSON)


def by_http_client(url: str) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc.rpartition("@")[2])
    connection.request("POST", f"{parts.path}?{parts.query}", CONTENT, JSON)
    connection.getresponse().read()
    connection.close()


def by_aiohttp(url: str) -> None:
    # It refuses an address with a password beside this header.
    others = {name: value for name, value in HEADERS.items() if name != "authorization"}

    async def call() -> None:
        async with aiohttp.ClientSession() as session, session.post(url, json=BODY, headers=others) as response:
            await response.read()

    asyncio.run(call())


def by_multipart(url: str) -> None:
    files = {"file": ("a.wav", f"RIFF password={SECRETS['multipart']}".encode(), "audio/wav")}
    transcriptions = url.replace(PATH, "/v1/audio/transcriptions")
    with httpx2.Client(trust_env=False) as client:
        client.post(transcriptions, data=PARTS, files=files, headers=HEADERS)
    requests.post(transcriptions, data=PARTS, files=files, headers=HEADERS, timeout=5)


def by_unreachable_proxy(url: str) -> None:
    proxy = f"http://me:{SECRETS['userinfo']}@127.0.0.1:1"
    with contextlib.suppress(requests.RequestException):
        requests.post(url, data=CONTENT, headers=JSON, proxies={"http": proxy}, timeout=5)
    with httpx2.Client(trust_env=False, proxy=proxy) as client, contextlib.suppress(httpx2.HTTPError):
        client.post(url, content=CONTENT, headers=JSON)


def by_a_transport_that_quotes(url: str) -> None:
    class Broken(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError(f"cannot reach {request.url} with {dict(request.headers)} {SECRETS['error']}")

    with httpx.Client(transport=Broken()) as client, contextlib.suppress(httpx.HTTPError):
        client.post(url, content=CONTENT, headers=JSON)


HTTP: dict[str, Callable[[str], None]] = {
    "httpx": by_httpx,
    "httpx2": by_httpx2,
    "requests": by_requests,
    "urllib3": by_urllib3,
    "http.client": by_http_client,
    "aiohttp": by_aiohttp,
    "multipart": by_multipart,
    "proxy": by_unreachable_proxy,
    "broken": by_a_transport_that_quotes,
}
CALLS = 2 * (len(HTTP) + 2) + 2
"""Each of these twice, multipart and proxy by two libraries; one WebSocket, one gRPC."""


def answer(request: Received) -> Answer:
    if "refuse" in request.target:
        said = f"Incorrect API key provided: {SECRETS['error']}. The request was {request.body[:300]!r}"
        return json_answer({"error": {"message": said, "type": "invalid_request_error"}}, status=401)
    if "audio" in request.target:
        return json_answer({"text": f"token {SECRETS['answer']}", "usage": {"type": "duration", "seconds": 3}})
    choice = {"index": 0, "message": ANSWER, "finish_reason": "tool_calls"}
    return json_answer(chat_completion(choices=[choice]), set_cookie=HEADERS["cookie"])


def call_everything(server: Loopback, sockets: SocketServer, rpc: GrpcLoopback) -> None:
    url = f"http://me:{SECRETS['userinfo']}@{server.netloc}{PATH}{QUERY}"
    for call in HTTP.values():
        call(url)
        call(f"{url}&refuse=1")
    protocols: Any = ["realtime", f"openai-insecure-api-key.{SECRETS['subprotocol']}"]
    address = f"ws://me:{SECRETS['userinfo']}@{sockets.netloc}/v1/realtime?model=gpt-realtime&key={SECRETS['query']}"
    with (
        contextlib.suppress(websockets.InvalidHandshake),
        websockets.sync.client.connect(address, subprotocols=protocols, additional_headers=HEADERS) as connection,
    ):
        said = {"type": "session.update", "session": {"instructions": BODY["messages"][0]["content"]}}
        connection.send(json.dumps(said))
        connection.recv(timeout=5)
    metadata = (("authorization", HEADERS["authorization"]), ("x-api-key", SECRETS["grpc"]))
    with grpc.insecure_channel(rpc.netloc) as channel:
        stub: Any = channel.unary_unary(
            COMPLETION,
            request_serializer=chat_pb2.GetCompletionsRequest.SerializeToString,
            response_deserializer=chat_pb2.GetChatCompletionResponse.FromString,
        )
        request = chat_pb2.GetCompletionsRequest()
        request.CopyFrom(REQUEST)
        request.messages[0].content[0].text = BODY["messages"][0]["content"]
        stub(request, metadata=metadata, timeout=5)


class Wire:
    """The way to the collector: away at first, then real; keeps what goes over it."""

    def __init__(self, url: str) -> None:
        self.bodies: list[bytes] = []
        self.is_away = True
        self._real = HttpTransport(url, None)

    def post(self, body: bytes) -> Reply:
        if self.is_away:
            raise TransportError(f"ProxyError: cannot reach http://me:{SECRETS['userinfo']}@proxy.example.com:3128")
        self.bodies.append(body)
        return self._real.post(body)

    def close(self) -> None:
        self._real.close()


@pytest.mark.filterwarnings(r"ignore:connect\(\) must be used as a context manager:DeprecationWarning")
@pytest.mark.parametrize("content", [False, True], ids=["content-off", "content-on"])
def test_no_secret_leaves(
    content: bool, own_directories: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG, "llmobserve")
    with (
        Collector(own_directories / "collector") as collector,
        Loopback(answer) as server,
        SocketServer(say(REALTIME)) as sockets,
        GrpcLoopback(answering(completion(f"token {SECRETS['answer']}"))) as rpc,
    ):
        wire = Wire(collector.url)
        hosts = {server.netloc: "openai", sockets.netloc: "openai", rpc.netloc: "xai"}
        llmobserve.observe(transport=wire, capture_content=content, hosts=hosts, customer_id=SECRETS["name"])
        try:
            labels: Any = {"api_key": SECRETS["metadata"], "note": f"with {SECRETS['metadata']}"}
            with (
                llmobserve.run(f"run {SECRETS['name']}", metadata=labels, tags=[f"t {SECRETS['tag']}"]),
                pytest.raises(KeyError),
                llmobserve.section(f"agent:a {SECRETS['name']}", attributes={"password": SECRETS["attribute"]}),
            ):
                call_everything(server, sockets, rpc)
                raise KeyError(f"cannot use {SECRETS['exception']}")
            with monkeypatch.context() as patch, guarded("test.log"):
                patch.delenv("LLMOBSERVE_RAISE_INTERNAL")
                with guarded("test.log"):
                    raise ValueError(f"cannot use {SECRETS['log']}")
            assert not llmobserve.flush(0.5)
            spool = Path(os.environ["LLMOBSERVE_SPOOL_DIR"])
            waiting = files_of(spool)
            assert sum(len(data) for name, data in waiting if name.endswith(".seg")) > 10_000
            assert leaks(waiting) == []
            state = llmobserve.status() or {}
            assert state["reason"]
            assert state["calls"] == CALLS
            assert state["redactions"]["label"] > 0
            assert state["redactions"]["error"] > 0
            assert (state["redactions"].get("content", 0) > 100) is content
            wire.is_away = False
            assert llmobserve.flush(20)
        finally:
            llmobserve.shutdown(5)
        environment = {**os.environ, "LLMOBSERVE_COLLECTOR_URL": collector.url}
        doctor = b"not asked"
        if content:  # once is enough
            doctor = subprocess.run(
                [LLMOBSERVE, "doctor"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=60,
                env=environment,
            ).stdout
        collector.stop()
    batches = [json.loads(body) for body in wire.bodies]
    sent = [event for batch in batches for event in batch["events"]]
    assert len({event["event_id"] for event in sent if event["type"] == "call"}) == CALLS
    assert (sum(event["type"] == "content" for event in sent) > len(HTTP)) is content
    reports = [batch["report"] for batch in batches if "report" in batch]
    assert reports[-1]["counts"]["redactions"] >= sum(state["redactions"].values())
    assert caplog.text.count("ValueError: cannot use [redacted]") == 1
    # The providers got everything as it was, and nothing of ours.
    ours = (b"llmobserve", b"traceparent", b"baggage")
    assert not [request.raw for request in server.ledger if any(word in request.raw.lower() for word in ours)]
    assert not [name for call in rpc.calls for name in call.metadata if name.encode() in ours]
    assert all(
        QUERY.encode() in request.raw and SECRETS["api-key"].encode() in request.raw for request in server.ledger
    )
    places = [
        *files_of(own_directories),
        *((f"batch {number}", body) for number, body in enumerate(wire.bodies)),
        ("state", json.dumps(state).encode()),
        ("log", caplog.text.encode()),
        ("collector's output", "".join(collector.output).encode()),
        ("doctor", doctor),
    ]
    assert any(name.endswith(".duckdb") for name, _ in places)
    assert leaks(places) == []


def test_dead_letters_hold_no_secret(own_directories: Path) -> None:
    said = json.dumps({"error": f"cannot take key {SECRETS['error']}"}).encode()
    transport = MemoryTransport(lambda batch: Reply(422, {}, said))
    with Loopback(answer) as server:
        llmobserve.observe(transport=transport, capture_content=True, hosts={server.netloc: "openai"})
        by_httpx2(f"{server.url}{PATH}{QUERY}")
        llmobserve.shutdown(10)
    dead = [(name, data) for name, data in files_of(own_directories) if name.startswith("spool/dead")]
    assert dead
    assert b"[redacted]" in dead[0][1]
    assert leaks(files_of(own_directories)) == []
