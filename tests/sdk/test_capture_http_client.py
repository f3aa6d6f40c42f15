"""Bodies read through `http.client` by every method it has, what it sends, and what is left alone."""

import gc
import http.client
import io
import json
import pickle
import shutil
import socket
import threading
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.rig import observed
from loopback.server import Answer, Loopback, Received, event_stream, json_answer

from llmobserve import capture
from llmobserve.capture.http_client_body import BodyFile
from llmobserve.transport.http import HttpTransport

PATH = "/v1/chat/completions"
ASKED = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}).encode()
JSON = {"Content-Type": "application/json"}
EXACT = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
STREAM = chat_chunks("alpha ", "beta ", usage=CHAT_USAGE)
WHOLE = b"".join(STREAM)


@contextmanager
def asked(server: Loopback) -> Generator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(server.netloc, timeout=3)
    try:
        connection.request("POST", PATH, ASKED, JSON)
        yield connection.getresponse()
    finally:
        connection.close()


def _into(response: http.client.HTTPResponse) -> bytes:
    buffer, found = bytearray(37), b""
    while size := response.readinto(buffer):
        found += buffer[:size]
    return found


def _copied(response: http.client.HTTPResponse) -> bytes:
    target = io.BytesIO()
    shutil.copyfileobj(response, target, 11)
    return target.getvalue()


def _peeked(response: http.client.HTTPResponse) -> bytes:
    assert response.peek(1).startswith(b"data:")
    first = response.read1(5)
    response.peek(1)
    return first + response.read()


READERS: dict[str, Callable[[http.client.HTTPResponse], bytes]] = {
    "read": lambda response: response.read(),
    "read(None)": lambda response: response.read(None),
    "read(1)": lambda response: b"".join(iter(lambda: response.read(1), b"")),
    "read(100)": lambda response: b"".join(iter(lambda: response.read(100), b"")),
    "read(exactly)": lambda response: response.read(len(WHOLE)),
    "read1": lambda response: b"".join(iter(response.read1, b"")),
    "read1(7)": lambda response: b"".join(iter(lambda: response.read1(7), b"")),
    "readline": lambda response: b"".join(iter(response.readline, b"")),
    "readline(9)": lambda response: b"".join(iter(lambda: response.readline(9), b"")),
    "readlines": lambda response: b"".join(response.readlines()),
    "iteration": b"".join,
    "readinto": _into,
    "copyfileobj": _copied,
    "BufferedReader": lambda response: io.BufferedReader(response).read(),  # type: ignore[type-var]
    "TextIOWrapper": lambda response: io.TextIOWrapper(response, "utf-8").read().encode(),
    "mixed": lambda response: response.read(1) + response.readline() + response.read1(3) + response.read(),
    "peek": _peeked,
}


@pytest.mark.parametrize("framing", ["chunked", "length"])
@pytest.mark.parametrize("reader", READERS)
def test_every_way_to_read(reader: str, framing: str) -> None:
    headers = {"content-type": "text/event-stream"}
    answer = event_stream(STREAM) if framing == "chunked" else Answer(headers=headers, body=WHOLE)
    with Loopback(answer) as server:
        with asked(server) as response:
            bare = READERS[reader](response)
        with observed(server) as recorded:
            with asked(server) as response:
                assert READERS[reader](response) == bare == WHOLE
            gc.collect()
            capture.sweep()
        call = recorded.one
        assert (call.status, dict(call.usage.units), call.usage.flags) == ("ok", EXACT, ())
        assert (call.request_model, call.transport) == ("gpt-4o-mini", "http.client")
        assert call.time_to_first_token_ms is not None


@contextmanager
def raw_server(answer: bytes) -> Generator[Loopback]:
    """Sends these bytes and hangs up, as `Loopback` does not."""
    server = Loopback()

    def serve() -> None:
        connection, _ = server._socket.accept()
        with connection:
            received = b""
            while ASKED not in received:
                received += connection.recv(65536)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    server._socket.settimeout(5)
    thread.start()
    try:
        yield server
    finally:
        thread.join()
        server._socket.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = json.dumps(chat_completion()).encode()
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("reader", ["read", "read(100)", "read1", "iteration", "readinto"])
@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + BODY,
        HEAD + b"Connection: close\r\n\r\n" + BODY,
        CHUNKED
        + b"5;name=value\r\n"
        + BODY[:5]
        + b"\r\n%X\r\n" % (len(BODY) - 5)
        + BODY[5:]
        + b"\r\n0\r\nA: b\r\n\r\n",
        CHUNKED + b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
    ],
    ids=["http 1.0", "until the end", "extension and trailer", "no trailer", "continue"],
)
def test_every_framing(sent: bytes, reader: str) -> None:
    with raw_server(sent) as server, observed(server) as recorded, asked(server) as response:
        assert READERS[reader](response) == BODY
        assert (recorded.one.status, recorded.units) == ("ok", EXACT)


