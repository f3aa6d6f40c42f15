"""Two HTTP servers on loopback, one that speaks OpenAI's API and one Anthropic's, with one ledger."""

import json
import re
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal, cast

from llmobserve.demo_provider import anthropic_answers, openai_answers
from llmobserve.demo_provider.answer import Answer, Memory
from llmobserve.demo_provider.decision import mapping
from llmobserve.demo_provider.ledger import Entry, Ledger

__all__ = ["DemoProvider"]

Operation = Callable[[Mapping[str, Any], Memory], Answer]

_OPENAI: dict[str, Operation] = {
    "/v1/chat/completions": openai_answers.chat,
    "/v1/responses": openai_answers.responses,
    "/v1/embeddings": openai_answers.embeddings,
}
_ANTHROPIC: dict[str, Operation] = {"/v1/messages": anthropic_answers.messages}
_REFUSED = re.compile(r"error-([45]\d\d)")
"""A model of this name is answered with that HTTP status."""


class DemoProvider:
    """Answers on 127.0.0.1 while the `with` block runs. Port 0: any free one."""

    def __init__(self, *, openai_port: int = 0, anthropic_port: int = 0, text: str = "Hello there") -> None:
        """`text` is what every answer says that calls no tool and was not asked for JSON."""
        self._ledger = Ledger()
        memory = Memory(text)
        self._servers = [
            _Server(openai_port, "openai", _OPENAI, memory, self._ledger),
            _Server(anthropic_port, "anthropic", _ANTHROPIC, memory, self._ledger),
        ]

    def __enter__(self) -> "DemoProvider":
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), name="demo-provider", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def openai_url(self) -> str:
        """Base URL for a client of OpenAI's API; ends in `/v1`."""
        return f"http://{self._servers[0].netloc}/v1"

    @property
    def anthropic_url(self) -> str:
        """Base URL for a client of Anthropic's API."""
        return f"http://{self._servers[1].netloc}"

    def environment(self) -> dict[str, str]:
        """Environment variables under which unchanged clients ask here, and llmobserve knows whose answers they are."""
        return {
            "OPENAI_BASE_URL": self.openai_url,
            "OPENAI_API_KEY": "demo",
            "ANTHROPIC_BASE_URL": self.anthropic_url,
            "ANTHROPIC_API_KEY": "demo",
            "LLMOBSERVE_HOSTS": ",".join(f"{server.netloc}={server.provider}" for server in self._servers),
        }

    @property
    def ledger(self) -> list[Entry]:
        """What was answered so far, in order."""
        return self._ledger.entries


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        provider: Literal["openai", "anthropic"],
        operations: Mapping[str, Operation],
        memory: Memory,
        ledger: Ledger,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.provider: Literal["openai", "anthropic"] = provider
        self.operations = operations
        self.memory = memory
        self.ledger = ledger

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no error; all else is printed, as by the base class."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm: ClassVar[bool] = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] (the class of the server it is made by)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] == "/v1/models":
            self._send(200, openai_answers.models())
        else:
            self._refuse(404, f"no such path: {self.path}")

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        operation = self.server.operations.get(self.path.partition("?")[0])
        if operation is None:
            self._refuse(404, f"no such path: {self.path}; there are {', '.join(self.server.operations)}")
            return
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if not isinstance(body, dict) or not isinstance(cast("dict[str, Any]", body).get("model"), str):
            self._refuse(400, "the body is no JSON object with a model")
            return
        self._answer(operation, cast("dict[str, Any]", body))

    def _answer(self, operation: Operation, body: dict[str, Any]) -> None:
        answer = operation(body, self.server.memory)
        refused = _REFUSED.fullmatch(body["model"])
        status = int(refused[1]) if refused else 200
        entry = Entry(
            provider=self.server.provider,
            operation=answer.operation,
            model=body["model"],
            stream=answer.events is not None,
            tool=None if refused else answer.tool,
            usage={} if refused else answer.usage,
            status=status,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        self.server.ledger.add(entry)
        if refused:
            self._refuse(status, "refused, as the name of the model asks")
        elif answer.events is None:
            self._send(200, json.dumps(answer.body).encode())
        else:
            self._stream(answer)

    def _refuse(self, status: int, message: str) -> None:
        error = {"type": "invalid_request_error", "message": message}
        self._send(status, json.dumps({"type": "error", "error": error}).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, answer: Answer) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in answer.events or ():
            data = event if isinstance(event, str) else json.dumps(event)
            name = f"event: {mapping(event)['type']}\n" if answer.named else ""
            part = f"{name}data: {data}\n\n".encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")
