"""Token usage of Google's `usageMetadata` and of interactions, as disjoint units.

The prompt includes cached tokens; the candidates exclude thoughts; tokens of tool results come on top
(https://ai.google.dev/api/generate-content#UsageMetadata, read 2026-11-21).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from llmobserve.providers.quantities import Counters, as_mapping, usage_of
from llmobserve.wire import Quantity, Usage

__all__ = ["interaction_usage", "live_usage", "metadata_usage"]

# Documents are read as text and pictures of their pages; one price holds for both.
_KINDS = {"AUDIO": "audio", "IMAGE": "image", "VIDEO": "video"}


@dataclass(frozen=True)
class _Names:
    """How one of the two interfaces names its counters."""

    total: str
    prompt: str
    cached: str
    answer: str
    thoughts: str
    tools: str
    prompt_kinds: str
    cached_kinds: str
    answer_kinds: str
    tool_kinds: str
    count: str


_METADATA = _Names(
    total="totalTokenCount",
    prompt="promptTokenCount",
    cached="cachedContentTokenCount",
    answer="candidatesTokenCount",
    thoughts="thoughtsTokenCount",
    tools="toolUsePromptTokenCount",
    prompt_kinds="promptTokensDetails",
    cached_kinds="cacheTokensDetails",
    answer_kinds="candidatesTokensDetails",
    tool_kinds="toolUsePromptTokensDetails",
    count="tokenCount",
)
_LIVE = replace(_METADATA, answer="responseTokenCount", answer_kinds="responseTokensDetails")
_INTERACTION = _Names(
    total="total_tokens",
    prompt="total_input_tokens",
    cached="total_cached_tokens",
    answer="total_output_tokens",
    thoughts="total_thought_tokens",
    tools="total_tool_use_tokens",
    prompt_kinds="input_tokens_by_modality",
    cached_kinds="cached_tokens_by_modality",
    answer_kinds="output_tokens_by_modality",
    tool_kinds="tool_use_tokens_by_modality",
    count="tokens",
)


def metadata_usage(raw: Any, *, tools_billed: bool = True) -> Usage | None:
    """Usage of a `usageMetadata` object, `None` when there is none.

    `tools_billed` says whether the tokens of tool results cost: those of fetched pages do, those of search do not.
    """
    return _usage(raw, _METADATA, tools_billed)


def interaction_usage(raw: Any, *, tools_billed: bool = True) -> Usage | None:
    """The same for the `usage` object of an interaction."""
    return _usage(raw, _INTERACTION, tools_billed)


def live_usage(raw: Any, *, tools_billed: bool = True) -> Usage | None:
    """The same for the `usageMetadata` of a Live session, whose total leaves the thoughts out.

    Seen of gemini-3.8-live: 522 of the prompt and 42 of the answer beside 136 thoughts, with a total of 564
    (https://discuss.ai.google.dev/t/188765, 2026-11-21).
    """
    usage = _usage(raw, _LIVE, tools_billed)
    if usage is None or "sum_mismatch" not in usage.flags:
        return usage
    fields = as_mapping(raw)
    counters = Counters()
    total, thoughts = (counters.whole(fields, key) for key in (_LIVE.total, _LIVE.thoughts))
    if total is None or not thoughts:
        return usage
    whole = _usage({**fields, _LIVE.total: total + thoughts}, _LIVE, tools_billed)
    return usage if whole is None else replace(whole, raw=usage.raw)


def _usage(raw: Any, names: _Names, tools_billed: bool) -> Usage | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        return usage_of({}, raw, flags=("malformed",))
    fields = cast("dict[str, Any]", raw)
    counters = Counters()
    whole = counters.whole
    prompt, answer = counters.required(fields, names.prompt), whole(fields, names.answer)
    thoughts, tools, total = whole(fields, names.thoughts), whole(fields, names.tools), whole(fields, names.total)
    stated = sum(part or 0 for part in (prompt, answer, thoughts, tools))
    consistent = total is None or total in (stated, stated - (tools or 0))
    units: dict[str, Quantity] = {}
    if prompt is not None and not _split_prompt(counters, fields, names, prompt, units):
        consistent = False
    if tools and tools_billed:
        kinds, _ = _by_kind(counters, fields.get(names.tool_kinds), names.count, tools)
        for kind, number in kinds.items():
            _add(units, f"input_{kind}_tokens", number)
    details: dict[str, Quantity] = {}
    if answer is not None or thoughts is not None or (total is not None and consistent):
        kinds, fits = _by_kind(counters, fields.get(names.answer_kinds), names.count, answer or 0)
        consistent = consistent and fits
        units["output_text_tokens"] = kinds.pop("text", 0) + (thoughts or 0)
        for kind, number in kinds.items():
            _add(units, f"output_{kind}_tokens", number)
        if thoughts:
            details["reasoning_tokens"] = thoughts
    flags = () if consistent else ("sum_mismatch",)
    if counters.malformed:
        flags += ("malformed",)
    return usage_of(units, fields, details=details, flags=flags)


def _split_prompt(
    counters: Counters, fields: Mapping[str, Any], names: _Names, prompt: int, units: dict[str, Quantity]
) -> bool:
    """Put the prompt's tokens into `units`. False when the parts exceed their total: then all are fresh text."""
    cached = counters.whole(fields, names.cached) or 0
    kinds, fits = _by_kind(counters, fields.get(names.prompt_kinds), names.count, prompt)
    if not fits or cached > prompt:
        units["input_text_tokens"] = prompt
        return False
    cached_kinds, fits = _by_kind(counters, fields.get(names.cached_kinds), names.count, cached)
    if (
        not fits
        or not fields.get(names.cached_kinds)
        or any(n > kinds.get(kind, 0) for kind, n in cached_kinds.items())
    ):
        cached_kinds = _from_text_first(kinds, cached)
    fresh = {kind: number - cached_kinds.get(kind, 0) for kind, number in kinds.items()}
    units["input_text_tokens"] = fresh.pop("text", 0)
    for kind, number in fresh.items():
        _add(units, f"input_{kind}_tokens", number)
    for kind, number in cached_kinds.items():
        _add(units, f"cache_read_{kind}_tokens", number)
    return fits


def _by_kind(counters: Counters, parts: Any, count: str, total: int) -> tuple[dict[str, int], bool]:
    """Tokens by kind, what no part names being text. False when the parts exceed the total: then all are text."""
    kinds: dict[str, int] = {}
    for part in cast("list[Any]", parts) if isinstance(parts, list) else []:
        fields = as_mapping(part)
        kind = _KINDS.get(str(fields.get("modality")).upper(), "text")
        kinds[kind] = kinds.get(kind, 0) + (counters.whole(fields, count) or 0)
    rest = total - sum(kinds.values())
    if rest < 0:
        return {"text": total}, False
    kinds["text"] = kinds.get("text", 0) + rest
    return kinds, True


def _from_text_first(kinds: Mapping[str, int], cached: int) -> dict[str, int]:
    """Cached tokens whose kind is not stated: as many as there are of text, then of the others."""
    taken: dict[str, int] = {}
    for kind in ("text", *(kind for kind in kinds if kind != "text")):
        taken[kind] = min(kinds.get(kind, 0), cached)
        cached -= taken[kind]
    return taken


def _add(units: dict[str, Quantity], name: str, number: int) -> None:
    if number:
        units[name] = units.get(name, 0) + number
