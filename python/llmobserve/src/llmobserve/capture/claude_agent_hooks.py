"""Hooks for the Claude Agent SDK, whose program calls the models in a process of its own and tells of it in results."""

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from types import ModuleType
from typing import Any, cast
from weakref import WeakKeyDictionary

from llmobserve.capture.patching import PatchHealth, positional_names
from llmobserve.capture.told_calls import answered, begin, started_before
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.context import changed, current
from llmobserve.guard import guarded
from llmobserve.providers.claude_agent import AGENT_PATH
from llmobserve.providers.quantities import as_mapping

__all__ = ["ClaudeAgentHooks"]

_LIBRARY = "claude_agent_sdk"
_HOST = "api.anthropic.com"
_OBSERVE = guarded("capture.observe")
_MOST_MESSAGES = 10_000
_LONGEST_MS = 7 * 86_400_000


class _Told:
    """What one process of the program has told so far."""

    __slots__ = ("messages", "result")

    def __init__(self) -> None:
        self.result: dict[str, Any] | None = None
        """The last one: results have running totals."""
        self.messages: dict[str, dict[str, Any]] = {}
        """Model and usage of the messages since, by id."""


class ClaudeAgentHooks(TransportHooks):
    """Hooks `claude_agent_sdk._internal.query`, through which `query()` and `ClaudeSDKClient` get their messages."""

    def __init__(self) -> None:
        super().__init__()
        self._told: WeakKeyDictionary[Any, _Told] = WeakKeyDictionary()

    def hook(self, module: ModuleType) -> None:
        """Hook the stream of messages and its end."""
        owner: Any = getattr(module, "Query", None)
        for name, wrap in (("receive_messages", self._receive), ("close", self._close)):
            function = getattr(owner, "__dict__", {}).get(name)
            known = callable(function) and positional_names(function) in (None, ("self",))
            if known:
                self.replace(cast("type", owner), name, wrap)
            self.report(
                module.__name__,
                PatchHealth(
                    library=_LIBRARY,
                    version=None,
                    target=f"Query.{name}",
                    state="active" if known else "missing",
                    detail=None if known else f"{name} is not as expected",
                ),
            )

    def _receive(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def receive_messages(query: Any, /) -> AsyncIterator[Any]:
            messages = original(query)
            try:
                async for message in messages:
                    with _OBSERVE:
                        self._take(query, message)
                    yield message
            finally:
                await messages.aclose()

        return receive_messages

    def _close(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def close(query: Any, /) -> Any:
            with _OBSERVE:
                self._end(query)
            return await original(query)

        return close

    def _take(self, query: Any, message: Any) -> None:
        fields = as_mapping(message)
        kind = fields.get("type")
        if self.engine is None or kind not in ("assistant", "result"):
            return
        told = self._told.setdefault(query, _Told())
        if kind == "assistant":
            said = as_mapping(fields.get("message"))
            if said.get("usage") is not None and len(told.messages) < _MOST_MESSAGES:
                # Messages of several parts come several times, with the same id and usage.
                told.messages[str(said.get("id"))] = {"model": said.get("model"), "usage": said["usage"]}
            return
        result = dict(fields)
        self._record(told, result)
        told.result = {name: result.get(name) for name in ("modelUsage", "total_cost_usd")}
        told.messages.clear()

    def _record(self, told: _Told, result: dict[str, Any]) -> None:
        models = [message["model"] for message in told.messages.values()]
        asked = {"before": told.result, "model": models[-1] if models else None}
        session = result.get("session_id")
        known = current().facts.session_id is not None or not isinstance(session, str)
        with nullcontext() if known else changed(session_id=session):
            exchange = begin(self.engine, AGENT_PATH, lambda: asked, library=_LIBRARY, host=_HOST, provider="anthropic")
        if exchange is None:
            return
        duration_ms = result.get("duration_ms")
        if isinstance(duration_ms, (int, float)) and 0 <= duration_ms < _LONGEST_MS:
            started_before(exchange, duration_ms)
        status = result.get("api_error_status") if result.get("is_error") is True else None
        answered(exchange, result, http_status=status if type(status) is int and status >= 400 else None)

    def _end(self, query: Any) -> None:
        """Record a turn whose result nobody waited for, by its messages."""
        told = self._told.pop(query, None)
        if told is None or not told.messages or self.engine is None:
            return
        exchange = begin(self.engine, AGENT_PATH, dict[str, Any], library=_LIBRARY, host=_HOST, provider="anthropic")
        if exchange is not None:
            answered(exchange, {"messages": list(told.messages.values())}, cut=True)
