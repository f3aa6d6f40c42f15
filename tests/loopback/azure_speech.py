"""Azure's speech service on 127.0.0.1, as its native SDK talks to it: a WebSocket with messages under headers."""

import json
import threading
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

__all__ = ["AzureSpeech"]

TICKS = 10_000_000
"""A second."""


class AzureSpeech:
    """Speaks silence, and hears the same phrase after every three frames of audio."""

    def __init__(self, *phrases: tuple[float, float, str]) -> None:
        """`phrases`: offset and duration in seconds, and the text."""
        self.phrases = phrases
        self.said: list[str] = []
        self._server = serve(self._talk, "127.0.0.1", 0)
        self.port: int = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"ws://{self.netloc}/cognitiveservices/websocket/v1"

    def __enter__(self) -> "AzureSpeech":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()

    def _talk(self, connection: ServerConnection) -> None:
        turn = ""
        try:
            for message in connection:
                headers, body = _split(message)
                turn = headers.get("x-requestid", turn)
                if headers["path"] == "ssml":
                    self.said.append(body.decode())
                    _say(connection, "turn.start", turn, {"context": {"serviceTag": "t"}})
                    head = f"X-RequestId:{turn}\r\nPath:audio\r\nX-StreamId:1\r\n".encode()
                    connection.send(len(head).to_bytes(2, "big") + head + bytes(3200))
                    _say(connection, "turn.end", turn, {})
                elif headers["path"] == "audio" and not body:  # the end of the audio
                    self._hear(connection, turn)
        except ConnectionClosed:
            pass

    def _hear(self, connection: ServerConnection, turn: str) -> None:
        _say(connection, "turn.start", turn, {"context": {"serviceTag": "t"}})
        _say(connection, "speech.startDetected", turn, {"Offset": 0})
        for offset, duration, text in self.phrases:
            heard = {"Offset": int(offset * TICKS), "Duration": int(duration * TICKS)}
            _say(connection, "speech.phrase", turn, {"RecognitionStatus": "Success", "DisplayText": text, **heard})
        _say(connection, "speech.endDetected", turn, {"Offset": 0})
        _say(connection, "turn.end", turn, {})


def _split(message: str | bytes) -> tuple[dict[str, str], bytes]:
    if isinstance(message, str):
        head, _, body = message.partition("\r\n\r\n")
        data = body.encode()
    else:
        size = int.from_bytes(message[:2], "big")
        head, data = message[2 : 2 + size].decode(), message[2 + size :]
    pairs = (line.partition(":") for line in head.splitlines() if line)
    return {name.lower(): value.strip() for name, _, value in pairs}, data


def _say(connection: ServerConnection, path: str, turn: str, body: dict[str, Any]) -> None:
    kind = "application/json; charset=utf-8"
    connection.send(f"X-RequestId:{turn}\r\nContent-Type:{kind}\r\nPath:{path}\r\n\r\n{json.dumps(body)}")
