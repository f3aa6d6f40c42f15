"""What the hooks of task queues share: the context that travels with a task, and the section that each try of it is.

A task is a step with its name, below the section that has enqueued it. The number of the try is an attribute: every try
is a section of its own beside the first one.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve.context import enter, here, leave, put
from llmobserve.handover import imported

__all__ = ["KEY", "OpenTask"]

KEY = "llmobserve"
"""Under this name the context is in the headers or options of a message."""


class OpenTask:
    """A task at work in this thread, from its making to `end`; what it sets is gone afterwards."""

    __slots__ = ("_around", "_before", "_span", "error")

    def __init__(self, name: str, data: object, *, task_id: object, attempt: object, queue: object) -> None:
        """`data`: the context that came with it. `attempt`: 0 for the first try."""
        self._around = here()
        snapshot = imported(data)
        if snapshot is not None:
            put(snapshot)
        attributes: Mapping[str, Any] = {"task.id": task_id, "task.attempt": attempt, "task.queue": queue}
        known = {key: value for key, value in attributes.items() if value is not None}
        self._span, self._before = enter("step", name, known)
        self.error: BaseException | None = None
        """Why it failed, where that is told before its end."""

    def end(self, error: BaseException | None = None) -> None:
        """The task is over."""
        leave(self._span, self._before, error or self.error)
        put(self._around)
        self.error = None
