"""OpenLIT: GenAI names with the counts as the provider has them.

Anthropic's and Bedrock's input leaves the cache out, and Google's output the reasoning. A call to Anthropic that failed
has no attribute at all: only its name tells what it was. Source: spans and source of openlit 1.45.0 (scopes
`openlit.instrumentation.…`, before `openlit.otel.tracing`), 2026-11-21.
"""

import re

from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found, kinds
from llmobserve_server.ingest.otlp.dialects.otel_genai import OTEL_GENAI, refine_genai
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Kind, Reading

__all__ = ["OPENLIT"]

_SCOPE = "openlit.instrumentation."
_CACHE_APART = frozenset(("anthropic", "aws.bedrock", "aws_bedrock", "bedrock"))
_REASONING_APART = ("gcp.", "google", "gemini", "vertex")
_NAMED = re.compile(r"(chat|embeddings|text_completion) (\S{1,200})")


def _kind(found: Found, span: OtlpSpan) -> Kind:
    if "operation" not in found:
        named = _NAMED.fullmatch(span.name)
        if named is not None:
            found["operation"], found["named_model"] = named[1], named[2]
    return kinds(found, span)


def _refine(reading: Reading, found: Found, span: OtlpSpan) -> None:
    if "named_model" in found:
        reading.operation = found["operation"]
        reading.request_model = reading.request_model or found["named_model"]
    if reading.is_call:
        scope = span.sender.scope
        if reading.provider is None and scope.startswith(_SCOPE):
            reading.provider = scope[len(_SCOPE) :]
        stated = (reading.provider or "").lower()
        reading.tokens.exclusive = stated in _CACHE_APART
        reading.tokens.reasoning_apart = stated.startswith(_REASONING_APART)
    refine_genai(reading, found, span)


OPENLIT = Dialect(
    name="openlit",
    keys={
        **OTEL_GENAI.keys,
        "cost_usd": ("gen_ai.usage.cost",),
        "ttft_s": ("gen_ai.server.time_to_first_token", *OTEL_GENAI.keys["ttft_s"]),
    },
    kind=_kind,
    refine=_refine,
)
