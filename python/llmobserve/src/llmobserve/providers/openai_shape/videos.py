"""Videos in OpenAI's shape: a job that is priced by its seconds once it is finished, one event per remote id."""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Reading
from llmobserve.providers.openai_shape.reader import ShapeReader, text_or_none
from llmobserve.providers.quantities import Counters, as_mapping, as_quantity, usage_of

__all__ = ["VideoReader"]

_OVER = frozenset({"completed", "failed", "cancelled", "expired"})


class VideoReader(ShapeReader):
    """Reads a video job, when it is made and when it is looked at. A failed one costs nothing."""

    _object: Mapping[str, Any] | None = None

    def take(self, body: Mapping[str, Any]) -> None:
        """Take the job's object."""
        self.take_identity(body)
        self._object = body

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far; pending until the job is over."""
        out = self.base_reading()
        if self.want_content:
            out.input = {"prompt": self.asked["prompt"]} if "prompt" in self.asked else None
        if self.failed or self._object is None:
            out.pending = "video" in self.match.groupdict()
            return out
        out.remote_id = self.response_id
        state = text_or_none(self._object.get("status"))
        out.pending = state not in _OVER
        if state != "completed":
            if state in _OVER:
                out.usage = usage_of({"output_seconds": 0}, None)
                error = as_mapping(self._object.get("error"))
                out.error_type = text_or_none(error.get("code")) or str(state)
                out.error_message = text_or_none(error.get("message"))
            return out
        size = text_or_none(self._object.get("size"))
        if size is not None:
            out.dimensions["size"] = size
        counters = Counters()
        seconds = counters.fraction(self._object, "seconds")
        flags = ("malformed",) if counters.malformed else ()
        out.usage = usage_of({} if seconds is None else {"output_seconds": as_quantity(seconds)}, None, flags=flags)
        return out
