"""Bodies read through urllib3 and requests by every method they have, retries, nesting, and what is left alone."""

import copy
import gc
import inspect
import io
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import requests
import requests.adapters
import urllib3
import urllib3.connectionpool
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.rig import observed
from loopback.server import Answer, Loopback, event_stream, json_answer

from llmobserve import capture
from llmobserve.capture.patching import MARKER

PATH = "/v1/chat/completions"
ASKED: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello äöü 🙂"}]}
JSON = {"content-type": "application/json"}
EXACT = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
STREAM = chat_chunks("alpha ", "beta ", usage=CHAT_USAGE)
WHOLE = b"".join(STREAM)
BUSY = json_answer({"error": {"message": "busy", "type": "overloaded"}}, status=503)


def _into(response: Any) -> bytes:
    buffer, found = bytearray(37), b""
    while size := response.readinto(buffer):
        found += buffer[:size]
    return found


POOL_READERS: dict[str, Callable[[Any], bytes]] = {
    "data": lambda response: response.data,
    "read": lambda response: response.read(),
    "read(1)": lambda response: b"".join(iter(lambda: response.read(1), b"")),
    "read(100)": lambda response: b"".join(iter(lambda: response.read(100), b"")),
    "read of wire bytes": lambda response: response.read(decode_content=False),
    "read1": lambda response: b"".join(iter(response.read1, b"")),
    "read1(9)": lambda response: b"".join(iter(lambda: response.read1(9), b"")),
    "stream": lambda response: b"".join(response.stream()),
    "stream(1)": lambda response: b"".join(response.stream(1)),
    "iteration": lambda response: b"".join(response),
    "readinto": _into,
    "BufferedReader": lambda response: io.BufferedReader(response).read(),
    "drain": lambda response: response.drain_conn() or b"",
}
REQUESTS_READERS: dict[str, Callable[[requests.Response], bytes]] = {
    "content": lambda response: response.content,
    "iter_content(1)": lambda response: b"".join(response.iter_content(1)),
    "iter_content(None)": lambda response: b"".join(response.iter_content(None)),
    "iter_content of text": lambda response: "".join(response.iter_content(50, decode_unicode=True)).encode(),
    "iter_lines": lambda response: b"\n".join(response.iter_lines()),
    "iter_lines(1)": lambda response: b"\n".join(response.iter_lines(chunk_size=1)),
    "iteration": b"".join,
    "raw.read": lambda response: response.raw.read(),
    "raw.stream": lambda response: b"".join(response.raw.stream(20, decode_content=True)),
    "raw.read_chunked": lambda response: b"".join(response.raw.read_chunked()),
}


@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("reader", "preload"), [*((reader, False) for reader in POOL_READERS), ("data", True), ("read", True)]
)
def test_every_way_to_read(reader: str, preload: bool, gzipped: bool) -> None:
    if not hasattr(urllib3.HTTPResponse, "read1") and "read1" in reader:
        pytest.skip("urllib3 1 has no read1")

    def read(server: Loopback) -> bytes:
        with urllib3.PoolManager() as pools:
            response = pools.request(
                "POST", server.url + PATH, body=json.dumps(ASKED), headers=JSON, preload_content=preload
            )
            found = POOL_READERS[reader](response)
            response.close()
            return found

    with Loopback(event_stream(STREAM, gzipped=gzipped)) as server:
        bare = read(server)
        with observed(server) as recorded:
            assert read(server) == bare
        call = recorded.one
        assert (call.status, dict(call.usage.units), call.usage.flags) == ("ok", EXACT, ())
        assert (call.request_model, call.transport) == ("gpt-4o-mini", "urllib3")
        assert call.time_to_first_token_ms is not None


@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("reader", REQUESTS_READERS)
def test_every_way_to_read_by_requests(reader: str, gzipped: bool) -> None:
    def read(server: Loopback) -> bytes:
        with requests.post(server.url + PATH, json=ASKED, stream=True) as response:
            return REQUESTS_READERS[reader](response)

    with Loopback(event_stream(STREAM, gzipped=gzipped)) as server:
        bare = read(server)
        with observed(server) as recorded:
            assert read(server) == bare
        call = recorded.one
        assert (call.status, dict(call.usage.units), call.stream) == ("ok", EXACT, True)


def test_stop_at_the_mark_of_the_end() -> None:
    with Loopback(event_stream(STREAM)) as server, observed(server) as recorded:
        with requests.post(server.url + PATH, json=ASKED, stream=True) as response:
            for line in response.iter_lines():
                if line == b"data: [DONE]":
                    break
        assert (recorded.one.status, recorded.units) == ("ok", EXACT)


