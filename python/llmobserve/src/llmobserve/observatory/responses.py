"""Reads the answer object of a client library, by the provider's own reader: usage, model and ids as it states them."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from llmobserve.observatory.providers import provider_name
from llmobserve.providers.base import Endpoint, ProviderRequest
from llmobserve.providers.registry import PROVIDER_NAMES, load_provider
from llmobserve.wire import CallKind, Usage

__all__ = ["Answer", "read_answer"]

_LIBRARIES = {
    "anthropic": "anthropic",
    "cohere": "cohere",
    "google": "google_gemini",
    "groq": "groq",
    "mistralai": "mistral",
    "openai": "openai",
    "together": "together",
    "voyageai": "voyage",
}
"""Whose answers a library's objects are, where the application does not say."""
_BY_OBJECT = {
    "chat.completion": "chat.completions",
    "response": "responses",
    "text_completion": "completions",
}
"""Operation by the field `object` of answers in OpenAI's shape."""
_NO_MATCH = cast("re.Match[str]", re.match("", ""))


class Answer(NamedTuple):
    """What an answer says about its call."""

    provider: str | None
    """`None` where neither the application nor the library tells."""
    operation: str
    kind: CallKind
    model: str | None
    response_id: str | None
    request_id: str | None
    usage: Usage
    dimensions: Mapping[str, str]
    output: Any
    """What was answered, in the provider's form; `None` unless it was wanted."""


def read_answer(response: object, provider: str | None, *, want_content: bool) -> Answer | None:
    """What the answer object of a client library says; `None` when it is of no known form.

    `provider`: as the application says; `None` = as the library tells.
    """
    body = _as_json(response)
    if body is None:
        return None
    name = _LIBRARIES.get(type(response).__module__.partition(".")[0]) if provider is None else provider_name(provider)
    operations = _operation(body)
    # Routers and servers of all kinds answer in OpenAI's shape.
    speaks = name if name in PROVIDER_NAMES else "openai" if operations[0] in _BY_OBJECT.values() else None
    endpoint = None if speaks is None else _endpoint(speaks, operations)
    if endpoint is None:
        return None
    request = ProviderRequest(method="POST", host="", path="", body={"model": body.get("model")})
    reader = endpoint.reader(request, _NO_MATCH, want_content=want_content)
    reader.read_body(body, 200, {})
    reading = reader.reading()
    request_id = getattr(response, "_request_id", None)  # of the clients of OpenAI and Anthropic
    return Answer(
        provider=name,
        operation=reading.operation or endpoint.operation,
        kind=reading.kind or endpoint.kind,
        model=reading.response_model,
        response_id=reading.response_id,
        request_id=request_id if isinstance(request_id, str) else None,
        # An estimate would be made without what was asked.
        usage=Usage() if reading.usage.source == "estimated" else reading.usage,
        dimensions=reading.dimensions,
        output=reading.output,
    )


def _as_json(response: object) -> Mapping[str, Any] | None:
    """The answer with the names of the provider's interface."""
    if isinstance(response, Mapping):
        return cast("Mapping[str, Any]", response)
    dump = cast("Callable[..., Any] | None", getattr(response, "model_dump", None))
    if dump is None:
        return None
    # Gemini's library has other names in Python than on the wire; those of the others are the same.
    body = dump(mode="json", by_alias=True, exclude_none=True, warnings=False)
    return cast("Mapping[str, Any]", body) if isinstance(body, dict) else None


def _operation(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Operations that give answers of this form, the likeliest first."""
    if "usageMetadata" in body or "candidates" in body:
        return ("models.generateContent",)
    if body.get("type") == "message":
        return ("messages",)
    named = _BY_OBJECT.get(str(body.get("object")))
    if named is not None:
        return (named,)
    if "data" in body or "embeddings" in body:
        return ("embeddings", "embed")
    return ("chat.completions",) if "choices" in body else ("chat", "converse")


def _endpoint(provider: str, operations: tuple[str, ...]) -> Endpoint | None:
    endpoints = load_provider(provider).endpoints
    return next((one for name in operations for one in endpoints if one.operation == name), None)
