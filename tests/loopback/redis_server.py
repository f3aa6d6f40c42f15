"""A Redis server on 127.0.0.1 that answers in RESP as told, and keeps a ledger of the commands."""

import socket
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from loopback.tcp_server import TcpLoopback

__all__ = ["RedisLoopback", "encoded"]

Answer = Callable[[list[bytes]], Any] | Any


def encoded(value: Any) -> bytes:
    """A value in RESP 2 (https://redis.io/docs/latest/develop/reference/protocol-spec/, read 2026-11-21)."""
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, Exception):
        return b"-" + str(value).encode() + b"\r\n"
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(map(encoded, value))
    data = value if isinstance(value, bytes) else str(value).encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


class RedisLoopback(TcpLoopback):
    """Gives each command its answer by name; `+OK` to what is not named."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__()
        self.answers = answers
        self.commands: list[list[bytes]] = []

    def serve(self, connection: socket.socket) -> None:
        """Answer on one connection until it ends."""
        queued: list[bytes] | None = None
        with connection, connection.makefile("rb") as received:
            try:
                while (command := _read(received)) is not None:
                    self.commands.append(command)
                    name = command[0].decode().upper()
                    if name == "MULTI":
                        queued = []
                        connection.sendall(b"+OK\r\n")
                    elif name == "EXEC":
                        connection.sendall(b"*%d\r\n" % len(queued or []) + b"".join(queued or []))
                        queued = None
                    elif queued is not None:
                        queued.append(self._answer(name, command))
                        connection.sendall(b"+QUEUED\r\n")
                    else:
                        connection.sendall(self._answer(name, command))
            except OSError:
                pass

    def _answer(self, name: str, command: list[bytes]) -> bytes:
        if name not in self.answers:
            return b"+OK\r\n"
        answer = self.answers[name]
        return encoded(answer(command) if callable(answer) else answer)


def _read(received: BinaryIO) -> list[bytes] | None:
    line = received.readline()
    if not line.startswith(b"*"):
        return None
    parts: list[bytes] = []
    for _ in range(int(line[1:])):
        size = int(received.readline()[1:])
        parts.append(received.read(size + 2)[:size])
    return parts
