"""A collector in this process, on a free loopback port, with real files: uvicorn as `llmobserve serve` runs it."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from llmobserve.wire import now_us
from llmobserve.wire.ids import new_event_id
from llmobserve_server.app import Databases, build_app
from llmobserve_server.auth.gate import Gate
from llmobserve_server.cli.listen import bind
from llmobserve_server.cli.server import CollectorServer
from llmobserve_server.control.database import ControlDatabase
from llmobserve_server.ingest import Ingestor
from llmobserve_server.settings import ServerSettings


@dataclass
class LiveServer:
    url: str
    port: int
    app: FastAPI
    settings: ServerSettings
    ingestor: Ingestor

    @property
    def gate(self) -> Gate:
        return self.app.state.gate

    @property
    def control(self) -> ControlDatabase:
        return self.app.state.control

    @property
    def cookie_name(self) -> str:
        return f"llmobserve_{self.port}"

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=20, **options)

    def sign_in_token(self) -> str:
        return self.gate.new_sign_in_url().partition("token=")[2]

    @contextmanager
    def browser(self) -> Generator[httpx.Client]:
        """Signed in, and with the headers that a browser sends from our own page."""
        with self.client() as client:
            answer = client.get("/sign-in", params={"token": self.sign_in_token()})
            assert answer.status_code == 303, answer.text
            client.headers.update({"Origin": self.url, "Sec-Fetch-Site": "same-origin"})
            yield client

    @contextmanager
    def api(self, **params: str) -> Generator[httpx.Client]:
        """Signed in, below /api/v1; `params` go with every request."""
        with self.browser() as client:
            client.base_url = f"{self.url}/api/v1/"
            client.params = params
            yield client

    def send(self, *bodies: dict[str, Any]) -> None:
        """Post batches, of which every record must be taken."""
        with self.client() as sender:
            for body in bodies:
                answer = sender.post("/v1/events", json=body)
                assert answer.json()["accepted"] == len(body["events"]), answer.text

    def new_key(self, scope: str, project_id: str = "default") -> str:
        with self.browser() as browser:
            answer = browser.post(
                "/api/v1/keys", json={"name": f"{scope} key", "scope": scope, "project_id": project_id}
            )
        assert answer.status_code == 201, answer.text
        return answer.json()["secret"]


def get(api: httpx.Client, path: str, **params: Any) -> Any:
    """The answer to a question that is in order."""
    answer = api.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


@contextmanager
def running(data_dir: Path, **settings: Any) -> Generator[LiveServer]:
    """A collector until the end of the block; it listens on loopback whatever `host` in the settings says."""
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    chosen = replace(ServerSettings(data_dir=data_dir, disk_reserve_mb=0, db_threads=1, db_memory_mb=256), port=port)
    chosen = replace(chosen, **settings)
    app = build_app(chosen, Databases(chosen))
    server = CollectorServer(app)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        assert server.started
        yield LiveServer(f"http://127.0.0.1:{port}", port, app, chosen, app.state.ingestor)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def batch(count: int = 1, **call: Any) -> dict[str, Any]:
    """A batch of new calls, as an SDK sends it."""
    return {
        "version": 1,
        "batch_id": new_event_id(),
        "sent_at_us": now_us(),
        "source": {"process_id": "0123456789abcdef"},
        "events": [
            {
                "type": "call",
                "event_id": new_event_id(),
                "kind": "llm",
                "provider": "openai",
                "operation": "chat.completions",
                "request_model": "gpt-5",
                "start_time_us": now_us(),
                "duration_ms": 12.5,
                "usage": {"units": {"input_text_tokens": 10, "output_text_tokens": 5}, "source": "response"},
            }
            | call
            for _ in range(count)
        ],
    }
