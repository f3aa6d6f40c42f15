"""Hooks the OpenAI Agents SDK: its traces and spans begin and end sections.

Sections are traces (workflows; one that has only the name of its kind, `Agent workflow`, where nothing else encloses
it), agents, function tools, handoffs, guardrails and the application's custom spans. Turns and tasks are no sections,
and generations and responses are calls.

The classes are hooked rather than a trace processor added: `set_trace_processors` would take that away, and where
tracing is switched off no processor is told anything. Read in openai-agents 0.24.
"""

import functools
import sys
from collections.abc import Callable, Hashable, Mapping
from types import ModuleType
from typing import Any, cast

from llmobserve.context import here
from llmobserve.frameworks.hooks import FrameworkHooks, Named
from llmobserve.guard import text_of

__all__ = ["OpenaiAgentsHooks"]

_USUAL_NAME = "Agent workflow"
_MASK = "Agent run"
"""A span that hides those of the caller where a run is not to be traced."""
_SWITCHED_OFF = "no-op"
"""Id of what is not traced."""


class OpenaiAgentsHooks(FrameworkHooks):
    """Hooks agents."""

    library = "agents"
    distribution = "openai-agents"

    def __init__(self) -> None:
        super().__init__()
        self._errors: dict[Hashable, Any] = {}
        """What was said to be wrong with spans that are not traced, which do not keep it."""
        self._handled: dict[Hashable, int] = {}
        """The exception that was being handled where work began, which is not its own."""

    def hook(self, module: ModuleType) -> None:
        """Hook begin and end of traces, or of spans."""
        if module.__name__ == "agents.tracing.traces":
            for owner in ("TraceImpl", "ReattachedTrace", "NoOpTrace"):
                self.hook_method(module, f"{owner}.start", self._around(self._trace_started))
                self.hook_method(module, f"{owner}.finish", self._around(self._ended))
        else:
            for owner in ("SpanImpl", "NoOpSpan"):
                self.hook_method(module, f"{owner}.start", self._around(self._span_started))
                self.hook_method(module, f"{owner}.finish", self._around(self._ended))
            self.hook_method(module, "NoOpSpan.set_error", self._around(self._failed))

    def _around(self, tell: Callable[..., None]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Makes a wrapper that tells of the call before it is made."""

        def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def call(work: Any, *args: Any, **kwargs: Any) -> Any:
                if self.is_on:
                    with self.guard:
                        tell(work, *args, **kwargs)
                return original(work, *args, **kwargs)

            return call

        return wrap

    def _trace_started(self, trace: Any, *_: Any, **__: Any) -> None:
        key, name = _key_of(trace.trace_id, trace), text_of(trace.name)
        if self.sections.inside(key) is not None:
            return  # started twice
        if name == _SWITCHED_OFF:
            name = _USUAL_NAME
        self._remember(key)
        if name == _USUAL_NAME and here().span is not None:
            self.sections.skip(key)
        else:
            self.sections.begin(key, "workflow", name)

    def _span_started(self, span: Any, *_: Any, **__: Any) -> None:
        key = _key_of(span.span_id, span)
        if self.sections.inside(key) is not None:
            return
        named = _section_of(span.span_data)
        parent = span.parent_id or (None if span.trace_id == _SWITCHED_OFF else span.trace_id)
        self._remember(key)
        if named is None:
            self.sections.skip(key, parent=parent)
        else:
            self.sections.begin(key, named.kind, named.name, parent=parent)

    def _failed(self, span: Any, error: Any) -> None:
        if self.sections.inside(span) is not None:
            self._errors[span] = error

    def _remember(self, key: Hashable) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            self._handled[key] = id(error)

    def _ended(self, work: Any, *_: Any, **__: Any) -> None:
        data = getattr(work, "span_data", None)
        key = _key_of(work.trace_id if data is None else work.span_id, work)
        said = self._errors.pop(key, None) or getattr(work, "error", None)
        handled = self._handled.pop(key, None)
        error: BaseException | tuple[str, str] | None = sys.exc_info()[1]
        if error is not None and id(error) == handled:
            error = None
        if error is None and isinstance(said, Mapping):
            error = ("SpanError", text_of(cast("Mapping[str, Any]", said).get("message")))
        self.sections.end(key, error, name=_final_name(data))


def _key_of(own_id: str, work: Any) -> Hashable:
    return work if own_id == _SWITCHED_OFF else own_id


def _section_of(data: Any) -> Named | None:
    """The section that a span is, by what it says of itself."""
    kind = data.type
    if kind == "agent":
        return Named("agent", text_of(data.name))
    if kind == "function":
        return Named("tool", text_of(data.name))
    if kind == "guardrail":
        return Named("guardrail", text_of(data.name))
    if kind == "handoff":
        return Named("step", _final_name(data) or "handoff")
    if kind == "custom" and data.name != _MASK:
        return Named("step", text_of(data.name))
    return None


def _final_name(data: Any) -> str | None:
    """The name that is known at the end only; `None` where it stays."""
    if getattr(data, "type", None) == "handoff" and data.to_agent:
        return f"handoff to {text_of(data.to_agent)}"
    return None
