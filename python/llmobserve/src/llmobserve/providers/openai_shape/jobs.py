"""Work that OpenAI-shaped providers finish later: batches and assistant runs, one event per remote id."""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Reading
from llmobserve.providers.openai_shape.reader import ShapeReader, text_or_none
from llmobserve.providers.quantities import as_mapping
from llmobserve.wire import Usage

__all__ = ["BatchReader", "RunReader"]

_RUN_OVER = frozenset({"completed", "failed", "cancelled", "expired", "incomplete"})
_BATCH_OVER = frozenset({"completed", "failed", "cancelled", "expired"})


class _JobReader(ShapeReader):
    _object: Mapping[str, Any] | None = None
    _over: frozenset[str] = frozenset()

    def take(self, body: Mapping[str, Any]) -> None:
        """Take the job's object."""
        self.take_identity(body)
        self._object = body

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far. A job that still runs is pending; its usage is unknown when its stream was cut."""
        out = self.base_reading()
        if self.failed:
            return out
        state = text_or_none(self._object.get("status")) if self._object is not None else None
        out.remote_id = self.response_id
        out.pending = state not in self._over and not ended_early
        usage = self.stated_usage() or Usage()
        if ended_early and not usage.units:
            usage = Usage(flags=("partial",))
        out.usage = usage
        if self._object is not None and state == "failed" and self._object.get("last_error"):
            error = as_mapping(self._object["last_error"])
            out.error_type = str(error.get("code") or "failed")
            message = error.get("message")
            out.error_message = message if isinstance(message, str) else None
        return out


class RunReader(_JobReader):
    """Reads an assistant run: created, polled, continued or streamed."""

    _over = _RUN_OVER

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event: `thread.run.*` has the run itself, message deltas mark content."""
        if event.get("object") == "thread.message.delta":
            self._has_content = True
        elif event.get("object") == "thread.run":
            self.take(event)


class BatchReader(_JobReader):
    """Reads a batch: its usage is stated once it is over (batches made after 2025-09-07)."""

    _over = _BATCH_OVER

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far, at batch rate."""
        out = super().reading(ended_early=False)
        out.dimensions["batch"] = "true"
        errors = as_mapping(self._object.get("errors")).get("data") if self._object is not None else None
        if isinstance(errors, list) and errors and out.error_type is None:
            error = as_mapping(errors[0])
            out.error_type = str(error.get("code") or "failed")
            out.error_message = str(error.get("message") or "") or None
        return out
