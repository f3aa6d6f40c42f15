"""From stated token counts to disjoint units: what is inside of another count is taken out of it, once."""

from dataclasses import replace
from typing import Any, cast

from llmobserve.providers.anthropic_shape import message_usage
from llmobserve.providers.google_shape.usage import metadata_usage
from llmobserve.providers.openai_shape.usage import input_usage, token_usage
from llmobserve.wire import Quantity, Usage
from llmobserve_server.ingest.otlp.reading import AGGREGATE, CARRIER, Reading, Tokens
from llmobserve_server.ingest.otlp.values import mapping

__all__ = ["raw_usage", "units_of", "usage_of_reading"]

_UNKNOWN = Usage()
_WITHOUT_OUTPUT = frozenset({"embedding", "rerank", "moderation"})


def usage_of_reading(reading: Reading) -> Usage:
    """Usage of a call: the provider's own object where the span has it, else the stated counts.

    A call that failed and states nothing but zeros has no usage: it is not known to have consumed nothing.
    """
    flags = (AGGREGATE,) if reading.is_sum else (CARRIER,) if reading.is_carrier else ()
    usage = raw_usage(reading.usage_raw, reading.kind) if reading.usage_raw is not None else None
    if usage is None or not usage.units:
        units, details, doubts = units_of(reading.tokens)
        if reading.kind in _WITHOUT_OUTPUT:
            units = {unit: n for unit, n in units.items() if n or not unit.startswith("output_")}
        raw = None if usage is None else usage.raw
        usage = Usage(units=units, details=details, source="response" if units else "unknown", flags=doubts, raw=raw)
    if reading.units:
        usage = replace(usage, units={**usage.units, **reading.units}, source="response")
    if reading.failed and not any(usage.units.values()):
        usage = replace(usage, units={}, source="unknown")
    if not usage.units and not flags:
        return usage if usage.raw is not None else _UNKNOWN
    return replace(usage, flags=(*flags, *usage.flags)) if flags else usage


def raw_usage(raw: Any, kind: str = "llm") -> Usage | None:
    """Usage of a provider's own usage object, whichever of the known shapes it has; `None` for none of them."""
    fields = cast("dict[str, Any]", mapping(raw))
    if not fields:
        return None
    if "promptTokenCount" in fields or "totalTokenCount" in fields:
        return metadata_usage(fields)
    if "cache_creation_input_tokens" in fields or "cache_read_input_tokens" in fields or "cache_creation" in fields:
        return message_usage(fields) if "input_tokens" in fields else None
    if kind in _WITHOUT_OUTPUT:
        return input_usage(fields)
    if "prompt_tokens" in fields or "input_tokens" in fields:
        return token_usage(fields)
    return None


def units_of(tokens: Tokens) -> tuple[dict[str, Quantity], dict[str, Quantity], tuple[str, ...]]:
    """Units, details, and `sum_mismatch` where not all counts can be right. A side that is not stated has no unit."""
    units: dict[str, Quantity] = {}
    doubtful = False
    total_in = tokens.input
    if total_in is None and tokens.output is None and tokens.total is not None:
        total_in = tokens.total  # of embeddings often nothing else is stated
    if total_in is not None:
        doubtful = not _put_input(tokens, total_in, units)
    details: dict[str, Quantity] = {}
    if tokens.output is not None:
        doubtful = not _put_output(tokens, tokens.output, units) or doubtful
        if tokens.reasoning:
            details["reasoning_tokens"] = tokens.reasoning
    return units, details, ("sum_mismatch",) if doubtful else ()


def _put_input(tokens: Tokens, total: int, units: dict[str, Quantity]) -> bool:
    """False when the parts exceed the total."""
    read = tokens.cache_read or 0
    minutes, hour = tokens.cache_write_5m or 0, tokens.cache_write_1h or 0
    written = max(tokens.cache_write or 0, minutes + hour)
    cached = read + written
    if cached and not _includes_cache(tokens, total, cached):
        total += cached
    if not cached and not tokens.input_audio and not tokens.input_image:
        units["input_text_tokens"] = total
        return True
    audio, image = tokens.input_audio or 0, tokens.input_image or 0
    read_audio = min(tokens.cache_read_audio or 0, audio, read)
    fresh = total - cached - (audio - read_audio) - image
    if fresh < 0:
        # Modalities that do not fit are left out; the cache counts decide the price of most of the input.
        units["input_text_tokens"] = total - cached
        _put(units, "cache_read_text_tokens", read)
        _put_written(units, written, minutes, hour)
        return False
    units["input_text_tokens"] = fresh
    _put(units, "input_audio_tokens", audio - read_audio)
    _put(units, "input_image_tokens", image)
    _put(units, "cache_read_text_tokens", read - read_audio)
    _put(units, "cache_read_audio_tokens", read_audio)
    _put_written(units, written, minutes, hour)
    return True


def _includes_cache(tokens: Tokens, total: int, cached: int) -> bool:
    """Whether the input has the cached tokens in it: not if it is too small, or the grand total tells otherwise."""
    if tokens.exclusive or cached > total:
        return False
    return tokens.total is None or not cached or tokens.total != total + cached + (tokens.output or 0)


def _put_written(units: dict[str, Quantity], written: int, minutes: int, hour: int) -> None:
    _put(units, "cache_write_5m_tokens", minutes)
    _put(units, "cache_write_1h_tokens", hour)
    _put(units, "cache_write_tokens", written - minutes - hour)


def _put_output(tokens: Tokens, total: int, units: dict[str, Quantity]) -> bool:
    """False when the parts exceed the total: then all of it is text."""
    if tokens.reasoning and not _includes_reasoning(tokens, total, tokens.reasoning):
        total += tokens.reasoning
    audio, image = tokens.output_audio or 0, tokens.output_image or 0
    if audio + image > total:
        units["output_text_tokens"] = total
        return False
    units["output_text_tokens"] = total - audio - image
    _put(units, "output_audio_tokens", audio)
    _put(units, "output_image_tokens", image)
    return True


def _includes_reasoning(tokens: Tokens, total: int, reasoning: int) -> bool:
    """Whether the output has the reasoning in it: not if it is too small, or the grand total tells otherwise."""
    if tokens.reasoning_apart or reasoning > total:
        return False
    return tokens.total is None or tokens.input is None or tokens.total != tokens.input + total + reasoning


def _put(units: dict[str, Quantity], name: str, quantity: int) -> None:
    if quantity:
        units[name] = quantity
