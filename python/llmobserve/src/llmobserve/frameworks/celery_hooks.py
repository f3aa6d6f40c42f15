"""Celery: the context travels in the headers of a task's message, each try of a task is a section.

Signals of Celery 5.7 (https://docs.celeryq.dev/en/stable/userguide/signals.html, November 2026). What the sender has
composed (chains, chords, callbacks) belongs to the sender's section, though a worker enqueues it later; so do retries.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any, cast

from llmobserve.frameworks.hooks import FrameworkHooks
from llmobserve.frameworks.tasks import KEY, OpenTask
from llmobserve.handover import export_context
from llmobserve.process_end import process_ends

__all__ = ["CeleryHooks"]

_OPEN = "_llmobserve_task"
_COMPOSED = ("chain", "chord", "callbacks", "errbacks")
"""What a message says of the tasks that come after it (celery/app/amqp.py, `as_task_v2`)."""


class CeleryHooks(FrameworkHooks):
    """Hooks celery."""

    library = "celery"
    distribution = "celery"

    def hook(self, module: ModuleType) -> None:
        """Connect to the signals."""
        receivers: Mapping[str, Callable[..., None]] = {
            "before_task_publish": self._publish,
            "task_prerun": self._begin,
            "task_failure": self._failed,
            "task_retry": self._retried,
            "task_postrun": self._end,
            "worker_process_shutdown": self._process_ends,
        }
        for name, receiver in receivers.items():
            signal: Any = getattr(module, name, None)
            if signal is not None:
                signal.connect(receiver, weak=False, dispatch_uid=f"{__name__}.{name}")
                self.undo(partial(signal.disconnect, receiver, dispatch_uid=f"{__name__}.{name}"))
            self.note(module, name, None if signal is not None else "not found")

    def _publish(self, *, headers: Any = None, body: Any = None, **_: Any) -> None:
        if not self.is_on or not isinstance(headers, dict):
            return
        with self.guard:
            known = cast("dict[str, Any]", headers)
            data = known.get(KEY) or export_context()
            if not data:
                return
            known[KEY] = data
            last: Any = cast("tuple[Any, ...]", body)[-1] if isinstance(body, tuple) and body else None
            if isinstance(last, dict):
                later = cast("dict[str, Any]", last)
                later.update({key: _with_context(later[key], data) for key in _COMPOSED if later.get(key)})

    def _begin(self, *, task: Any = None, task_id: Any = None, **_: Any) -> None:
        if self.is_on:
            with self.guard:
                request = task.request
                headers: dict[str, Any] = request.headers or {}
                delivery: dict[str, Any] = request.delivery_info or {}
                request.__dict__[_OPEN] = OpenTask(
                    task.name,
                    headers.get(KEY),
                    task_id=task_id,
                    attempt=request.retries,
                    queue=delivery.get("routing_key"),
                )

    def _failed(self, *, sender: Any = None, exception: Any = None, **_: Any) -> None:
        self._note_error(sender, exception)

    def _retried(self, *, sender: Any = None, reason: Any = None, **_: Any) -> None:
        self._note_error(sender, getattr(reason, "exc", None) or reason)

    def _note_error(self, task: Any, error: Any) -> None:
        with self.guard:
            found: OpenTask | None = task.request.__dict__.get(_OPEN)
            if found is not None and isinstance(error, BaseException):
                found.error = error

    def _end(self, *, task: Any = None, state: Any = None, **_: Any) -> None:
        with self.guard:
            found: OpenTask | None = task.request.__dict__.pop(_OPEN, None)
            if found is not None:
                # Without a state it was no result that ended it: the worker stops, or an eager task raises.
                found.end(sys.exc_info()[1] if state is None else None)

    def _process_ends(self, **_: Any) -> None:
        # A pool worker ends with os._exit a second later, whatever its threads do (billiard/pool.py, 4.3).
        with self.guard:
            process_ends()


def _with_context(composed: Any, data: Any) -> Any:
    """Signatures of tasks, copied, with a context in the headers that they will be sent with."""
    if isinstance(composed, (list, tuple)):
        return [_with_context(one, data) for one in cast("list[Any]", composed)]
    if not isinstance(composed, dict) or "task" not in composed:
        return cast("Any", composed)
    signature = cast("dict[str, Any]", composed)
    options: dict[str, Any] = dict(signature.get("options") or {})
    headers: dict[str, Any] = options.get("headers") or {}
    if KEY not in headers:
        options["headers"] = {**headers, KEY: data}
    # A plain dictionary is what the message has of it anyway.
    return {**signature, "options": options}
