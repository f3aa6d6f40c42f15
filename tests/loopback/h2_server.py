"""A provider on 127.0.0.1 that speaks HTTP/2 without TLS, as clients do that were told so (prior knowledge)."""

import contextlib
import socket
import threading
from types import TracebackType

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded

from loopback.server import Answer

__all__ = ["H2Loopback"]


class H2Loopback:
    """Gives the same answer to every request. `abort` resets the stream after its last chunk."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.bodies: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=16)
        self._socket.settimeout(0.1)
        self._stopping = False
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"

    def __enter__(self) -> "H2Loopback":
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stopping = True
        self._threads[0].join()
        self._socket.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join(timeout=5)

    def _accept(self) -> None:
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                connection, _ = self._socket.accept()
                connection.settimeout(None)
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        http = H2Connection(config=H2Configuration(client_side=False))
        http.initiate_connection()
        received: dict[int, bytes] = {}
        with contextlib.suppress(OSError), connection:
            connection.sendall(http.data_to_send())
            while data := connection.recv(65536):
                for event in http.receive_data(data):
                    if isinstance(event, RequestReceived):
                        received[event.stream_id] = b""
                    elif isinstance(event, DataReceived):
                        received[event.stream_id] += event.data
                        http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, StreamEnded):
                        self.bodies.append(received.pop(event.stream_id))
                        self._answer(http, event.stream_id)
                connection.sendall(http.data_to_send())

    def _answer(self, http: H2Connection, stream: int) -> None:
        answer = self.answer
        http.send_headers(stream, [(":status", str(answer.status)), *answer.headers.items()])
        chunks = (answer.body,) if answer.chunks is None else answer.chunks
        for chunk in chunks:
            http.send_data(stream, chunk)
        if answer.abort:
            http.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
        else:
            http.end_stream(stream)
