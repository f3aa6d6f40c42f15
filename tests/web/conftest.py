"""A provider on loopback with everything that is recorded of its calls."""

from collections.abc import Iterator

import openai
import pytest
from loopback.openai_bodies import chat_completion
from loopback.server import Loopback, json_answer

from llmobserve import testing
from web.asked import Asked


@pytest.fixture
def asked() -> Iterator[Asked]:
    """A client to call with, and what is recorded of that."""
    with (
        Loopback(json_answer(chat_completion())) as server,
        openai.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client,
        testing.captured(hosts={server.netloc: "openai"}, service="web") as captured,
    ):
        yield Asked(server, client, captured)
