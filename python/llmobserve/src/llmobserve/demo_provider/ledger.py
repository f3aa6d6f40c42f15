"""What the demo provider was asked and what it would have charged for."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Entry", "Ledger"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One request that was answered."""

    provider: Literal["openai", "anthropic"]
    operation: str
    """`chat.completions`, `responses`, `embeddings` or `messages`."""
    model: str
    stream: bool
    tool: str | None
    """The tool that the answer calls; `None` for a text or embeddings."""
    usage: Mapping[str, Any]
    """As the answer states it, in the provider's own names; empty where the request was refused."""
    status: int
    headers: Mapping[str, str]
    """Headers of the request, their names in lower case."""
    body: Mapping[str, Any]
    """The request."""


class Ledger:
    """Entries in the order in which they were answered; any thread may add and read."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        """Note one more answer."""
        with self._lock:
            self._entries.append(entry)

    @property
    def entries(self) -> list[Entry]:
        """A copy of what there is."""
        with self._lock:
            return list(self._entries)
