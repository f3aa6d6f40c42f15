"""All dialects, and which of them a span speaks: by its marks, in a fixed order, then by its scope."""

from functools import lru_cache

from llmobserve_server.ingest.otlp.dialects.anthropic_sdk import ANTHROPIC_SDK
from llmobserve_server.ingest.otlp.dialects.base import Compiled, Dialect, compiled
from llmobserve_server.ingest.otlp.dialects.otel_genai import OTEL_GENAI
from llmobserve_server.ingest.otlp.dialects.ours import OURS
from llmobserve_server.ingest.otlp.messages import OtlpSpan

__all__ = ["form_of"]

_MARKS: tuple[tuple[str, Dialect], ...] = tuple([])
"""Attributes that only one dialect writes, in the order in which they decide."""
_SCOPES: tuple[tuple[str, Dialect], ...] = (("com.anthropic.sdk.", ANTHROPIC_SDK),)
"""Beginnings of names of scopes whose spans speak a dialect where they have no mark; the first counts."""
_ELSE = OTEL_GENAI
_FILLING: tuple[Dialect, ...] = (OTEL_GENAI, ANTHROPIC_SDK)
"""Dialects whose attributes fill gaps of any other, in this order."""


@lru_cache(maxsize=64)
def _form(dialect: Dialect) -> Compiled:
    return compiled(dialect, OURS, [other for other in _FILLING if other is not dialect])


@lru_cache(maxsize=1024)
def _by_scope(scope: str) -> Compiled:
    return _form(next((dialect for beginning, dialect in _SCOPES if scope.startswith(beginning)), _ELSE))


_MARKED = tuple((key, _form(dialect)) for key, dialect in _MARKS)


def form_of(span: OtlpSpan) -> Compiled:
    """The dialect of a span. One without any is read as OpenTelemetry's, where nothing then makes it a call."""
    attributes = span.attributes
    for key, form in _MARKED:
        if key in attributes:
            return form
    return _by_scope(span.sender.scope)
