"""AI21: chat in OpenAI's shape below `/studio`, and the older completions, which list their tokens.

Paths: client `ai21` 4.3, read 2026-11-21.
"""

from typing import Any, cast

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.openai_shape import shape_endpoints
from llmobserve.providers.own_shape import OwnReader
from llmobserve.providers.prompt_text import prompt_text
from llmobserve.providers.quantities import as_mapping, estimated_usage, text_bytes, usage_of
from llmobserve.wire import Quantity

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"


def _length(value: Any) -> int | None:
    return len(cast("list[Any]", value)) if isinstance(value, list) else None


class _Complete(OwnReader):
    """A completion of a Jurassic model: prompt and completions with the tokens they are made of."""

    input_keys = ("prompt", "messages", "system")
    _body: Any = None

    def take(self, body: Any) -> None:
        """Take the answer."""
        self._body = body

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The lengths of the token lists."""
        body = as_mapping(self._body)
        completions = body.get("completions")
        items = cast("list[Any]", completions) if isinstance(completions, list) else []
        written = [_length(as_mapping(as_mapping(item).get("data")).get("tokens")) for item in items]
        prompt = _length(as_mapping(body.get("prompt")).get("tokens"))
        units: dict[str, Quantity] = {}
        if prompt is not None:
            units["input_text_tokens"] = prompt
        if written and None not in written:
            units["output_text_tokens"] = sum(count or 0 for count in written)
        if units:
            out.usage = usage_of(units, None)
            return
        prompt = prompt_text(self.asked, self.input_keys)
        out.usage = estimated_usage(prompt, text_bytes(body.get("outputs")) or None, partial=ended_early)


PROVIDER = Provider(
    name="ai21",
    endpoints=(
        *shape_endpoints(_PREFIX, only=("chat.completions",)),
        Endpoint(
            operation="complete",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(r"/studio/v1/(?P<model>j2-[^/]+)/(?:complete|chat)"),
            reader=_Complete,
        ),
    ),
    request_id_headers=("x-request-id",),
)
