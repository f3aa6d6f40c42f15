"""One operation of a provider through its own client library, and what has to be recorded of it."""

from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from loopback.server import Answer, event_stream, json_answer, sse

__all__ = ["Case", "without"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """How to make the calls, what the loopback provider answers, and what is expected.

    The functions get the library and the URL of the loopback provider; each makes one call and closes its client.
    """

    id: str
    provider: str
    module: str
    """Import name of the client library."""
    operation: str
    ask: Callable[[Any, str], Any] | None = None
    ask_async: Callable[[Any, str], Awaitable[Any]] | None = None
    stream: Callable[[Any, str], Any] | None = None
    stream_async: Callable[[Any, str], Awaitable[Any]] | None = None
    body: Any
    """The answer, with its usage."""
    usage_at: tuple[str, ...] | None = ("usage",)
    """Where the usage is in the body; `None` when it is not there but in headers or in the request."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    usage_header: str | None = None
    units: Mapping[str, int | Decimal]
    """What the usage says, as disjoint units."""
    units_without: Mapping[str, int | Decimal] | None = None
    """What stands in for a missing usage; `None` = nothing exact does."""
    needs_usage: bool = False
    """The library raises when the answer has no usage."""
    waits_for_usage: bool = False
    """Nothing is recorded of an answer without usage: the order of the job has been."""
    events: tuple[Any, ...] = ()
    """Events of a streamed answer; the one with usage is the same as in the body, in the provider's own place."""
    events_without: tuple[Any, ...] = ()
    """The same without usage."""
    framing: Literal["sse", "named", "ndjson"] = "sse"
    done: bool = True
    """The stream ends with `[DONE]`."""
    status: int = 200
    error: Any = field(default_factory=lambda: {"error": {"type": "invalid_request_error", "message": "bad"}})
    """Body of an answer with status 400."""
    message: str | None = "bad"
    """What is recorded of its text."""

    @property
    def states_usage(self) -> bool:
        """False where what is billed is in the request, so that it cannot be missing."""
        return self.usage_at is not None or self.usage_header is not None

    def answer(self, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """The whole answer; `body` replaces the usual one."""
        given = json_answer(self.body if body is None else body, status=self.status)
        more = self.headers if headers is None else headers
        return Answer(status=given.status, headers={**given.headers, **more}, body=given.body)

    def streamed(self, events: tuple[Any, ...]) -> Answer:
        """The streamed answer."""
        if self.framing == "ndjson":
            lines = tuple(chunk[len(b"data: ") : -1] for chunk in sse(*events))
            return Answer(headers={"content-type": "application/x-ndjson"}, chunks=lines)
        end = ("[DONE]",) if self.done else ()
        return event_stream(sse(*events, *end, name_key="type" if self.framing == "named" else None))

    def refused(self) -> Answer:
        """The answer to a bad request."""
        return json_answer(self.error, status=400)


def without(body: Any, path: tuple[str, ...]) -> Any:
    """A copy of `body` without the field at `path`."""
    copy = deepcopy(body)
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return copy
