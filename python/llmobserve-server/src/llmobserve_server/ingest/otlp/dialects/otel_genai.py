"""OpenTelemetry's GenAI conventions in their newest and older names: util-genai, openai-v2, Vercel AI 7 and others.

Sources: semantic-conventions-genai (docs/gen-ai, autumn 2026), semantic-conventions 1.28 to 1.41 for the older names,
and spans of opentelemetry-instrumentation-genai-openai 1.3b0 and -openai-v2 2.4b0.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Reading
from llmobserve_server.ingest.otlp.values import json_or_text, number, whole

__all__ = [
    "MESSAGE_EVENTS",
    "OTEL_GENAI",
    "add_usage_units",
    "choice_message",
    "indexed_messages",
    "message_events",
    "refine_genai",
    "said_message",
]

MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
"""Events of the older conventions, each a message, and its role."""
_FIRST_CHUNKS = frozenset(("gen_ai.content.completion.chunk", "First Token Stream Event"))


def refine_genai(reading: Reading, found: Found, span: OtlpSpan) -> None:
    """What all speakers of the conventions share: sums, sections, messages in events, units beside tokens."""
    kind = reading.kind
    if not reading.is_call:
        tokens = reading.tokens
        reading.is_sum = kind in ("agent", "workflow", "step") and (
            tokens.input is not None or tokens.output is not None
        )
        _add_section(reading, found)
    else:
        add_usage_units(reading, found)
    if span.events:
        message_events(reading, span)


def _add_section(reading: Reading, found: Found) -> None:
    kind = reading.kind
    if kind == "tool":
        reading.section = found.get("tool_name") or reading.section
        reading.input = found.get("tool_input", reading.input)
        reading.output = found.get("tool_output", reading.output)
    elif kind == "agent":
        reading.section = reading.agent or reading.section
    elif kind == "workflow":
        reading.section = found.get("workflow") or reading.section
    elif kind == "plain" and "mcp_method" in found:
        reading.kind = "tool" if found["mcp_method"] == "tools/call" else "mcp"
        reading.section = found.get("tool_name") or found["mcp_method"]
        reading.input = found.get("tool_input", reading.input)
        reading.output = found.get("tool_output", reading.output)


def add_usage_units(reading: Reading, found: Found) -> None:
    """Units that are no tokens: characters and seconds, of speech."""
    if reading.kind != "audio":
        return
    characters, seconds = whole(found.get("characters")), number(found.get("seconds"))
    if characters is not None:
        reading.units["input_characters"] = characters
    if seconds is not None:
        reading.units["input_seconds"] = Decimal(str(seconds))


def message_events(reading: Reading, span: OtlpSpan) -> None:
    """Messages and the first content of a stream, where they are events of the span.

    Those of a tool are its arguments and its result.
    """
    said: list[Any] = []
    answers: list[Any] = []
    for event in span.events:
        name = event.name
        role = MESSAGE_EVENTS.get(name)
        if role is not None:
            said.append(said_message(role, event.attributes))
        elif name == "gen_ai.choice":
            answers.append(choice_message(event.attributes))
        elif name in _FIRST_CHUNKS:
            if reading.ttft_ms is None and event.time_ns >= span.start_ns:
                reading.ttft_ms = (event.time_ns - span.start_ns) / 1e6
        elif name == "gen_ai.client.inference.operation.details":
            _take_details(reading, event.attributes)
    if not reading.finish_reasons:
        reading.finish_reasons = tuple(str(reason) for answer in answers if (reason := answer.get("finish_reason")))
    if reading.kind == "tool":
        said = [message.get("content") for message in said]
        answers = [message.get("content") for message in answers]
    if said and reading.input is None:
        reading.input = said[0] if reading.kind == "tool" and len(said) == 1 else said
    if answers and reading.output is None:
        reading.output = answers[0] if reading.kind == "tool" and len(answers) == 1 else answers


def said_message(role: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A message of the older conventions, an event of its own: what it holds may be JSON once more."""
    return {"role": role, **fields, "content": json_or_text(fields.get("content"))}