def test_generator_is_left_to_itself() -> None:
    def words(server: Loopback) -> Iterator[bytes]:
        with requests.post(server.url + PATH, json=ASKED, stream=True) as response:
            yield from response.iter_lines()

    with Loopback(event_stream(chat_chunks("alpha "))) as server, observed(server) as recorded:
        for _ in words(server):
            break
        gc.collect()
        assert recorded.one.status == "cancelled"
        assert "partial" in recorded.one.usage.flags


@pytest.mark.parametrize(
    "body",
    [
        {"json": ASKED},
        {"data": json.dumps(ASKED), "headers": JSON},
        {"data": json.dumps(ASKED).encode(), "headers": JSON},
        {"data": bytearray(json.dumps(ASKED).encode()), "headers": JSON},
        {"data": {"model": "gpt-4o-mini"}},
        {"data": {"model": "gpt-4o-mini"}, "files": {"file": ("a.wav", b"RIFF" + bytes(300), "audio/wav")}},
    ],
    ids=["json", "text", "bytes", "bytearray", "form", "multipart"],
)
def test_body_in_memory_is_read(body: dict[str, Any]) -> None:
    with Loopback(json_answer(chat_completion())) as server, observed(server) as recorded:
        requests.post(server.url + PATH, **body)
        assert (recorded.one.request_model, recorded.units) == ("gpt-4o-mini", EXACT)


def _pieces() -> Iterator[bytes]:
    data = json.dumps(ASKED).encode()
    yield data[:9]
    yield data[9:]


@pytest.mark.parametrize("make", [_pieces, lambda: io.BytesIO(b"".join(_pieces()))], ids=["generator", "file"])
def test_body_that_can_be_read_once(make: Callable[[], Any]) -> None:
    with Loopback(json_answer(chat_completion())) as server:
        requests.post(server.url + PATH, data=make(), headers=JSON)
        with observed(server) as recorded:
            requests.post(server.url + PATH, data=make(), headers=JSON)
        assert (recorded.one.status, recorded.units) == ("ok", EXACT)
        assert server.ledger[0].raw == server.ledger[1].raw


def test_retries_of_urllib3_are_attempts_of_one_call() -> None:
    retry = urllib3.Retry(total=4, status_forcelist=[503], backoff_factor=0, allowed_methods=None)
    with Loopback(BUSY, BUSY, json_answer(chat_completion())) as server, observed(server) as recorded:
        with requests.Session() as session:
            session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retry))
            assert session.post(server.url + PATH, json=ASKED).json()["id"] == "chatcmpl-1"
        assert [(call.status, call.attempt) for call in recorded.calls] == [("error", 0), ("error", 1), ("ok", 2)]
        assert len({call.logical_call_id for call in recorded.calls}) == 1
        assert len({call.event_id for call in recorded.calls}) == 3


def test_retries_that_give_up() -> None:
    retry = urllib3.Retry(total=1, status_forcelist=[503], backoff_factor=0, allowed_methods=None)
    with Loopback(BUSY) as server, observed(server) as recorded, urllib3.PoolManager(retries=retry) as pools:
        with pytest.raises(urllib3.exceptions.MaxRetryError):
            pools.request("POST", server.url + PATH, body=b"{}", headers=JSON)
        assert [(call.status, call.attempt, call.http_status) for call in recorded.calls] == [
            ("error", 0, 503),
            ("error", 1, 503),
        ]


def test_retries_after_a_broken_connection() -> None:
    cut = event_stream(STREAM[:2], abort=True)
    retry = urllib3.Retry(total=2, backoff_factor=0, allowed_methods=None)
    with Loopback(cut, json_answer(chat_completion())) as server, observed(server) as recorded:
        with urllib3.PoolManager(retries=retry) as pools:
            response = pools.request("POST", server.url + PATH, body=json.dumps(ASKED), headers=JSON)
        assert json.loads(response.data)["id"] == "chatcmpl-1"
        assert [(call.status, call.attempt, call.http_status) for call in recorded.calls] == [
            ("error", 0, 200),
            ("ok", 1, 200),
        ]


