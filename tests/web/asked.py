"""What the tests of the middlewares call with, and look at."""

from dataclasses import dataclass
from typing import Any

import openai
from loopback.server import Loopback

from llmobserve.testing import Captured
from llmobserve.wire import SpanEvent

__all__ = ["Asked"]

PROMPT: Any = [{"role": "user", "content": "Hello"}]


@dataclass(frozen=True)
class Asked:
    """A provider, a client of it, and what is recorded."""

    server: Loopback
    client: openai.OpenAI
    captured: Captured

    def ask(self) -> None:
        """Make a call."""
        self.client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)

    async def ask_async(self) -> None:
        """Make a call with a client of its own."""
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{self.server.url}/v1") as client:
            await client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)

    @property
    def run(self) -> SpanEvent:
        """The only run that was recorded; fails when there are none or several."""
        runs = [span for span in self.captured.spans if span.kind == "run"]
        assert len(runs) == 1, [run.name for run in runs]
        return runs[0]

    @property
    def names(self) -> list[str]:
        """Names of all recorded runs, in the order of their first records."""
        return [span.name for span in self.captured.spans if span.kind == "run"]

    @property
    def records(self) -> list[dict[str, Any]]:
        """All records as they were sent."""
        self.captured.spans  # noqa: B018 (sends what waits)
        return list(self.captured._transport.events)
