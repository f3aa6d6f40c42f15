"""DeepSeek: OpenAI's and Anthropic's shapes. The prompt is the sum of cache hits and misses; a miss is no write.

https://api-docs.deepseek.com, read 2026-11-21.
"""

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import ChatReader, shape_endpoints, token_usage
from llmobserve.providers.quantities import Counters, as_mapping, with_units
from llmobserve.wire import Usage

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"


class _Chat(ChatReader):
    """A chat whose cache hits are stated beside the prompt."""

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the answer states it."""
        usage = token_usage(self.usage_raw, cached_key="prompt_cache_hit_tokens")
        fields = as_mapping(self.usage_raw)
        counters = Counters()
        keys = ("prompt_cache_hit_tokens", "prompt_cache_miss_tokens", "prompt_tokens")
        hit, miss, prompt = (counters.whole(fields, key) for key in keys)
        if usage is None or hit is None or miss is None or prompt is None or hit + miss == prompt:
            return usage
        return usage if "sum_mismatch" in usage.flags else with_units(usage, {}, "sum_mismatch")


PROVIDER = Provider(
    name="deepseek",
    endpoints=(
        *shape_endpoints(_PREFIX, only=("chat.completions", "completions"), readers={ChatReader: _Chat}),
        messages_endpoint(_PREFIX),
    ),
    request_id_headers=("x-ds-trace-id", "x-request-id"),
)