def test_redirects_of_urllib3() -> None:
    with Loopback() as server, observed(server) as recorded, urllib3.PoolManager() as pools:
        moved = Answer(status=308, headers={"location": f"{server.url}{PATH}"}, body=b"gone")
        server.answers[:] = [moved, moved, json_answer(chat_completion())]
        assert pools.request("POST", server.url + PATH, body=json.dumps(ASKED), headers=JSON).status == 200
        assert len(server.ledger) == 3
        assert (recorded.one.attempt, recorded.units) == (0, EXACT)


def test_response_is_the_librarys_own() -> None:
    with Loopback(json_answer(chat_completion())) as server:
        bare = requests.post(server.url + PATH, json=ASKED, stream=True)
        names: Any = set(vars(bare.raw)), set(vars(bare.raw._original_response))
        assert bare.content
        with observed(server):
            response: Any = requests.post(server.url + PATH, json=ASKED, stream=True)
            assert type(response) is requests.Response
            assert type(response.raw) is urllib3.HTTPResponse
            assert (set(vars(response.raw)), set(vars(response.raw._original_response))) == names
            lowest: Any = response.raw._fp
            assert lowest.fp.raw._sock.getpeername() == ("127.0.0.1", server.port)
            assert not response.raw.closed
            clone = pickle.loads(pickle.dumps(response))
            assert clone.content == response.content
            assert copy.copy(response).status_code == 200
            assert response.raw.closed
            assert response.raw.tell() == bare.raw.tell() > 0
            assert "_llmobserve_exchange" not in vars(response.raw)


def test_response_that_is_dropped_is_freed_at_once() -> None:
    """Nothing of ours holds a response, or makes it a matter for the garbage collector."""

    def is_freed() -> bool:
        freed = threading.Event()
        with Loopback(json_answer(chat_completion())) as server, observed(server), urllib3.PoolManager() as pools:
            response = pools.request("POST", server.url + PATH, body=b"{}", headers=JSON, preload_content=False)
            __import__("weakref").finalize(response, freed.set)
            del response
            return freed.is_set()

    gc.disable()
    try:
        assert is_freed()
    finally:
        gc.enable()


def test_dropped_unread_is_abandoned() -> None:
    with Loopback(event_stream(chat_chunks("alpha "))) as server, observed(server) as recorded:
        with urllib3.PoolManager() as pools:
            response = pools.request(
                "POST", server.url + PATH, body=json.dumps(ASKED), headers=JSON, preload_content=False
            )
            assert recorded.calls == []
            del response
            gc.collect()
            capture.sweep()
        assert recorded.one.status in {"abandoned", "cancelled"}  # urllib3 1 closes what is below
        assert recorded.one.usage.source == "estimated"


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_in_a_cycle_that_the_garbage_collector_finds() -> None:
    with Loopback(event_stream(chat_chunks("alpha "))) as server, observed(server) as recorded:
        response: Any = requests.post(server.url + PATH, json=ASKED, stream=True)
        response.me = response
        del response
        gc.collect()
        assert recorded.calls == []  # made later: the collector may run inside any lock
        capture.sweep()
        assert recorded.one.status == "abandoned"


def test_kept_open_when_observation_ends() -> None:
    with Loopback(event_stream(STREAM)) as server:
        with observed(server) as recorded:
            response = requests.post(server.url + PATH, json=ASKED, stream=True)
        assert recorded.one.status == "abandoned"
        assert response.content == WHOLE
        assert len(recorded.calls) == 1


def test_through_a_proxy() -> None:
    with Loopback(json_answer(chat_completion())) as proxy, Loopback() as other, observed(other) as recorded:
        url = f"http://api.openai.com{PATH}"
        assert requests.post(url, json=ASKED, proxies={"http": proxy.url}).json()["id"] == "chatcmpl-1"
        assert proxy.ledger[0].target == url
        assert (recorded.one.host, recorded.one.request_model) == ("api.openai.com", "gpt-4o-mini")


def test_failed_tunnel_is_an_error_of_nothing_sent() -> None:
    """The request itself never left: there was no call, only the application's error."""
    with Loopback(Answer(status=407)) as proxy, Loopback() as other, observed(other) as recorded:
        with pytest.raises(requests.exceptions.ProxyError):
            requests.post(f"https://api.openai.com{PATH}", json=ASKED, proxies={"https": proxy.url})
        assert proxy.ledger[0].method == "CONNECT"
        assert recorded.calls == []


