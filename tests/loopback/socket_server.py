"""A WebSocket server on 127.0.0.1 that plays what a test tells it and keeps what it was sent."""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

__all__ = ["SocketServer", "realtime_usage", "say"]

Script = Callable[["Caller"], None]


class Caller:
    """One connection, as the script sees it."""

    def __init__(self, server: "SocketServer", connection: ServerConnection) -> None:
        self.server = server
        self.connection = connection

    def hear(self) -> Any:
        """The next message: JSON decoded, binary as it is."""
        message = self.connection.recv(timeout=10)
        self.server.heard.append(message)
        return json.loads(message) if isinstance(message, str) else message

    def say(self, *messages: Any) -> None:
        """Send messages: strings and bytes as they are, the rest as JSON."""
        for message in messages:
            self.connection.send(message if isinstance(message, (str, bytes)) else json.dumps(message))

    def wait(self) -> None:
        """Until the client is gone."""
        with contextlib.suppress(Exception):
            while True:
                self.server.heard.append(self.connection.recv(timeout=10))

    def hang_up(self) -> None:
        """Reset the connection without a word."""
        raw = self.connection.socket
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The thread that reads keeps the descriptor open otherwise.
        raw.shutdown(socket.SHUT_RD)
        raw.close()


class SocketServer:
    """The server. With `refuse_with` it answers every handshake with that status."""

    def __init__(self, script: Script | None = None, *, refuse_with: int | None = None) -> None:
        self.heard: list[str | bytes] = []
        self.paths: list[str] = []
        self.headers: dict[str, str] = {}
        self._script = script or Caller.wait
        self._refuse_with = refuse_with
        self._server = serve(
            self._handle, "127.0.0.1", 0, process_request=self._process, process_response=self._answer, max_size=None
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self._server.socket.getsockname()[1]}"

    @property
    def ws(self) -> str:
        return f"ws://{self.netloc}"

    @property
    def http(self) -> str:
        return f"http://{self.netloc}"

    def __enter__(self) -> "SocketServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(timeout=10)

    def _process(self, connection: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        if self._refuse_with is None:
            return None
        return connection.respond(self._refuse_with, "no\n")

    def _answer(self, connection: ServerConnection, request: Request, response: Response) -> None:
        for name, value in self.headers.items():
            response.headers[name] = value

    def _handle(self, connection: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            self._script(Caller(self, connection))


def say(*messages: Any) -> Script:
    """A script that waits for the first message, answers with these, and then listens."""

    def script(caller: Caller) -> None:
        caller.hear()
        caller.say(*messages)
        caller.wait()

    return script


def realtime_usage(**changes: Any) -> dict[str, Any]:
    """Usage of a Realtime response: 1,000 tokens in, of them 400 cached, and 300 out."""
    return {
        "total_tokens": 1300,
        "input_tokens": 1000,
        "output_tokens": 300,
        "input_token_details": {
            "text_tokens": 600,
            "audio_tokens": 300,
            "image_tokens": 100,
            "cached_tokens": 400,
            "cached_tokens_details": {"text_tokens": 250, "audio_tokens": 130, "image_tokens": 20},
        },
        "output_token_details": {"text_tokens": 60, "audio_tokens": 240},
        **changes,
    }
