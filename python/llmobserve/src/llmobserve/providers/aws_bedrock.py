"""Amazon Bedrock: converse and invoke, whole and as AWS event streams, and its hosts' OpenAI and Anthropic shapes.

Paths: https://docs.aws.amazon.com/bedrock/latest/APIReference, read 2026-11-21. The model is in the path, as an id, an
inference profile or an ARN; it is kept in that spelling, which is the one that prices have. Counting tokens is free.
"""

import re

from llmobserve.providers.anthropic_shape import MESSAGES_SUMMARY, MessagesReader
from llmobserve.providers.base import Endpoint, LazyPattern, Provider
from llmobserve.providers.bedrock_shape import AsyncInvokeReader, ConverseReader, GuardrailReader, InvokeReader
from llmobserve.providers.openai_shape import shape_endpoints

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!model/)[^/]+)*"
_MODEL = r"(?:/[^/]+)*?/model/(?P<model>.+)"
_REGION = re.compile(r"bedrock-(?:runtime|mantle)(?:-fips)?\.(?P<region>[a-z0-9-]+)\.")


def _region_of(host: str) -> dict[str, str]:
    found = _REGION.search(host)
    return {"region": found["region"]} if found is not None else {}


PROVIDER = Provider(
    name="aws_bedrock",
    endpoints=(
        Endpoint(
            operation="converse",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(_MODEL + r"/converse(?:-stream)?"),
            reader=ConverseReader,
        ),
        Endpoint(
            operation="invoke",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(_MODEL + r"/invoke(?:-with-response-stream)?"),
            reader=InvokeReader,
            unmarked_end=True,
            bulk_keys=(b"embedding",),
        ),
        Endpoint(
            operation="messages",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(_PREFIX + r"/messages"),
            reader=MessagesReader,
            summary=MESSAGES_SUMMARY,
        ),
        Endpoint(
            operation="guardrail",
            kind="moderation",
            methods=("POST",),
            path=LazyPattern(r"/guardrail/[^/]+/version/[^/]+/apply|/guardrail-checks/invoke"),
            reader=GuardrailReader,
        ),
        Endpoint(
            operation="async_invoke",
            kind="video",
            methods=("POST", "GET"),
            path=LazyPattern(r"/async-invoke(?:/(?P<invocation>.+))?"),
            reader=AsyncInvokeReader,
        ),
        *shape_endpoints(_PREFIX, only=("chat.completions", "completions", "responses", "embeddings")),
    ),
    request_id_headers=("x-amzn-requestid", "x-request-id"),
    dimensions_of_host=_region_of,
)
