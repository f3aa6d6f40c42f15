"""A provider on this machine, a PostgreSQL server of the tests' own, and a clean end of every observation."""

from collections.abc import Generator, Iterator

import httpx2
import pytest
from loopback.openai_bodies import chat_completion
from loopback.postgresql import Postgresql, running_postgresql
from loopback.server import Answer, Loopback, Received, json_answer

import llmobserve


class Provider:
    """Answers chats with 56 fresh and 64 cached tokens of input and 30 of output."""

    def __init__(self, server: Loopback) -> None:
        self._server = server
        self.url = server.url
        self.hosts = f"{server.netloc}=openai"

    def ask(self, text: str = "hello", model: str = "gpt-4o-mini") -> str:
        """The id of the answer."""
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        with httpx2.Client() as client:
            return client.post(f"{self.url}/v1/chat/completions", json=body).json()["id"]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    numbers = iter(range(1_000_000))

    def answer(request: Received) -> Answer:
        return json_answer(chat_completion(id=f"chatcmpl-{next(numbers)}", model=request.json["model"]))

    with Loopback(answer) as server:
        found = Provider(server)
        monkeypatch.setenv("LLMOBSERVE_HOSTS", found.hosts)
        yield found


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    llmobserve.shutdown(0)


@pytest.fixture(scope="session")
def postgresql() -> Generator[Postgresql]:
    with running_postgresql() as server:
        yield server
