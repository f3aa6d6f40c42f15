"""Hugging Face: the router in OpenAI's shape, its task endpoints, and dedicated endpoints in the shape of TGI.

https://huggingface.co/docs/inference-providers and text-generation-inference, read 2026-11-21. A task states no usage;
a dedicated endpoint is billed by the hour.
"""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.openai_shape import shape_endpoints
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.quantities import Counters, as_mapping, usage_of
from llmobserve.wire import Quantity, Usage

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"
_TASK = r"/(?:[^/]+/)?models/(?P<model>[^/]+/[^/]+|[^/]+)(?:/pipeline/[^/]+)?"


class _Generation(OwnReader):
    """Generated text with details, whole or streamed: tokens of the answer, and those of the prompt where listed."""

    input_keys = ("inputs",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._details: list[Mapping[str, Any]] = []
        self._text: str | None = None
        self._answered = False

    def take(self, body: Any) -> None:
        """Take the answer, a list or one object."""
        self._answered = True
        for item in cast("list[Any]", body) if isinstance(body, list) else [body]:
            fields = as_mapping(item)
            self._text = text_of(fields.get("generated_text")) or self._text
            details = as_mapping(fields.get("details"))
            if details:
                self._details.append(details)
                others = details.get("best_of_sequences")
                listed = cast("list[Any]", others) if isinstance(others, list) else []
                self._details += [as_mapping(other) for other in listed]

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one token; the last one has the details."""
        if event.get("token"):
            self._has_content = True
        if event.get("generated_text") is not None:
            self._terminal = True
            self.take(event)

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The tokens that the details count; a task without any counts as one request."""
        if self.want_content:
            out.output = self._text
        counters = Counters()
        units: dict[str, Quantity] = {}
        written = [counters.whole(details, "generated_tokens") for details in self._details]
        if any(count is not None for count in written):
            units["output_text_tokens"] = sum(count or 0 for count in written)
        prefill = self._details[0].get("prefill") if self._details else None
        if isinstance(prefill, list) and prefill:
            units["input_text_tokens"] = len(cast("list[Any]", prefill))
        if units:
            out.usage = usage_of(units, None, flags=("malformed",) if counters.malformed else ())
        elif self._answered or self.is_whole:
            out.usage = Usage(units={"requests": 1}, source="request")


def _endpoint(operation: str, path: str, kind: Any = "llm") -> Endpoint:
    return Endpoint(operation=operation, kind=kind, methods=("POST",), path=LazyPattern(path), reader=_Generation)


PROVIDER = Provider(
    name="huggingface",
    endpoints=(
        *shape_endpoints(_PREFIX, only=("chat.completions", "completions", "responses", "embeddings")),
        _endpoint("text_generation", r"/|(?:/[^/]+)*/generate(?:_stream)?"),
        _endpoint("task", _TASK, "other"),
        # Hosts behind the router with interfaces of their own: images, sounds, videos.
        _endpoint("task", r"/(?!api/|v1/)[a-z0-9-]+/(?P<model>.+)", "other"),
    ),
    request_id_headers=("x-request-id",),
)
