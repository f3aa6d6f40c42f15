"""A server on 127.0.0.1 that gives each connection a thread; what is said on it is up to the subclass."""

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from typing import Self

__all__ = ["TcpLoopback"]


class TcpLoopback(ABC):
    """Listens while the `with` block runs."""

    def __init__(self) -> None:
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)

    @abstractmethod
    def serve(self, connection: socket.socket) -> None:
        """Answer on one connection until it ends."""

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        served: list[threading.Thread] = []
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                break
            self._connections.append(connection)
            served.append(threading.Thread(target=self.serve, args=(connection,)))
            served[-1].start()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in served:
            thread.join()
        for connection in self._connections:
            connection.close()
