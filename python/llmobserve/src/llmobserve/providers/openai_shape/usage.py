"""Token usage in OpenAI's shape, as disjoint units.

The totals include cached, cache-write, audio and image tokens, and output includes reasoning
(https://platform.openai.com/docs/api-reference, read 2026-11-21). Chat and Responses name the fields differently.
"""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve.providers.quantities import Counters, usage_of
from llmobserve.wire import Quantity, Usage

__all__ = ["input_usage", "token_usage"]


def token_usage(raw: Any, *, text_output: bool = True, cached_key: str | None = None) -> Usage | None:
    """Usage of a `usage` object, `None` when there is none (absent or null).

    With `text_output=False` output without details counts as image tokens, as image models mean it. `cached_key` names
    a field of the usage object itself that holds the cached tokens where the details do not.
    """
    if raw is None:
        return None
    counters = Counters()
    if not isinstance(raw, dict):
        return usage_of({}, raw, flags=("malformed",))
    fields = cast("dict[str, Any]", raw)
    units: dict[str, Quantity] = {}
    details: dict[str, Quantity] = {}
    total_in, total_out = _totals(counters, fields)
    consistent = _total_agrees(counters, fields, total_in, total_out)
    cached = counters.whole(fields, cached_key) if cached_key is not None else None
    if total_in is not None and not _split_input(counters, fields, total_in, cached, units):
        consistent = False
    if total_out is not None and not _split_output(counters, fields, total_out, units, details, text_output):
        consistent = False
    flags = () if consistent else ("sum_mismatch",)
    if counters.malformed:
        flags += ("malformed",)
    return usage_of(units, fields, details=details, flags=flags)


def _totals(counters: Counters, fields: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens in and out. One that is not stated is what the other leaves of the total."""
    into = "prompt_tokens" if "prompt_tokens" in fields else "input_tokens"
    out_of = "completion_tokens" if "completion_tokens" in fields else "output_tokens"
    total_in, total_out = counters.whole(fields, into), counters.whole(fields, out_of)
    total = None if counters.malformed else counters.whole(fields, "total_tokens")
    if total_in is None and total_out is not None:
        if total is not None and total >= total_out:
            return total - total_out, total_out
        counters.malformed = True
    elif total_in is not None and total_out is None and total is not None and total >= total_in:
        absent = out_of not in fields and total == total_in
        return total_in, None if absent else total - total_in
    elif total_in is not None:
        counters.required(fields, out_of)
    else:
        counters.required(fields, into)
    return total_in, total_out


def _total_agrees(counters: Counters, fields: Mapping[str, Any], total_in: int | None, total_out: int | None) -> bool:
    total = counters.whole(fields, "total_tokens")
    return total is None or total_in is None or total == total_in + (total_out or 0)


def _split_input(
    counters: Counters, fields: Mapping[str, Any], total: int, cached_beside: int | None, units: dict[str, Quantity]
) -> bool:
    """Put the input's tokens into `units`. False when the parts exceed the total: then all are fresh text."""
    parts = counters.child(
        fields, "prompt_tokens_details", "input_tokens_details", "prompt_token_details", "input_token_details"
    )
    if not parts and not cached_beside:
        units["input_text_tokens"] = total
        return True
    whole = counters.whole
    cached = whole(parts, "cached_tokens") or cached_beside or 0
    audio = whole(parts, "audio_tokens") or 0
    image = whole(parts, "image_tokens") or 0
    written = whole(parts, "cache_write_tokens") or 0
    text = total - audio - image
    if not (cached or audio or image or written):
        units["input_text_tokens"] = total
        return True
    by_kind = counters.child(parts, "cached_tokens_details")
    cached_audio = whole(by_kind, "audio_tokens") or 0
    cached_image = whole(by_kind, "image_tokens") or 0
    if not by_kind and cached > text - written:
        # The split is not stated: what does not fit into the text must have been audio, then image.
        cached_audio = min(audio, cached - max(text - written, 0))
        cached_image = min(image, cached - max(text - written, 0) - cached_audio)
    cached_text = cached - cached_audio - cached_image
    fresh = (text - cached_text - written, audio - cached_audio, image - cached_image)
    if min(*fresh, cached_text) < 0:
        units["input_text_tokens"] = total
        return False
    units["input_text_tokens"] = fresh[0]
    _put(units, "input_audio_tokens", fresh[1])
    _put(units, "input_image_tokens", fresh[2])
    _put(units, "cache_read_text_tokens", cached_text)
    _put(units, "cache_read_audio_tokens", cached_audio)
    _put(units, "cache_read_image_tokens", cached_image)
    return not written or _split_cache_writes(counters, parts, written, units)


def _split_cache_writes(counters: Counters, parts: Mapping[str, Any], written: int, units: dict[str, Quantity]) -> bool:
    by_ttl = counters.child(parts, "cache_write_tokens_details")
    half_hour = counters.whole(by_ttl, "ttl_30m_tokens") or 0
    half_day = counters.whole(by_ttl, "ttl_12h_tokens") or 0
    rest = written - half_hour - half_day
    if rest < 0:
        units["cache_write_tokens"] = written
        return False
    _put(units, "cache_write_tokens", rest)
    _put(units, "cache_write_30m_tokens", half_hour)
    _put(units, "cache_write_12h_tokens", half_day)
    return True


def _split_output(
    counters: Counters,
    fields: Mapping[str, Any],
    total: int,
    units: dict[str, Quantity],
    details: dict[str, Quantity],
    text_output: bool,
) -> bool:
    """Put the output's tokens into `units`. False when the parts exceed the total: then all are text."""
    parts = counters.child(
        fields, "completion_tokens_details", "output_tokens_details", "completion_token_details", "output_token_details"
    )
    plain = "output_text_tokens" if text_output else "output_image_tokens"
    if not parts:
        units[plain] = total
        return True
    audio = counters.whole(parts, "audio_tokens") or 0
    image = counters.whole(parts, "image_tokens") or 0
    if not text_output and "image_tokens" not in parts:
        image = total - audio - (counters.whole(parts, "text_tokens") or 0)
    for key in ("reasoning_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"):
        _put(details, key, counters.whole(parts, key) or 0)
    text = total - audio - image
    if text < 0 or image < 0:
        units[plain] = total
        return False
    if text or text_output:
        units["output_text_tokens"] = text
    _put(units, "output_audio_tokens", audio)
    _put(units, "output_image_tokens", image)
    return True


def _put(units: dict[str, Quantity], name: str, quantity: int) -> None:
    if quantity:
        units[name] = quantity


def input_usage(raw: Any) -> Usage | None:
    """Usage of work without output (embeddings, reranking), where some providers state nothing but a total."""
    if isinstance(raw, dict) and "prompt_tokens" not in raw and "input_tokens" not in raw:
        raw = cast("dict[str, Any]", raw)
        counters = Counters()
        total = counters.required(raw, "total_tokens")
        flags = ("malformed",) if counters.malformed else ()
        return usage_of({} if total is None else {"input_text_tokens": total}, raw, flags=flags)
    usage = token_usage(raw)
    if usage is None:
        return None
    # `completion_tokens: 0` of some servers is no unit of such work.
    units = {name: number for name, number in usage.units.items() if number or not name.startswith("output_")}
    return usage_of(units, usage.raw, flags=usage.flags)
