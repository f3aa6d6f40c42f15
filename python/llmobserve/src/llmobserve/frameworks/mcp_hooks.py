"""Hooks the Model Context Protocol: tool calls of clients, and of servers that run in the application.

A client says its trace in `_meta` (`traceparent`, https://modelcontextprotocol.io/seps/414-request-meta, read in
November 2026): ids that mean nothing to others. Run and customer are for servers of your own; they go along where the
application passes `meta=llmobserve.trace_headers()`. A server takes them over from the program that has started it
(stdio); from a client over HTTP only the trace, since anybody may send the rest. Read in mcp 2.3.
"""

import functools
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from inspect import signature
from types import ModuleType
from typing import Any, cast

from llmobserve.context import OpenSpan, Snapshot, attached, enter, here, leave, linked
from llmobserve.frameworks.hooks import FrameworkHooks
from llmobserve.guard import text_of
from llmobserve.handover import imported
from llmobserve.propagation import read, trace_headers

__all__ = ["McpHooks"]

_TRACE, _BAGGAGE = "traceparent", "baggage"
_OWN_TRACE = "llmobserve/traceparent"
"""For servers of one's own. Where OpenTelemetry is at work, mcp puts its span into `traceparent`."""
_TOOL_CALL = "tools/call"


class McpHooks(FrameworkHooks):
    """Hooks mcp."""

    library = "mcp"
    distribution = "mcp"

    def hook(self, module: ModuleType) -> None:
        """Hook what a client sends, or what a server handles."""
        if module.__name__ == "mcp.client.session":
            self.hook_method(module, "ClientSession.call_tool", self._around_call, parameters=("self", "name"))
        else:
            target = "ServerRunner._compose_server_middleware"
            self.hook_method(module, target, self._around_chain, parameters=("self", "inner"))

    def _around_call(self, original: Callable[..., Any]) -> Callable[..., Any]:
        takes_meta = "meta" in signature(original).parameters

        @functools.wraps(original)
        async def call_tool(session: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
            entered: tuple[OpenSpan, Snapshot] | None = None
            if self.is_on:
                with self.guard:
                    outside = trace_headers()
                    entered = enter("mcp", text_of(name), _server_of(session))
                    if takes_meta:
                        kwargs["meta"] = _with_trace(kwargs.get("meta"), outside)
            if entered is None:
                return await original(session, name, *args, **kwargs)
            return await self._ended(entered, original(session, name, *args, **kwargs))

        return call_tool

    def _around_chain(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Makes the chain of middleware that every request to a server goes through."""

        @functools.wraps(original)
        def compose(runner: Any, inner: Any) -> Any:
            chain = original(runner, inner)

            async def handle(request: Any) -> Any:
                if not self.is_on or getattr(request, "method", None) != _TOOL_CALL:
                    return await chain(request)
                with self._sent_context(request):
                    entered: tuple[OpenSpan, Snapshot] | None = None
                    with self.guard:
                        tool = text_of(_fields(request.params or {}).get("name"))
                        entered = enter("mcp", tool, {"mcp.side": "server"})
                    if entered is None:
                        return await chain(request)
                    return await self._ended(entered, chain(request))

            return handle

        return compose

    async def _ended(self, entered: tuple[OpenSpan, Snapshot], work: Any) -> Any:
        try:
            result = await work
        except BaseException as error:
            leave(*entered, self.failure(error))
            raise
        said: tuple[str, str] | None = None
        with self.guard:
            said = _error_in(result)
        leave(*entered, said)
        return result

    @contextmanager
    def _sent_context(self, request: Any) -> Generator[None]:
        """The context that the client has sent, where this code is in none of its own."""
        snapshot: Snapshot | None = None
        link: tuple[str, str] | None = None
        with self.guard:
            if here().span is None and isinstance(request.meta, Mapping):
                sent = cast("Mapping[str, Any]", request.meta)
                said = {key: sent[key] for key in (_TRACE, _BAGGAGE) if isinstance(sent.get(key), str)}
                # Over HTTP there is a request; else the client is the program that started this one, or is in it.
                if request.request is None:
                    snapshot = imported(said | {_TRACE: sent[_OWN_TRACE]} if _OWN_TRACE in sent else said)
                else:
                    link = read(said)[0]
        if snapshot is not None:
            with attached(snapshot):
                yield
        elif link is not None:
            with linked(link):
                yield
        else:
            yield


def _server_of(session: Any) -> Mapping[str, Any] | None:
    name = getattr(getattr(session, "server_info", None), "name", None)
    return {"mcp.server": text_of(name)} if name else None


def _with_trace(meta: Any, outside: Mapping[str, str]) -> Any:
    """The `_meta` of a request with the trace in this section. Another one that the application says there stays.

    `outside`: the trace around the section, which the application may have passed.
    """
    given: dict[str, Any] = dict(meta or {})
    if given.get(_TRACE) in (None, outside.get(_TRACE)):
        given[_TRACE] = trace_headers()[_TRACE]
        if _BAGGAGE in given and given[_BAGGAGE] == outside.get(_BAGGAGE):
            given[_OWN_TRACE] = given[_TRACE]
    return given


def _error_in(result: Any) -> tuple[str, str] | None:
    """What a tool says went wrong; `None` where it has a result."""
    said = _fields(result)
    if not (said.get("is_error") or said.get("isError")):
        return None
    parts: list[Any] = list(said.get("content") or ())
    return "ToolError", text_of(_fields(parts[0]).get("text", "") if parts else "")


def _fields(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value if isinstance(value, Mapping) else vars(value))
