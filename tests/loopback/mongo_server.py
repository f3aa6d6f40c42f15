"""A MongoDB server on 127.0.0.1: speaks OP_MSG, answers aggregations as told, and keeps a ledger of the commands."""

import socket
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import bson

from loopback.tcp_server import TcpLoopback

__all__ = ["MongoLoopback"]

_OP_MSG, _OP_QUERY, _OP_REPLY = 2013, 2004, 1


class MongoLoopback(TcpLoopback):
    """Gives every aggregation the same answer (https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/)."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__()
        self.answer = answer
        self.commands: list[dict[str, Any]] = []

    @property
    def aggregations(self) -> list[dict[str, Any]]:
        return [command for command in self.commands if "aggregate" in command]

    def serve(self, connection: socket.socket) -> None:
        """Answer on one connection until it ends."""
        with connection, connection.makefile("rb") as received:
            try:
                while (message := _read(received)) is not None:
                    number, kind, command = message
                    self.commands.append(command)
                    connection.sendall(_framed(number, kind, bson.encode(self._answer(command))))
            except OSError:
                pass

    def _answer(self, command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        if name.lower() in ("hello", "ismaster"):
            limits = {"maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000}
            return {
                "ok": 1,
                "isWritablePrimary": True,
                "helloOk": True,
                "minWireVersion": 0,
                "maxWireVersion": 25,
                **limits,
            }
        return dict(self.answer) if name == "aggregate" else {"ok": 1}


def _read(received: BinaryIO) -> tuple[int, int, dict[str, Any]] | None:
    header = received.read(16)
    if len(header) < 16:
        return None
    size, number, _, kind = struct.unpack("<iiii", header)
    body = received.read(size - 16)
    if kind == _OP_MSG:
        return number, kind, bson.decode(body[5:])  # flags, and a section of kind 0
    start = body.index(b"\0", 4) + 9  # flags, name of the collection, two numbers
    return number, kind, bson.decode(body[start:])


def _framed(number: int, kind: int, document: bytes) -> bytes:
    if kind == _OP_MSG:
        body, kind = struct.pack("<i", 0) + b"\0" + document, _OP_MSG
    else:
        body, kind = struct.pack("<iqii", 8, 0, 0, 1) + document, _OP_REPLY
    return struct.pack("<iiii", 16 + len(body), 1, number, kind) + body