@pytest.mark.parametrize("reader", ["read", "read(100)", "read1", "iteration", "readinto"])
@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"Content-Length: 999\r\n\r\n" + BODY[:50],
        CHUNKED + b"32\r\n" + BODY[:50] + b"\r\n",
        CHUNKED + b"64\r\n" + BODY[:50],
        CHUNKED + b"no chunk at all" + BODY[:50],
    ],
    ids=["length", "between chunks", "in a chunk", "no chunks"],
)
def test_connection_ends_before_the_body(sent: bytes, reader: str) -> None:
    def read(server: Loopback) -> Any:
        with asked(server) as response:
            try:
                return READERS[reader](response)
            except (http.client.HTTPException, ValueError) as error:
                return repr(error)

    with raw_server(sent) as server:
        bare = read(server)
    with raw_server(sent) as server, observed(server) as recorded:
        assert read(server) == bare
        call = recorded.one
    assert (call.status, call.http_status) == ("error", 200)
    assert call.error is not None
    assert call.error.type == "IncompleteRead"


def test_answer_without_a_body() -> None:
    with Loopback(Answer(status=204)) as server, observed(server) as recorded, asked(server) as response:
        assert recorded.one.http_status == 204
        assert response.read() == b""


def test_response_is_the_librarys_own() -> None:
    with Loopback(event_stream(STREAM)) as server:
        with asked(server) as response:
            attributes = set(vars(response))
        _check_response(server, attributes)


def _check_response(server: Loopback, attributes: set[str]) -> None:
    with observed(server) as recorded, asked(server) as response:
        assert type(response) is http.client.HTTPResponse
        assert set(vars(response)) == attributes
        assert isinstance(response.fp, BodyFile)
        assert response.fileno() == response.fp.fileno()
        assert response.fp.raw._sock.getpeername() == ("127.0.0.1", server.port)  # type: ignore[attr-defined]
        assert not response.fp.closed
        response.flush()
        with pytest.raises(AttributeError):
            _ = response.fp.nothing_of_the_kind  # type: ignore[attr-defined]
        with response:
            assert response.read() == WHOLE
        assert response.fp is None
        assert recorded.one.status == "ok"


def test_connection_is_kept_for_further_calls() -> None:
    with Loopback(event_stream(STREAM), json_answer(chat_completion())) as server, observed(server) as recorded:
        connection = http.client.HTTPConnection(server.netloc)
        for _ in range(3):
            connection.request("POST", PATH, ASKED, JSON)
            connection.getresponse().read()
        assert "_llmobserve_exchange" not in vars(connection)
        connection.close()
        assert [call.status for call in recorded.calls] == ["ok"] * 3
        assert len(server._threads) == 2  # one accepts, one connection


def test_low_level_methods() -> None:
    with Loopback(json_answer(chat_completion())) as server, observed(server) as recorded:
        connection = http.client.HTTPConnection(server.netloc)
        connection.putrequest("POST", f"{PATH}?x=1")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(ASKED)))
        connection.putheader("Idempotency-Key", "once")
        connection.endheaders(ASKED)
        connection.getresponse().read()
        connection.close()
        assert (recorded.one.request_model, recorded.units) == ("gpt-4o-mini", EXACT)
        assert recorded.one.logical_call_id == "once"
        assert server.ledger[0].body == ASKED


def test_files_and_iterables_are_not_consumed(tmp_path: Any) -> None:
    file = tmp_path / "asked"
    file.write_bytes(ASKED)

    def bodies() -> list[Any]:
        return [file.open("rb"), io.BytesIO(ASKED), iter([ASKED[:9], ASKED[9:]]), [ASKED[:9], ASKED[9:]]]

    with Loopback(json_answer(chat_completion())) as server:
        for body in bodies():
            _post(server, body)
        with observed(server) as recorded:
            for body in bodies():
                _post(server, body)
        assert [call.usage.units["output_text_tokens"] for call in recorded.calls] == [30] * 4
        assert [one.raw for one in server.ledger[:4]] == [one.raw for one in server.ledger[4:]]


def _post(server: Loopback, body: Any) -> None:
    connection = http.client.HTTPConnection(server.netloc)
    connection.request("POST", PATH, body, JSON)
    connection.getresponse().read()
    connection.close()
    if hasattr(body, "close"):
        body.close()


