"""A collector on 127.0.0.1 that answers as told and keeps what it accepted."""

import gzip
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

__all__ = ["Collector"]

Decide = Callable[[int, dict[str, Any]], "tuple[int, dict[str, str], dict[str, Any]] | None"]


class Collector:
    """Accepts every batch unless `decide(number_of_request, batch)` returns another answer."""

    def __init__(self, decide: Decide | None = None, port: int = 0) -> None:
        self.batches: list[dict[str, Any]] = []
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self._decide = decide
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                status, headers, answer = collector.take(
                    self.path, {key.lower(): value for key, value in self.headers.items()}, raw
                )
                body = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def take(self, path: str, headers: dict[str, str], raw: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
        assert headers["content-encoding"] == "gzip"
        batch = json.loads(gzip.decompress(raw))
        number = len(self.requests)
        self.requests.append(({**headers, ":path": path}, batch))
        decided = None if self._decide is None else self._decide(number, batch)
        if decided is None:
            decided = 200, {}, {"accepted": len(batch["events"])}
        if 200 <= decided[0] < 300:
            self.batches.append(batch)
        return decided

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Records of all accepted batches."""
        return [event for batch in self.batches for event in batch["events"] if kind in {None, event["type"]}]

    @property
    def dropped(self) -> dict[str, int]:
        """Losses reported with accepted batches."""
        total: dict[str, int] = {}
        for batch in self.batches:
            for reason, number in batch.get("dropped", {}).items():
                total[reason] = total.get(reason, 0) + number
        return total

    def __enter__(self) -> "Collector":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
