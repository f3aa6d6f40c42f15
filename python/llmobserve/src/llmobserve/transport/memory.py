"""Transport that keeps batches in memory: for tests of applications and of ourselves."""

import json
from collections.abc import Callable
from typing import Any

from llmobserve.transport.base import Reply

__all__ = ["MemoryTransport"]


class MemoryTransport:
    """Accepts every batch, or answers what `answer` says."""

    def __init__(self, answer: Callable[[dict[str, Any]], Reply] | None = None) -> None:
        """`answer` gets the decoded batch; with `None` everything is accepted."""
        self.batches: list[dict[str, Any]] = []
        """Decoded batches in the order of arrival, refused ones included."""
        self._answer = answer

    @property
    def events(self) -> list[dict[str, Any]]:
        """All records of all batches."""
        return [event for batch in self.batches for event in batch["events"]]

    def post(self, body: bytes) -> Reply:
        """Take a batch."""
        batch = json.loads(body)
        self.batches.append(batch)
        if self._answer is not None:
            return self._answer(batch)
        return Reply(200, {}, json.dumps({"accepted": len(batch["events"])}).encode())

    def close(self) -> None:
        """Nothing to give up."""
