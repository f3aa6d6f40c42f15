"""What requests may not do: too large, too slow, ambiguous, or not what they say they are."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from server.live_server import LiveServer, batch, running

from llmobserve_server.api import connection, limits

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("bodies")) as live:
        yield live


def raw(server: LiveServer, *pieces: bytes) -> bytes:
    """Everything the server answers until it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as peer:
        for piece in pieces:
            peer.sendall(piece)
        answer = b""
        while part := peer.recv(65536):
            answer += part
    return answer


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b"", {}, 400, "bad_request"),
        (b"hello", {}, 400, "bad_request"),
        (b'{"version": 1', {}, 400, "bad_request"),
        (b"[]", {}, 400, "bad_request"),
        (b"null", {}, 400, "bad_request"),
        (b"{}", {}, 400, "bad_request"),
        (json.dumps(batch() | {"events": 7}).encode(), {}, 400, "bad_request"),
        (json.dumps(batch() | {"version": "one"}).encode(), {}, 400, "bad_request"),
        (b"\xff\xfe", {}, 400, "bad_request"),
        (b"[" * 100_000, {}, 400, "bad_request"),
        (b"{}", {"Content-Encoding": "br"}, 400, "bad_request"),
        (b"{}", {"Content-Encoding": "gzip"}, 400, "bad_request"),
        (gzip.compress(gzip.compress(b"{}")), {"Content-Encoding": "gzip, gzip"}, 400, "bad_request"),
        (gzip.compress(bytes(10 * 1024 * 1024)), {"Content-Encoding": "gzip"}, 413, "too_large"),
        (bytes(10 * 1024 * 1024 + 1), {}, 413, "too_large"),
    ],
)
def test_a_body_that_is_no_batch_is_refused_with_the_reason(
    server: LiveServer, body: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    with server.client() as client:
        answer = client.post("/v1/events", content=body, headers=JSON | headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["message"]


def test_a_compressed_batch_is_taken(server: LiveServer) -> None:
    body = gzip.compress(json.dumps(batch(3)).encode())
    with server.client() as client:
        answer = client.post("/v1/events", content=body, headers=JSON | {"Content-Encoding": "gzip"})
    assert answer.json() == {"accepted": 3, "duplicates": 0, "rejected": 0, "verdicts": [], "directives": {}}


def test_a_batch_sent_twice_is_stored_once(server: LiveServer) -> None:
    sent = batch(2)
    with server.client() as client:
        client.post("/v1/events", json=sent)
        again = client.post("/v1/events", json=sent).json()
    assert (again["accepted"], again["duplicates"]) == (0, 2)
    assert [verdict["status"] for verdict in again["verdicts"]] == ["duplicate"] * 2


def test_a_body_without_a_length_is_cut_off_at_the_limit(server: LiveServer) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(11):
            yield bytes(1024 * 1024)

    with server.client() as client:
        answer = client.post("/v1/events", content=pieces(), headers=JSON)
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/v1/events", "POST"), ("PUT", "/api/v1/runs", "GET"), ("POST", "/api/v1/meta", "GET")],
)
def test_a_wrong_method_names_the_right_one(server: LiveServer, method: str, path: str, allowed: str) -> None:
    with server.client() as client:
        answer = client.request(method, path)
    assert (answer.status_code, answer.json()["error"]) == (405, "method_not_allowed")
    assert allowed in answer.headers["allow"]
    assert allowed in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/nowhere"), ("DELETE", "/api/v1/nowhere"), ("POST", "/api/v1/keys/"), ("GET", "/v1/events")],
)
def test_what_is_nowhere_is_not_found_by_any_method(server: LiveServer, method: str, path: str) -> None:
    with server.client() as client:
        answer = client.request(method, path)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_wrong_parameters_and_bodies_name_the_field(server: LiveServer) -> None:
    with server.browser() as browser:
        for answer, field in [
            (browser.get("/api/v1/runs", params={"limit": "many"}), "limit"),
            (browser.post("/api/v1/keys", json={"name": "x", "scope": "root"}), "scope"),
            (browser.post("/api/v1/keys", json={"name": "x", "owner": "me"}), "owner"),
            (browser.post("/api/v1/keys", content=b'{"name":"\\ud800"}', headers=JSON), "name"),
            (browser.post("/api/v1/projects", json={"name": "a\0b"}), "name"),
        ]:
            problem = answer.json()
            assert (answer.status_code, problem["error"], problem["field"]) == (400, "bad_request", field)
        assert browser.post("/api/v1/keys", content=b"{", headers=JSON).status_code == 400
        assert browser.post("/api/v1/keys", json={"name": "x" * 70_000}).status_code == 413


def test_a_body_that_comes_with_the_end_of_a_slow_head_is_no_part_of_it(server: LiveServer) -> None:
    body = b" " * (connection.HEAD_MAX_BYTES * 3) + json.dumps(batch()).encode()
    rest = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.sendall(HEAD)
        # Long enough for the first part to be read by itself.
        threading.Event().wait(0.2)
        peer.sendall(rest + body)
        assert peer.recv(65536).startswith(b"HTTP/1.1 200 ")


HEAD = b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        HEAD + b"X-Folded: a\r\n b\r\n\r\n",
        b"not http at all\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_requests_that_can_be_read_in_two_ways_are_refused(server: LiveServer, request_bytes: bytes) -> None:
    answer = raw(server, request_bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"] == "bad_http"
    assert b"nosniff" in head


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Many: aaaaaaaaaaaaaaaa\r\n" * 2_000 + b"\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
)
def test_a_head_above_32_kb_is_refused(server: LiveServer, request_bytes: bytes) -> None:
    assert raw(server, request_bytes).startswith(b"HTTP/1.1 431 ")


def test_slow_heads_are_cut_off_while_others_are_served(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_DEADLINE_S", 0.5)
    answers: list[bytes] = []
    silent = [threading.Thread(target=lambda: answers.append(raw(server, b"GET /health HT"))) for _ in range(40)]
    never_spoke = [threading.Thread(target=lambda: answers.append(raw(server))) for _ in range(10)]
    for thread in (*silent, *never_spoke):
        thread.start()
    with server.client() as client:
        for _ in range(20):
            assert client.get("/health").status_code == 200
    for thread in (*silent, *never_spoke):
        thread.join()
    assert len(answers) == 50
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)


def test_the_second_head_of_a_connection_has_a_deadline_too(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_DEADLINE_S", 0.5)
    first = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    answer = raw(server, first + b"GET /hea")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in answer


@pytest.mark.parametrize(("deadline_s", "rate_counts_after_s"), [(0.5, 60.0), (60.0, 0.2)])
def test_slow_bodies_are_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deadline_s: float, rate_counts_after_s: float
) -> None:
    monkeypatch.setattr(limits, "BODY_DEADLINE_S", deadline_s)
    monkeypatch.setattr(limits, "RATE_COUNTS_AFTER_S", rate_counts_after_s)
    with running(tmp_path) as server:
        answer = raw(server, HEAD + b"Content-Length: 5000\r\n\r\n{")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["error"] == "too_slow"


def test_bodies_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODIES_TOGETHER_MAX_BYTES", 1000)
    with running(tmp_path) as server, server.client() as client:
        refused = client.post("/v1/events", json=batch(10))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        # What was refused is held no longer.
        assert client.post("/v1/events", json=batch()).status_code == 200
