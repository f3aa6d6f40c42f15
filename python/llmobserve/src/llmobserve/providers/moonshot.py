"""Moonshot AI (Kimi): OpenAI's and Anthropic's shapes; cached tokens are stated in the usage object itself.

https://platform.moonshot.ai/docs/api/chat, read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import ChatReader, shape_endpoints, token_usage
from llmobserve.providers.quantities import as_mapping
from llmobserve.wire import Usage

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"


class _Chat(ChatReader):
    """A chat; older streams have the usage inside the last choice."""

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one chunk."""
        choices = event.get("choices")
        for choice in cast("list[Any]", choices) if isinstance(choices, list) else []:
            usage = as_mapping(choice).get("usage")
            if isinstance(usage, dict):
                self.usage_raw = usage
        super().take_event(name, event)

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the answer states it."""
        return token_usage(self.usage_raw, cached_key="cached_tokens")


PROVIDER = Provider(
    name="moonshot",
    endpoints=(
        *shape_endpoints(_PREFIX, only=("chat.completions", "completions", "embeddings"), readers={ChatReader: _Chat}),
        messages_endpoint(_PREFIX),
    ),
    request_id_headers=("msh-request-id", "x-request-id"),
)
