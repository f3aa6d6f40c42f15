"""Dramatiq: the context travels in the options of a message, each try of an actor is a section.

Hooked are the two methods by which a broker calls its middleware (dramatiq/broker.py, 2.2): so brokers that were made
before `observe()` are covered too. Messages further down a pipeline belong to the section that has enqueued its first.
"""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from llmobserve.frameworks.hooks import FrameworkHooks
from llmobserve.frameworks.tasks import KEY, OpenTask
from llmobserve.handover import export_context

__all__ = ["DramatiqHooks"]

_OPEN = "_llmobserve_task"
_OWN = "_llmobserve_own_options"
_PIPE = "pipe_target"
_LONGEST_PIPELINE = 100


class DramatiqHooks(FrameworkHooks):
    """Hooks dramatiq."""

    library = "dramatiq"
    distribution = "dramatiq"

    def hook(self, module: ModuleType) -> None:
        """Hook what is called around each step in the life of a message."""
        parameters = ("self", "signal")
        self.hook_method(module, "Broker.emit_before", self._around_before, parameters=parameters)
        self.hook_method(module, "Broker.emit_after", self._around_after, parameters=parameters)

    def _around_before(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def emit_before(broker: Any, signal: Any, *args: Any, **kwargs: Any) -> Any:
            if self.is_on and args:
                with self.guard:
                    if signal == "enqueue":
                        _take_back(args[0])
                        _add_context(args[0])
                    elif signal == "process_message":
                        self._begin(args[0])
            return original(broker, signal, *args, **kwargs)

        return emit_before

    def _around_after(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def emit_after(broker: Any, signal: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return original(broker, signal, *args, **kwargs)
            finally:
                if signal == "enqueue" and args:
                    with self.guard:
                        _take_back(args[0])
                if signal in {"process_message", "skip_message"} and args:
                    with self.guard:
                        task: OpenTask | None = args[0].__dict__.pop(_OPEN, None)
                        if task is not None:
                            task.end(kwargs.get("exception"))

        return emit_after

    def _begin(self, message: Any) -> None:
        options = message.options
        # In the proxy of this delivery, not in the message.
        message.__dict__[_OPEN] = OpenTask(
            message.actor_name,
            options.get(KEY),
            task_id=message.message_id,
            attempt=options.get("retries", 0),
            queue=message.queue_name,
        )


def _add_context(message: Any) -> None:
    """Retries, and messages that come out of their delay, have it already."""
    options: dict[str, Any] = message.options
    data = options.get(KEY) or export_context()
    if not data:
        return
    own = {key: value for key, value in options.items() if key in {KEY, _PIPE}}
    options[KEY] = data
    if isinstance(options.get(_PIPE), dict):
        options[_PIPE] = _with_context(options[_PIPE], data, _LONGEST_PIPELINE)
    message.__dict__[_OWN] = own


def _take_back(message: Any) -> None:
    """The application may enqueue the same message again, for another customer."""
    own: dict[str, Any] | None = message.__dict__.pop(_OWN, None)
    if own is not None:
        message.options.pop(KEY, None)
        message.options.update(own)


def _with_context(message: dict[str, Any], data: Any, most: int) -> dict[str, Any]:
    """The rest of a pipeline, copied: each message is in the options of the one before."""
    options: dict[str, Any] = {KEY: data, **(message.get("options") or {})}
    if most and isinstance(options.get(_PIPE), dict):
        options[_PIPE] = _with_context(options[_PIPE], data, most - 1)
    return {**message, "options": options}
