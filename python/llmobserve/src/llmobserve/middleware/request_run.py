"""A request as a run: named by its route, continued from its caller, ended with its status.

A run without any call or section in it is not recorded: health checks and static files cost nothing on the wire.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llmobserve.context import OpenSpan, Snapshot, end, here, outer_span, put, trace_id_of
from llmobserve.guard import guarded
from llmobserve.middleware.options import Options
from llmobserve.propagation import read

__all__ = ["RequestRun", "begin", "relabel"]

_BEGIN, _HEADERS, _END = guarded("middleware.begin"), guarded("middleware.headers"), guarded("middleware.end")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"})
_OTHER_METHOD = "HTTP"
"""Name of all other methods: anybody may send any, and each would be another run name."""
_SERVER_ERROR = 500


class RequestRun:
    """The run of a request that is being handled. It is the current context from `begin` on."""

    __slots__ = ("_attributes", "_before", "_span", "status")

    def __init__(self, span: OpenSpan, before: Snapshot, attributes: dict[str, Any]) -> None:
        self._span = span
        self._before = before
        self._attributes = attributes
        self.status: int | None = None
        """HTTP status of the answer, once it is known."""

    def step_out(self) -> Snapshot:
        """Put the context before the request back; gives the one inside, to be put for what the response does later."""
        return put(self._before)

    def settle(self) -> None:
        """Take the name now: what tells it will be gone when it is asked for."""
        self._span.settle()

    def end(self, error: BaseException | tuple[str, str] | None, inside: Snapshot | None = None) -> None:
        """End the run, with the exception that ended the request or its type and message.

        `inside` is the run's context where it is not the current one any more.
        """
        span = self._span
        now = here() if inside is None else inside
        facts = now.facts if now.span is span else span.facts
        told = error
        with _END:
            status = self.status
            if status is not None:
                self._attributes["http.response.status_code"] = status
                if error is None and status >= _SERVER_ERROR:
                    told = (f"http_{status}", "")
            if span.announced or not span.quiet:
                span.settle()
                span.naming = None  # what the framework has of the request is not kept longer than that
        if inside is None:
            put(self._before)
        end(span, facts, told)


def begin(
    options: Options,
    request: Any,
    *,
    method: str,
    caller: list[tuple[str | bytes, str | bytes]],
    route: Callable[[], str | None],
    labels: dict[str, str],
) -> RequestRun | None:
    """Begin the run of a request; `None` when that fails, and the request is handled without one.

    `caller` are the headers `traceparent` and `baggage`, those that are there. `route` tells the template of the route,
    `None` while it is not found; `labels` whom the request is for.
    """
    with _BEGIN:
        before = here()
        link: tuple[str, str] | None = None
        said = labels
        if caller:
            with _HEADERS:
                link, baggage = read(caller)
                said = {**options.believed(request, baggage), **labels}
        facts = before.facts
        run_id = said.get("run_id")
        if said or facts.run_id is not None:
            facts = replace(facts, **{"run_id": None, "run_name": None, **said})
        shown = method if method in _METHODS else _OTHER_METHOD
        attributes: dict[str, Any] = {"http.request.method": shown}
        # In a run of the caller it is a part of that run.
        span = OpenSpan("run" if run_id is None else "workflow", shown, None, facts, attributes)
        span.quiet = True
        span.naming = _naming(options, request, route, shown, attributes)
        if before.span is not None and link is None:
            before.span.quiet = False
            link = trace_id_of(before.span.root), before.span.span_id
        span.link = outer_span() or link or before.link
        put(Snapshot(span, facts))
        return RequestRun(span, before, attributes)
    return None


def relabel(labels: dict[str, str]) -> None:
    """Whom the request of the current context is for, where that is known only after its beginning."""
    now = here()
    facts = replace(now.facts, **labels)
    put(now._replace(facts=facts))
    if now.span is not None:
        now.span.root.end_facts = facts


def _naming(
    options: Options, request: Any, route: Callable[[], str | None], method: str, attributes: dict[str, Any]
) -> Callable[[], str | None]:
    def name() -> str | None:
        template = options.route(request) or route()
        if template is None:
            return None
        attributes["http.route"] = template
        return f"{method} {template}"

    return name
