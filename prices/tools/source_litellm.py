"""Reads LiteLLM's price map: one current price a model, spread over field names."""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from read_sources import Field, Fields, Listed, Span, installed_file, provider_map, theirs, threshold

_COSTS = {
    "input_cost_per_token": "input_text_tokens",
    "output_cost_per_token": "output_text_tokens",
    "cache_read_input_token_cost": "cache_read_text_tokens",
    "cache_creation_input_token_cost": "cache_write_tokens",
    "input_cost_per_audio_token": "input_audio_tokens",
    "output_cost_per_audio_token": "output_audio_tokens",
    "cache_read_input_audio_token_cost": "cache_read_audio_tokens",
    "input_cost_per_image_token": "input_image_tokens",
    "output_cost_per_image_token": "output_image_tokens",
    "cache_read_input_image_token_cost": "cache_read_image_tokens",
    "input_cost_per_video_token": "input_video_tokens",
    "output_cost_per_video_token": "output_video_tokens",
    "output_cost_per_video_per_second": "output_seconds",
    "code_interpreter_cost_per_session": "code_interpreter_sessions",
    "ocr_cost_per_page": "pages",
    "annotation_cost_per_page": "annotated_pages",
    "citation_cost_per_token": "citation_tokens",
}
_BY_MODE = {
    "audio_transcription": {"input_cost_per_second": "input_seconds"},
    "audio_speech": {"input_cost_per_character": "input_characters"},
    "rerank": {"input_cost_per_query": "search_units"},
    "search": {"input_cost_per_query": "requests"},
    "image_generation": {"output_cost_per_image": "images"},
    "image_edit": {"output_cost_per_image": "images"},
    "video_generation": {"output_cost_per_second": "output_seconds"},
}
_TIERS = {
    "batches": "batch=true",
    "flex": "service_tier=flex",
    "priority": "service_tier=priority",
    "ultrafast": "service_tier=ultrafast",
    "decisions": "operation=decisions",
}
_AZURE_ZONE = re.compile(r"azure/(us|eu|apac)/(.+)")
_AWS_REGION = re.compile(r"(?:bedrock|bedrock_mantle)/([a-z]{2,3}(?:-gov)?-[a-z]+-\d)/([^/]+)")


@lru_cache(maxsize=1)
def entries() -> dict[str, dict[str, Any]]:
    """The map as it is shipped: name → fields, numbers exact."""
    path = installed_file("litellm", "model_prices_and_context_window_backup.json")
    return json.loads(path.read_text(), parse_float=Decimal)


def read() -> dict[str, dict[str, Listed]]:
    """Our provider → model → prices."""
    fields: dict[str, dict[str, Fields]] = {}
    filled: dict[tuple[str, str, str], str] = {}
    for provider, name, entry in _ranked():
        found = place(provider, name)
        if found is None:
            continue
        model, extra = found
        # Two of the list's providers can be one of ours: the one that `public_lists.yaml` names first is taken.
        owner = filled.setdefault((provider, model, extra), entry["litellm_provider"])
        if owner == entry["litellm_provider"]:
            fields.setdefault(provider, {}).setdefault(model, {}).update(_fields(provider, entry, extra))
    return {
        provider: {name: Listed((Span(None, None, found),)) for name, found in models.items() if found}
        for provider, models in fields.items()
    }


def _ranked() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Our provider, name, entry; the list's providers in the order in which we name them."""
    wanted = theirs("litellm")
    for rank in range(max(len(row.get("litellm", ())) for row in provider_map().values())):
        for name, entry in entries().items():
            for provider in wanted.get(entry.get("litellm_provider", ""), ()):
                if provider_map()[provider]["litellm"].index(entry["litellm_provider"]) == rank:
                    yield provider, name, entry


def place(provider: str, name: str) -> tuple[str, str] | None:
    """The model's own name and the condition that the list's spelling hides; `None` for what is no model."""
    row = provider_map()[provider]
    if any(re.search(word, name) for word in row.get("litellm_skip", ())):
        return None
    if zone := _AZURE_ZONE.fullmatch(name):
        return re.sub(r"^(global-standard|global)/", "", zone[2]), f"deployment_type=datazone_{zone[1]}"
    if region := _AWS_REGION.fullmatch(name):
        return region[2], f"region={region[1]}"
    for prefix in row.get("litellm_strip", ()):
        name = name.removeprefix(prefix)
    only = tuple(row.get("litellm_only", [""]))
    return (name, "") if name.startswith(only) else None


def _fields(provider: str, entry: Mapping[str, Any], extra: str) -> Iterator[tuple[Field, Decimal]]:
    by_mode = _BY_MODE.get(entry.get("mode", ""), {})
    if "input_cost_per_second" in entry and provider in ("openai", "azure_openai"):
        by_mode = {**by_mode, "input_cost_per_second": "input_seconds", "input_cost_per_character": "input_characters"}
    for key, value in entry.items():
        parsed = _key(key, by_mode)
        if parsed and isinstance(value, int | Decimal):
            unit, condition, above = parsed
            joined = "&".join(sorted(c for c in (condition, extra) if c))
            yield (unit, joined, threshold(provider, above) if above else 0), _plain(Decimal(value))
    if fees := entry.get("search_context_cost_per_query") if _has_search_fee(provider) else None:
        yield ("web_search_calls", extra, 0), Decimal(fees["search_context_size_medium"])
    reasoning = entry.get("output_cost_per_reasoning_token")
    if reasoning is not None and reasoning != entry.get("output_cost_per_token"):
        yield ("reasoning_tokens", extra, 0), Decimal(reasoning)
    for tier in entry.get("tiered_pricing") or ():
        yield from _tier(provider, tier, extra)


def _plain(price: Decimal) -> Decimal:
    """The price without the noise of binary fractions."""
    return +price if price == 0 else Decimal(f"{price:.12g}")


def _has_search_fee(provider: str) -> bool:
    return provider_map()[provider].get("litellm_search_fee") == "true"


def _tier(provider: str, tier: Mapping[str, Any], extra: str) -> Iterator[tuple[Field, Decimal]]:
    if "range" not in tier:
        return
    start = int(tier["range"][0])
    for key, value in tier.items():
        if key in _COSTS and isinstance(value, int | Decimal):
            yield (_COSTS[key], extra, threshold(provider, start) if start else 0), Decimal(value)


def _key(key: str, by_mode: Mapping[str, str]) -> Field | None:
    for name, unit in {**_COSTS, **by_mode}.items():
        if not key.startswith(name):
            continue
        rest = key[len(name) :]
        if rest.startswith("_above_1hr") and unit == "cache_write_tokens":
            unit, rest = "cache_write_1h_tokens", rest[len("_above_1hr") :]
        if unit == "output_seconds" and (size := re.fullmatch(r"_(\d+p|\dk)", rest)):
            return unit, f"resolution={size[1]}", 0
        matched = re.fullmatch(r"(?:_above_(\d+)k_tokens)?(?:_(batches|flex|priority|ultrafast|decisions))?", rest)
        if matched:
            above = int(matched[1]) * 1000 if matched[1] else 0
            return unit, _TIERS.get(matched[2] or "", ""), above
    return None