def choice_message(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An answer of the older conventions: `message` is an object, or content of which the role goes without saying."""
    message = json_or_text(fields.get("message"))
    inner = cast("dict[str, Any]", message) if isinstance(message, dict) else {"content": message}
    found: dict[str, Any] = {"role": "assistant", **inner}
    if fields.get("finish_reason") is not None:
        found["finish_reason"] = fields["finish_reason"]
    return found


def _take_details(reading: Reading, attributes: Mapping[str, Any]) -> None:
    if reading.input is None:
        reading.input = attributes.get("gen_ai.input.messages")
    if reading.output is None:
        reading.output = attributes.get("gen_ai.output.messages")
    if reading.system is None:
        reading.system = attributes.get("gen_ai.system_instructions")


def indexed_messages(attributes: Iterable[tuple[str, Any]], prefix: str) -> list[dict[str, Any]]:
    """Messages that were written as `PREFIX.0.role`, in the order of their indices, which need not begin at 0."""
    by_index: dict[int, dict[str, Any]] = {}
    for key, value in attributes:
        if not key.startswith(prefix):
            continue
        index, _, name = key[len(prefix) :].partition(".")
        if index.isascii() and index.isdigit() and name:
            by_index.setdefault(int(index), {})[name] = value
    return [by_index[index] for index in sorted(by_index)]


OTEL_GENAI = Dialect(
    name="otel_genai",
    keys={
        "operation": ("gen_ai.operation.name",),
        "provider": ("gen_ai.provider.name", "gen_ai.system"),
        "request_model": ("gen_ai.request.model",),
        "response_model": ("gen_ai.response.model",),
        "response_id": ("gen_ai.response.id",),
        "request_id": ("gen_ai.request.id", "http.response.header.x-request-id"),
        "host": ("server.address", "gen_ai.openai.api_base"),
        "port": ("server.port",),
        "api": ("openai.api.type",),
        "stream": ("gen_ai.request.stream", "gen_ai.is_streaming", "gen_ai.request.is_stream"),
        "ttft_s": (
            "gen_ai.response.time_to_first_chunk",
            "gen_ai.client.operation.time_to_first_chunk",
            "gen_ai.server.time_to_first_token",
        ),
        "service_tier": (
            "openai.response.service_tier",
            "gen_ai.openai.response.service_tier",
            "gen_ai.response.service_tier",
        ),
        "tokens.input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "tokens.output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "tokens.total": ("gen_ai.usage.total_tokens", "llm.usage.total_tokens"),
        "tokens.cache_read": (
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.details.cache_read_tokens",
            "gen_ai.usage.details.cache_read_input_tokens",
            "gen_ai.usage.prompt_tokens_details.cached_tokens",
        ),
        "tokens.cache_write": (
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.cache_write_input_tokens",
            "gen_ai.usage.details.cache_write_tokens",
            "gen_ai.usage.details.cache_creation_input_tokens",
            "gen_ai.usage.prompt_tokens_details.cache_creation_tokens",
        ),
        "tokens.reasoning": (
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.details.reasoning_tokens",
            "gen_ai.usage.completion_tokens_details.reasoning_tokens",
        ),
        "tokens.input_audio": ("gen_ai.usage.audio.input_tokens", "gen_ai.usage.details.input_audio_tokens"),
        "tokens.input_image": ("gen_ai.usage.image.input_tokens",),
        "tokens.cache_read_audio": ("gen_ai.usage.audio.cache_read.input_tokens",),
        "tokens.output_audio": ("gen_ai.usage.audio.output_tokens", "gen_ai.usage.details.output_audio_tokens"),
        "tokens.output_image": ("gen_ai.usage.image.output_tokens",),
        "characters": ("gen_ai.usage.characters",),
        "seconds": ("gen_ai.usage.seconds",),
        "finish_reasons": ("gen_ai.response.finish_reasons",),
        "system": ("gen_ai.system_instructions",),
        "input": ("gen_ai.input.messages",),
        "output": ("gen_ai.output.messages",),
        "tools": ("gen_ai.tool.definitions",),
        "tool_name": ("gen_ai.tool.name",),
        "tool_input": ("gen_ai.tool.call.arguments",),
        "tool_output": ("gen_ai.tool.call.result",),
        "mcp_method": ("mcp.method.name",),
        "workflow": ("gen_ai.workflow.name",),
        "session_id": ("gen_ai.conversation.id", "session.id"),
        "user_id": ("user.id", "enduser.id"),
        "agent": ("gen_ai.agent.name",),
        "prompt_name": ("gen_ai.prompt.name",),
        "prompt_version": ("gen_ai.prompt.version",),
        "http_status": ("http.response.status_code", "http.status_code"),
        "error_type": ("error.type",),
    },
    refine=refine_genai,
)
