"""What the recorded answer of a provider tells beside its text: its id, usage, model and tier.

Tracers record answers whole, as the client library prints them, or as LangChain does (`generations`, `llm_output`).
Only what is looked for is decoded: vectors of embeddings are skipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from llmobserve_server.ingest.otlp.reading import Reading, Tokens
from llmobserve_server.ingest.otlp.values import mapping, text, whole

__all__ = ["Answer", "answer_in", "is_own_metadata", "take_answer", "take_usage_metadata"]


class _Recorded(msgspec.Struct):
    """Fields of an answer that are looked at; anything else in it is skipped."""

    id: Any = None
    model: Any = None
    object: Any = None
    usage: Any = None
    service_tier: Any = None
    generations: Any = None
    llm_output: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`None` = not told."""

    response_id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    usage: Mapping[str, Any] | None = None
    """The provider's own usage object."""
    usage_metadata: Mapping[str, Any] | None = None
    """LangChain's: https://python.langchain.com/api_reference, `UsageMetadata`, read 2026-11-21."""
    api: str | None = None
    """`responses` for OpenAI's Responses API."""
    http_status: int | None = None
    """Of a refusal that LangChain kept."""


_NOTHING = Answer()
_decode = msgspec.json.Decoder(_Recorded).decode


def answer_in(value: Any) -> Answer:
    """What an answer tells; nothing for one that is no JSON object."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        recorded = _Recorded(**{name: fields.get(name) for name in _Recorded.__struct_fields__})
    elif isinstance(value, str) and value.startswith("{"):
        try:
            recorded = _decode(value)
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
            return _NOTHING
    else:
        return _NOTHING
    if recorded.generations is not None:
        return _langchain(recorded)
    return Answer(
        response_id=_text(recorded.id),
        model=_text(recorded.model),
        service_tier=_text(recorded.service_tier) or _text(_object(recorded.usage).get("service_tier")),
        usage=_object(recorded.usage) or None,
        api="responses" if recorded.object == "response" else None,
    )


def _langchain(recorded: _Recorded) -> Answer:
    said = _object(_object(_first(_first(recorded.generations))).get("message"))
    said = _object(said.get("kwargs")) or said
    of_answer, of_call = _object(said.get("response_metadata")), _object(recorded.llm_output)
    told = {**of_call, **of_answer}
    # An id of LangChain's own (`lc_run--…`) stands on the message; the provider's is in the metadata.
    response_id = _text(told.get("id"))
    usage = _object(told.get("usage")) or _object(told.get("token_usage"))
    return Answer(
        response_id=response_id,
        model=_text(told.get("model_name")) or _text(told.get("model")),
        service_tier=_text(told.get("service_tier")) or _text(usage.get("service_tier")),
        usage=usage or None,
        usage_metadata=_object(said.get("usage_metadata")) or None,
        api="responses" if told.get("object") == "response" else None,
        http_status=whole(told.get("status_code")),
    )


def is_own_metadata(name: str) -> bool:
    """Whether LangChain or LangSmith wrote the metadata of that name: settings, versions, places in graphs."""
    return name.startswith(_OWN) or name in _OWN_NAMES


_OWN = ("ls_", "lc_", "langgraph_", "LANGSMITH_", "LANGCHAIN_", "_")
_OWN_NAMES = frozenset(
    (
        *(
            "checkpoint_ns",
            "max_retries",
            "max_tokens",
            "model",
            "model_kwargs",
            "model_name",
            "n",
            "revision_id",
            "seed",
        ),
        *("stop", "stream", "streaming", "temperature", "timeout", "top_p", "usage_metadata"),
    )
)


def take_answer(reading: Reading, answer: Answer) -> None:
    """Fill what `reading` does not know yet from `answer`. The provider's usage object is taken in any case."""
    reading.response_id = reading.response_id or answer.response_id
    reading.response_model = reading.response_model or answer.model
    reading.api = reading.api or answer.api
    if reading.failed:
        reading.http_status = reading.http_status or answer.http_status
    if answer.usage is not None and reading.usage_raw is None:
        reading.usage_raw = answer.usage
    if answer.usage_metadata is not None:
        take_usage_metadata(reading.tokens, answer.usage_metadata)
    if answer.service_tier and answer.service_tier != "auto" and "service_tier" not in reading.dimensions:
        tier = "default" if answer.service_tier == "standard" else answer.service_tier
        reading.dimensions["service_tier"] = tier


def take_usage_metadata(tokens: Tokens, usage: Mapping[str, Any]) -> None:
    """Fill gaps from LangChain's usage, whose counts include their details."""
    said_in, said_out = mapping(usage.get("input_token_details")), mapping(usage.get("output_token_details"))
    stated = {
        "input": usage.get("input_tokens"),
        "output": usage.get("output_tokens"),
        "total": usage.get("total_tokens"),
        "cache_read": _detail(said_in, "cache_read"),
        "cache_write": _detail(said_in, "cache_creation"),
        "cache_write_5m": said_in.get("ephemeral_5m_input_tokens"),
        "cache_write_1h": said_in.get("ephemeral_1h_input_tokens"),
        "input_audio": said_in.get("audio"),
        "output_audio": said_out.get("audio"),
        "reasoning": _detail(said_out, "reasoning"),
    }
    for name, value in stated.items():
        count = whole(value)
        if count is not None and getattr(tokens, name) is None:
            setattr(tokens, name, count)


def _detail(details: Mapping[str, Any], name: str) -> Any:
    """A detail, whose name begins with the service tier for other tiers than the default one."""
    for key in (name, f"priority_{name}", f"flex_{name}"):
        if details.get(key) is not None:
            return details[key]
    return None


def _first(value: Any) -> Any:
    return cast("list[Any]", value)[0] if isinstance(value, list) and value else None


def _object(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return text(value) if isinstance(value, str) else None
