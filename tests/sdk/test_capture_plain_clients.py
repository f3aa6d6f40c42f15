"""Every general HTTP library with every kind of answer and ending: one event each, and the application as without."""

import gc
import gzip
import json
import threading
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import brotli
import pytest
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.plain_clients import CLIENTS, Client, Read
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback, event_stream, json_answer

from llmobserve import capture
from llmobserve.wire import CallEvent

PATH = "/v1/chat/completions"
WORDS = ("alpha ", "beta ", "gamma ")
EXACT = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
ASKED = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say three words."}]}).encode()
EVERY = pytest.mark.parametrize("name", CLIENTS)
Encode = Callable[[bytes], bytes]


def outcome(client: Client, url: str, read: Read) -> Any:
    """What the application gets: status and body, or the types of the error and of its causes."""
    try:
        return client(url, ASKED, read)
    except Exception as error:  # noqa: BLE001 (what it is, is what is compared)
        types: list[str] = []
        cause: BaseException | None = error
        while cause is not None:
            types.append(type(cause).__name__)
            cause = cause.__cause__ or cause.__context__
        return types
    finally:
        gc.collect()
        capture.sweep()


@contextmanager
def both(name: str, read: Read, *answers: Answer, same: bool = True) -> Generator[tuple[Recorded, Any]]:
    """Runs the client bare and observed, on the same answers. They must see and send the same."""
    client = CLIENTS[name]
    with Loopback(*answers, *answers) as server:
        bare = outcome(client, server.url + PATH, read)
        sent = [request.raw for request in server.ledger]
        with observed(server) as recorded:
            watched = outcome(client, server.url + PATH, read)
        assert [request.raw for request in server.ledger[len(sent) :]] == sent
        if same:
            assert watched == bare
        yield recorded, watched


def assert_exact(call: CallEvent, name: str) -> None:
    assert (call.status, call.http_status, call.usage.source, call.usage.flags) == ("ok", 200, "response", ())
    assert dict(call.usage.units) == EXACT
    assert (call.request_model, call.response_model) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert call.transport == ("http.client" if name in ("http.client", "urllib.request") else "urllib3")
    assert (call.attempt, call.logical_call_id) == (0, None)


def _deflate_bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def _zstd(data: bytes) -> bytes:
    for library in ("compression.zstd", "backports.zstd", "zstandard"):
        try:
            return __import__(library, fromlist=["compress"]).compress(data)
        except ImportError:
            continue
    pytest.skip("no library for zstd")


ENCODINGS: dict[str, tuple[str, Encode]] = {
    "plain": ("", lambda data: data),
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", _deflate_bare),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", _zstd),
}


