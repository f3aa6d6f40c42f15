"""An answer before it is written to the wire, and what the provider remembers between two of them."""

import itertools
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answer", "Memory"]

_CALL_ID = re.compile(r"call_demo_\d+")


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, or the events of a stream."""

    operation: str
    body: Mapping[str, Any] | None = None
    events: list[Any] | None = None
    """Objects, or strings that are sent as they are. `None`: not a stream."""
    named: bool = False
    """Each event of the stream is named by its `type`."""
    usage: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tool: str | None = None


class Memory:
    """Ids, the text of answers, and which tools were called in conversations that only their last id names."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._number = itertools.count(1)
        self._called: dict[str, set[str]] = {}
        self._calls: dict[str, str] = {}
        self._lock = threading.Lock()

    def new_id(self, prefix: str) -> str:
        """An id that no other answer of this server has."""
        return f"{prefix}_demo_{next(self._number)}"

    def new_call(self, tool: str) -> str:
        """An id for a call of that tool."""
        call_id = self.new_id("call")
        with self._lock:
            self._calls[call_id] = tool
        return call_id

    def told_calls(self, text: str) -> set[str]:
        """Tools whose calls a text tells of by their ids: some frameworks put the calls into words."""
        return {self._calls[call_id] for call_id in _CALL_ID.findall(text) if call_id in self._calls}

    def remember(self, response_id: str, called: set[str]) -> None:
        """Note the tools called up to that response."""
        with self._lock:
            self._called[response_id] = called

    def called_before(self, response_id: str) -> set[str]:
        """Tools called up to that response; empty for one that is not known."""
        with self._lock:
            return set(self._called.get(response_id, ()))
