"""Aleph Alpha: completions with their token counts in the answer, and chat in OpenAI's shape.

https://docs.aleph-alpha.com/api, read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.openai_shape import shape_endpoints
from llmobserve.providers.own_shape import OwnReader
from llmobserve.providers.prompt_text import prompt_text
from llmobserve.providers.quantities import Counters, as_mapping, estimated_usage, text_bytes, usage_of
from llmobserve.wire import CallKind, Quantity

__all__ = ["PROVIDER"]

_COUNTS = (("num_tokens_prompt_total", "input_text_tokens"), ("num_tokens_generated", "output_text_tokens"))


class _Counted(OwnReader):
    """Reads any answer that counts its tokens."""

    input_keys = ("prompt", "document", "query")
    _body: Mapping[str, Any] | None = None

    def take(self, body: Any) -> None:
        """Take the answer."""
        self._body = as_mapping(body)

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event: pieces, then a summary with the counts."""
        if event.get("type") == "stream_chunk":
            self._has_content = True
            self.output_bytes += text_bytes(event.get("completion"))
        elif any(key in event for key, _ in _COUNTS):
            self._terminal = True
            self._body = event

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The counts."""
        body = self._body or {}
        counters = Counters()
        units: dict[str, Quantity] = {}
        for key, unit in _COUNTS:
            number = counters.whole(body, key)
            if number is not None:
                units[unit] = number
        raw = {key: body[key] for key, _ in _COUNTS if key in body}
        if units:
            out.usage = usage_of(units, raw, flags=("malformed",) if counters.malformed else ())
            return
        prompt = prompt_text(self.asked, self.input_keys)
        out.usage = estimated_usage(prompt, self.output_bytes or None, partial=ended_early)


def _endpoint(operation: str, path: str, kind: CallKind = "llm") -> Endpoint:
    return Endpoint(
        operation=operation,
        kind=kind,
        methods=("POST",),
        path=LazyPattern(r"(?:/v1)?" + path),
        reader=_Counted,
        usage_key="",
        bulk_keys=(b"embedding",),
    )


PROVIDER = Provider(
    name="aleph_alpha",
    endpoints=(
        _endpoint("complete", r"/complete"),
        _endpoint("evaluate", r"/evaluate"),
        _endpoint("explain", r"/explain"),
        _endpoint("embed", r"/(?:embed|semantic_embed|batch_semantic_embed|instructable_embed)", "embedding"),
        *shape_endpoints(r"(?:/v1)?", only=("chat.completions",)),
    ),
)