@EVERY
@pytest.mark.parametrize("read", ["whole", "pieces"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json(name: str, read: Read, encoding: str) -> None:
    token, encode = ENCODINGS[encoding]
    headers = {"content-type": "application/json"} | ({"content-encoding": token} if token else {})
    body = encode(json.dumps(chat_completion()).encode())
    with both(name, read, Answer(headers=headers, body=body)) as (recorded, got):
        assert got[0] == 200
        assert_exact(recorded.one, name)
        assert not recorded.one.stream


@EVERY
@pytest.mark.parametrize("read", ["whole", "pieces"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_stream(name: str, read: Read, encoding: str) -> None:
    token, encode = ENCODINGS[encoding]
    chunks = chat_chunks(*WORDS, usage=CHAT_USAGE)
    headers = {"content-encoding": token} if token else {}
    whole = encode(b"".join(chunks))
    pieces = chunks if not token else tuple(whole[at : at + 41] for at in range(0, len(whole), 41))
    with both(name, read, event_stream(pieces, headers=headers)) as (recorded, got):
        assert got[1] in (b"".join(chunks), whole)  # whether decoded or not is the library's own
        assert_exact(recorded.one, name)
        assert recorded.one.stream
        assert recorded.one.time_to_first_token_ms is not None


@EVERY
def test_closed_early(name: str) -> None:
    hold = threading.Event()
    threading.Timer(1.0, hold.set).start()
    with both(name, "close", event_stream(chat_chunks(*WORDS)[:3], hold=hold), same=False) as (recorded, got):
        assert got[1].startswith(b"data: {")
        call = recorded.one
        assert (call.status, call.error, call.usage.source) == ("cancelled", None, "estimated")
        assert "partial" in call.usage.flags


@EVERY
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_dropped(name: str) -> None:
    answer = event_stream(chat_chunks(*WORDS))
    with both(name, "drop", answer, same=False) as (recorded, _):
        call = recorded.one
        assert call.status in {"abandoned", "cancelled"}
        assert (call.error, call.usage.source) == (None, "estimated")
        assert "partial" in call.usage.flags


@EVERY
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_error_status(name: str, status: int) -> None:
    refusal = {"error": {"message": "It went wrong", "type": "some_error", "code": None}}
    with both(name, "whole", json_answer(refusal, status=status)) as (recorded, got):
        assert got == (status, json.dumps(refusal).encode())
        call = recorded.one
        assert (call.status, call.http_status) == ("error", status)
        assert call.error is not None
        assert (call.error.type, call.error.message) == ("some_error", "It went wrong")
        assert not call.usage.units


@EVERY
def test_server_aborts_the_stream(name: str) -> None:
    with both(name, "pieces", event_stream(chat_chunks(*WORDS)[:3], abort=True)) as (recorded, got):
        assert isinstance(got, list)
        call = recorded.one
        assert (call.status, call.http_status, call.usage.source) == ("error", 200, "estimated")
        assert call.error is not None
        assert call.error.type in {"ConnectionResetError", "IncompleteRead"}
        # "alpha beta " has 11 bytes: 3 tokens.
        assert call.usage.units["output_text_tokens"] == 3


@EVERY
def test_server_aborts_before_a_body(name: str) -> None:
    answer = Answer(headers={"content-type": "application/json"}, body=b"x" * 20, abort=True)
    with both(name, "whole", answer) as (recorded, got):
        assert isinstance(got, list)
        assert (recorded.one.status, recorded.one.http_status) == ("error", 200)


@EVERY
def test_server_does_not_answer(name: str) -> None:
    client = CLIENTS[name]
    with Loopback(Answer(delay_s=5)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr("loopback.plain_clients.WAIT_S", 0.2)
        bare = outcome(client, server.url + PATH, "whole")
        with observed(server) as recorded:
            assert outcome(client, server.url + PATH, "whole") == bare
        call = recorded.one
        assert (call.status, call.http_status) == ("error", None)
        assert call.error is not None
        assert "imeout" in call.error.type


@EVERY
def test_connection_is_refused(name: str) -> None:
    server = Loopback()
    url = server.url + PATH
    with observed(server) as recorded:
        server._socket.close()
        watched = outcome(CLIENTS[name], url, "whole")
    bare = outcome(CLIENTS[name], url, "whole")
    assert watched == bare
    call = recorded.one
    assert (call.status, call.http_status) == ("error", None)
    assert call.error is not None
    assert call.error.type in {"ConnectionRefusedError", "NewConnectionError"}


@EVERY
def test_redirect_is_no_call(name: str) -> None:
    with Loopback() as server:
        moved = Answer(status=307, headers={"location": f"{server.url}{PATH}?again=1"})
        server.answers[:] = [moved, json_answer(chat_completion())]
        with observed(server) as recorded:
            status, body = CLIENTS[name](server.url + PATH, ASKED, "whole")
        assert (status, json.loads(body)["id"]) == (200, "chatcmpl-1")
        assert len(server.ledger) == 2
        assert_exact(recorded.one, name)


@EVERY
def test_attempts_of_one_call(name: str) -> None:
    busy = json_answer({"error": {"message": "busy", "type": "overloaded"}}, status=503)
    with Loopback(busy, busy, json_answer(chat_completion())) as server, observed(server) as recorded:
        while CLIENTS[name](server.url + PATH, ASKED + b" ", "whole")[0] == 503:
            pass
        assert len(server.ledger) == 3
    assert [(call.status, call.attempt) for call in recorded.calls] == [("error", 0), ("error", 1), ("ok", 2)]
    assert {call.logical_call_id for call in recorded.calls} == {recorded.calls[0].event_id}
    assert [dict(call.usage.units) for call in recorded.calls] == [{}, {}, EXACT]


@EVERY
def test_other_paths_and_hosts_are_not_seen(name: str) -> None:
    with Loopback(json_answer({"fine": True})) as server, Loopback() as provider, observed(provider) as recorded:
        other = server.url.replace("127.0.0.1", "127.0.0.2")
        assert CLIENTS[name](f"{server.url}/anything", ASKED, "whole") == (200, b'{"fine": true}')
        assert isinstance(outcome(CLIENTS[name], other + PATH, "whole"), list)  # nobody is there
    assert recorded.calls == []