def test_calls_of_other_libraries_inside_a_stream_are_seen() -> None:
    with Loopback(event_stream(STREAM)) as server, observed(server) as recorded:
        with requests.post(server.url + PATH, json=ASKED, stream=True) as response:
            for number, _ in enumerate(response.iter_lines()):
                if number == 0:
                    httpx.post(server.url + PATH, json=ASKED)
                    urllib3.PoolManager().request("POST", server.url + PATH, body=b"{}", headers=JSON)
        assert sorted(str(call.transport) for call in recorded.calls) == ["httpx", "urllib3", "urllib3"]
        assert {call.status for call in recorded.calls} == {"ok"}


def test_calls_made_by_a_body_while_it_is_sent_are_seen() -> None:
    def answer(request: Any) -> Answer:
        return json_answer(chat_completion(id="outer" if b"chunked" in request.raw else "inner"))

    with Loopback(answer) as server, observed(server) as recorded:

        def body() -> Iterator[bytes]:
            assert requests.post(server.url + PATH, json=ASKED).json()["id"] == "inner"
            yield from _pieces()

        requests.post(server.url + PATH, data=body(), headers=JSON)
        assert [call.response_id for call in recorded.calls] == ["inner", "outer"]


def test_many_threads() -> None:
    def answer(request: Any) -> Answer:
        number = int(request.json["messages"][0]["content"])
        usage = {"prompt_tokens": number, "completion_tokens": 1, "total_tokens": number + 1}
        return json_answer(chat_completion(usage=usage, id=f"chatcmpl-{number}"))

    def ask(session: requests.Session, url: str, number: int) -> None:
        session.post(url, json={"model": "m", "messages": [{"role": "user", "content": str(number)}]})

    with Loopback(answer) as server, observed(server) as recorded, requests.Session() as session:
        threads = [threading.Thread(target=ask, args=(session, server.url + PATH, n)) for n in range(1, 21)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted((c.response_id, c.usage.units["input_text_tokens"]) for c in recorded.calls) == sorted(
            (f"chatcmpl-{n}", n) for n in range(1, 21)
        )


def test_patched_method_stays_a_function() -> None:
    owner: Any = urllib3.connectionpool.HTTPConnectionPool
    bare = owner.__dict__["_make_request"]
    with Loopback() as server, observed(server):
        patched = owner.__dict__["_make_request"]
        assert patched is not bare
        assert getattr(patched, MARKER) is True
        assert inspect.signature(patched) == inspect.signature(bare)
        assert pickle.loads(pickle.dumps(patched)) is patched
    assert owner.__dict__["_make_request"] is bare


def test_moved_hook_degrades(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then `http.client` below still sees the calls, without what only urllib3 knows."""
    owner: Any = urllib3.connectionpool.HTTPConnectionPool
    original = owner.__dict__["_make_request"]

    def moved(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs)

    monkeypatch.setattr(owner, "_make_request", moved)
    with Loopback(json_answer(chat_completion())) as server, observed(server) as recorded:
        states = {entry.state for entry in capture.health() if entry.library == "urllib3"}
        assert states == {"degraded"}
        assert requests.post(server.url + PATH, json=ASKED).json()["id"] == "chatcmpl-1"
        assert (recorded.one.transport, recorded.units) == ("http.client", EXACT)


class _OtherConnection:
    """A connection of another make than `http.client`'s: the answer is there at once."""

    is_closed = False
    is_verified = True
    proxy = None
    timeout: Any = None

    def __init__(self, **options: Any) -> None:
        self.options = options

    def request(self, *args: Any, **options: Any) -> None:
        self.preload = options.get("preload_content", True)

    def getresponse(self) -> urllib3.HTTPResponse:
        body = json.dumps(chat_completion()).encode()
        return urllib3.HTTPResponse(io.BytesIO(body), headers=JSON, status=200, preload_content=self.preload)

    def close(self) -> None:
        return None


@pytest.mark.skipif(not hasattr(urllib3.HTTPResponse, "read1"), reason="urllib3 1 makes its response itself")
@pytest.mark.parametrize(("preload", "status", "units"), [(True, "ok", EXACT), (False, "abandoned", {})])
def test_connection_of_another_make(
    preload: bool, status: str, units: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Loopback() as server, observed(server) as recorded:
        pool = urllib3.HTTPConnectionPool("127.0.0.1", server.port)
        monkeypatch.setattr(pool, "ConnectionCls", _OtherConnection)
        response = pool.request("POST", PATH, body=b"{}", headers=JSON, preload_content=preload)
        assert json.loads(response.data)["id"] == "chatcmpl-1"
        call = recorded.one
        assert (call.status, call.http_status) == (status, 200)
        assert call.usage.units.get("output_text_tokens") == units.get("output_text_tokens")