def test_body_made_of_calls_is_not_hidden() -> None:
    """A body that is written while it is sent may itself make calls."""

    def answer(request: Received) -> Answer:
        return json_answer(chat_completion(id="outer" if b"chunked" in request.raw else "inner"))

    with Loopback(answer) as server, observed(server) as recorded:

        def body() -> Any:
            with asked(server) as response:
                assert json.loads(response.read())["id"] == "inner"
            yield ASKED

        _post(server, body())
        assert [call.response_id for call in recorded.calls] == ["inner", "outer"]


def test_answer_never_asked_for() -> None:
    with Loopback(json_answer(chat_completion())) as server, observed(server) as recorded:
        connection = http.client.HTTPConnection(server.netloc)
        connection.request("POST", PATH, ASKED, JSON)
        connection.close()
        connection.request("POST", PATH, ASKED, JSON)
        connection.close()
        assert [call.status for call in recorded.calls] == ["cancelled"]
        del connection
        gc.collect()
        capture.sweep()
        assert [call.status for call in recorded.calls] == ["cancelled", "abandoned"]


def test_through_a_proxy() -> None:
    with Loopback(json_answer(chat_completion())) as proxy, Loopback() as other, observed(other) as recorded:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy.url}))
        request = urllib.request.Request(f"http://api.openai.com{PATH}?k=v", ASKED, JSON)
        with opener.open(request) as response:
            assert json.loads(response.read())["id"] == "chatcmpl-1"
        assert proxy.ledger[0].target == f"http://api.openai.com{PATH}?k=v"
        assert (recorded.one.host, recorded.one.provider) == ("api.openai.com", "openai")


def test_tunnel_is_no_call_and_its_end_counts() -> None:
    answers = Answer(), json_answer(chat_completion())
    with Loopback(*answers) as proxy, Loopback() as other, observed(other) as recorded:
        connection = http.client.HTTPConnection(proxy.netloc)
        connection.set_tunnel("api.openai.com", 80)
        connection.request("POST", PATH, ASKED, JSON)
        connection.getresponse().read()
        connection.close()
        assert [one.method for one in proxy.ledger] == ["CONNECT", "POST"]
        assert (recorded.one.host, recorded.one.operation) == ("api.openai.com", "chat.completions")


def test_own_traffic_is_not_observed() -> None:
    with Loopback(Answer()) as server, observed(server, "local") as recorded:
        transport = HttpTransport(f"{server.url}/v1/chat/completions/..", None)
        transport.post(b"{}")
        transport.close()
        assert len(server.ledger) == 1
    assert recorded.calls == []


def test_websocket_upgrade_is_no_call() -> None:
    sent = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nframes"
    with raw_server(sent) as server, observed(server) as recorded, asked(server) as response:
        assert response.status == 101
        assert response.fp.read() == b"frames"
    assert recorded.calls == []


def test_patched_methods_stay_functions_and_come_back() -> None:
    bare = {name: http.client.HTTPConnection.__dict__[name] for name in ("endheaders", "getresponse")}
    with Loopback() as server, observed(server):
        for name, function in bare.items():
            patched = http.client.HTTPConnection.__dict__[name]
            assert patched is not function
            assert pickle.loads(pickle.dumps(patched)) is patched
    for name, function in bare.items():
        assert http.client.HTTPConnection.__dict__[name] is function


def test_moved_internals_cost_the_event_and_not_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(json_answer(chat_completion())) as server, observed(server) as recorded:
        monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")
        monkeypatch.setattr(http.client.HTTPConnection, "default_port", property(lambda self: 1 / 0))
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", PATH, ASKED, {**JSON, "Host": server.netloc})
        assert json.loads(connection.getresponse().read())["id"] == "chatcmpl-1"
        connection.close()
    assert recorded.calls == []


def test_missing_target_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "getresponse", None)
    with Loopback() as server, observed(server):
        states = {entry.state for entry in capture.health() if entry.library == "http.client"}
    assert states == {"missing"}


def test_timeout_in_the_body_is_an_error() -> None:
    hold = threading.Event()
    with (
        Loopback(event_stream(STREAM[:2], hold=hold)) as server,
        observed(server) as recorded,
        asked(server) as response,
    ):
        assert isinstance(response.fp, BodyFile)
        response.fp.raw._sock.settimeout(0.2)  # type: ignore[attr-defined]
        with pytest.raises(TimeoutError):
            response.read()
        hold.set()
        assert recorded.one.status == "error"
        assert recorded.one.error is not None
        assert recorded.one.error.type == socket.timeout.__name__
