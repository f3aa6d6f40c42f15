"""A provider on 127.0.0.1: answers HTTP/1.1 as told, byte by byte, and keeps a ledger of what it received.

It is deliberately made of sockets alone, so that what it sends and what it saw are exactly the bytes on the wire.
"""

import contextlib
import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answer", "Loopback", "Received", "event_stream", "json_answer", "sse"]


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as it arrived."""

    raw: bytes
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to send. With `chunks` the body goes out in chunked encoding, one chunk each, `pause_s` apart."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunks: tuple[bytes, ...] | None = None
    delay_s: float = 0.0
    """Before the status line."""
    pause_s: float = 0.0
    """Between chunks."""
    abort: bool = False
    """Reset the connection after the last chunk (or after the headers), without the end of the body."""
    hold: threading.Event | None = None
    """Wait for it after the last chunk, before the body ends."""


def json_answer(body: Any, *, status: int = 200, gzipped: bool = False, **headers: str) -> Answer:
    data = json.dumps(body).encode()
    all_headers = {"content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    if gzipped:
        data = gzip.compress(data)
        all_headers["content-encoding"] = "gzip"
    return Answer(status=status, headers=all_headers, body=data)


def sse(*events: Any, name_key: str | None = None) -> tuple[bytes, ...]:
    """Server-sent events, one chunk each. Strings are sent as they are; `name_key` puts that field in `event:`."""
    chunks = []
    for event in events:
        data = event if isinstance(event, str) else json.dumps(event)
        head = f"event: {event[name_key]}\n" if name_key and isinstance(event, dict) else ""
        chunks.append(f"{head}data: {data}\n\n".encode())
    return tuple(chunks)


def event_stream(chunks: Iterable[bytes], *, gzipped: bool = False, **options: Any) -> Answer:
    headers = {"content-type": "text/event-stream; charset=utf-8", **options.pop("headers", {})}
    parts = tuple(chunks)
    if gzipped:
        headers["content-encoding"] = "gzip"
        whole = gzip.compress(b"".join(parts))
        parts = tuple(whole[at : at + 40] for at in range(0, len(whole), 40))
    return Answer(headers=headers, chunks=parts, **options)


class Loopback:
    """The server. `answers` are given out in order; the last one again and again. A function gets each request."""

    def __init__(self, *answers: Answer | Callable[[Received], Answer]) -> None:
        self.answers = list(answers)
        self.ledger: list[Received] = []
        self._given = 0
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._socket.settimeout(0.1)
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._stopping = False

    @property
    def port(self) -> int:
        return self._socket.getsockname()[1]

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"

    def __enter__(self) -> "Loopback":
        self._threads.append(threading.Thread(target=self._accept, daemon=True))
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._threads[0].join()
        self._socket.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join(timeout=5)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            held = b""
            while not self._stopping:
                request, held = _receive(connection, held)
                if request is None:
                    break
                with self._lock:
                    self.ledger.append(request)
                    answer = self.answers[min(self._given, len(self.answers) - 1)]
                    self._given += 1
                if not self._send(connection, answer(request) if callable(answer) else answer):
                    break
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def _send(self, connection: socket.socket, answer: Answer) -> bool:
        """False when the connection is done for."""
        time.sleep(answer.delay_s)
        headers = dict(answer.headers)
        if answer.chunks is None:
            headers.setdefault("content-length", str(len(answer.body)))
        else:
            headers["transfer-encoding"] = "chunked"
        head = f"HTTP/1.1 {answer.status} Reason\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        if answer.chunks is None and not answer.abort:
            connection.sendall(head.encode("latin-1") + answer.body)
            return True
        connection.sendall(head.encode("latin-1"))
        for number, chunk in enumerate(answer.chunks or ()):
            if number and answer.pause_s:
                time.sleep(answer.pause_s)
            connection.sendall(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        if answer.hold is not None:
            answer.hold.wait(10)
        if answer.abort:
            time.sleep(0.05)  # else the reset overtakes what was sent
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        connection.sendall(b"0\r\n\r\n")
        return True


def _receive(connection: socket.socket, held: bytes) -> tuple[Received | None, bytes]:
    """The next request and the bytes after it; `None` when the client hung up."""
    while b"\r\n\r\n" not in held:
        data = connection.recv(65536)
        if not data:
            return None, b""
        held += data
    head, _, rest = held.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "chunked" in headers.get("transfer-encoding", ""):
        while b"0\r\n\r\n" not in rest:
            rest += _more(connection)
        end = rest.index(b"0\r\n\r\n") + 5
    else:
        end = int(headers.get("content-length", "0"))
        while len(rest) < end:
            rest += _more(connection)
    body, after = rest[:end], rest[end:]
    raw = head + b"\r\n\r\n" + body
    return Received(raw=raw, method=method, target=target, headers=headers, body=body), after


def _more(connection: socket.socket) -> bytes:
    """The next bytes of a body. Raises ConnectionResetError when the client, killed perhaps, sends no more."""
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError
    return data
