"""All dialects, and which of them a span speaks: by its marks, in a fixed order, then by its scope."""

import re
from functools import lru_cache

from llmobserve_server.ingest.otlp.dialects.anthropic_sdk import ANTHROPIC_SDK
from llmobserve_server.ingest.otlp.dialects.base import Compiled, Dialect, compiled
from llmobserve_server.ingest.otlp.dialects.claude_code import CLAUDE_CODE
from llmobserve_server.ingest.otlp.dialects.google_adk import GOOGLE_ADK
from llmobserve_server.ingest.otlp.dialects.langfuse import LANGFUSE
from llmobserve_server.ingest.otlp.dialects.langsmith import LANGSMITH
from llmobserve_server.ingest.otlp.dialects.litellm import LITELLM
from llmobserve_server.ingest.otlp.dialects.logfire import LOGFIRE
from llmobserve_server.ingest.otlp.dialects.mlflow import MLFLOW
from llmobserve_server.ingest.otlp.dialects.openinference import OPENINFERENCE
from llmobserve_server.ingest.otlp.dialects.openlit import OPENLIT
from llmobserve_server.ingest.otlp.dialects.otel_genai import OTEL_GENAI
from llmobserve_server.ingest.otlp.dialects.ours import OURS
from llmobserve_server.ingest.otlp.dialects.strands import STRANDS
from llmobserve_server.ingest.otlp.dialects.traceloop import TRACELOOP
from llmobserve_server.ingest.otlp.dialects.vercel import VERCEL_GENAI, VERCEL_LEGACY
from llmobserve_server.ingest.otlp.messages import OtlpSpan

__all__ = ["form_of"]

_MARKS: tuple[tuple[str, Dialect], ...] = (
    ("langfuse.observation.type", LANGFUSE),
    ("openinference.span.kind", OPENINFERENCE),
    ("mlflow.spanType", MLFLOW),
    ("langsmith.span.kind", LANGSMITH),
    ("ai.operationId", VERCEL_LEGACY),
    ("traceloop.span.kind", TRACELOOP),
    ("traceloop.workflow.name", TRACELOOP),
)
"""Attributes that only one dialect writes, in the order in which they decide."""
_SCOPES: tuple[tuple[str, Dialect], ...] = (
    ("com.anthropic.claude_code", CLAUDE_CODE),
    ("com.anthropic.", ANTHROPIC_SDK),
    ("gcp.vertex.agent", GOOGLE_ADK),
    ("gen_ai", VERCEL_GENAI),
    ("litellm", LITELLM),
    ("logfire", LOGFIRE),
    ("openlit", OPENLIT),
    ("pydantic-ai", LOGFIRE),
    ("strands.", STRANDS),
    ("traceloop.", TRACELOOP),
)
"""Beginnings of names of scopes whose spans speak a dialect where they have no mark; the first counts."""
_TRACELOOP_SCOPE = re.compile(
    r"opentelemetry\.instrumentation\.(?!openai_v2|genai\.|google_genai|vertexai_v2)[a-z0-9_.]+"
)
_ELSE = OTEL_GENAI
_FILLING: tuple[Dialect, ...] = (OTEL_GENAI, TRACELOOP, ANTHROPIC_SDK, LOGFIRE, OPENLIT, OPENINFERENCE, LANGFUSE)
"""Dialects whose attributes fill gaps of any other, in this order."""


@lru_cache(maxsize=64)
def _form(dialect: Dialect) -> Compiled:
    return compiled(dialect, OURS, [other for other in _FILLING if other is not dialect])


@lru_cache(maxsize=1024)
def _by_scope(scope: str) -> Compiled:
    found = next((dialect for beginning, dialect in _SCOPES if scope.startswith(beginning)), None)
    return _form(found or (TRACELOOP if _TRACELOOP_SCOPE.match(scope) else _ELSE))


_MARKED = tuple((key, _form(dialect)) for key, dialect in _MARKS)


def form_of(span: OtlpSpan) -> Compiled:
    """The dialect of a span. One without any is read as OpenTelemetry's, where nothing then makes it a call."""
    attributes = span.attributes
    for key, form in _MARKED:
        if key in attributes:
            return form
    return _by_scope(span.sender.scope)
