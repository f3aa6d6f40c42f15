"""Work that OpenAI-shaped providers finish later: batches, assistant runs, fine-tuning; and containers for code.

One event per remote id.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Reading
from llmobserve.providers.openai_shape.reader import ShapeReader, text_or_none
from llmobserve.providers.quantities import Counters, as_mapping, usage_of
from llmobserve.wire import Usage

__all__ = ["BatchReader", "ContainerReader", "RunReader", "TuningReader"]

_RUN_OVER = frozenset({"completed", "failed", "cancelled", "expired", "incomplete"})
_BATCH_OVER = frozenset({"completed", "failed", "cancelled", "expired"})
_TUNING_OVER = frozenset({"succeeded", "failed", "cancelled"})


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


class TuningReader(_JobReader):
    """Reads a fine-tuning job, which states its billable tokens when it is over; a failed one that states none is free.

    Reinforcement tuning is billed by the hour, which no answer states.
    """

    _over = _TUNING_OVER

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = super().reading(ended_early=False)
        job = self._object or {}
        counters = Counters()
        trained = counters.whole(job, "trained_tokens")
        if trained is None and job.get("status") == "failed":
            trained = 0
        flags = ("malformed",) if counters.malformed else ()
        out.usage = usage_of({} if trained is None else {"training_tokens": trained}, None, flags=flags)
        error = as_mapping(job.get("error"))
        if job.get("status") == "failed":
            out.error_type = text_or_none(error.get("code")) or "failed"
            out.error_message = text_or_none(error.get("message"))
        method = text_or_none(as_mapping(job.get("method")).get("type"))
        if method is not None:
            out.dimensions["method"] = method
        return out


class ContainerReader(ShapeReader):
    """Reads the making of a container, which is billed then, however many answers use it."""

    _memory: str | None = None

    def take(self, body: Mapping[str, Any]) -> None:
        """Take the container."""
        self.take_identity(body)
        self._memory = text_or_none(body.get("memory_limit"))

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = self.base_reading()
        out.request_model = "container"
        memory = self._memory or text_or_none(self.asked.get("memory_limit"))
        if memory is not None:
            out.dimensions["container_memory"] = memory
        if not self.failed:
            out.remote_id = self.response_id
            out.usage = Usage(units={"code_interpreter_sessions": 1}, source="request")
        return out
