"""Calls with amounts worked out by hand from the published price lists. Rates are dollars a million unless said."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

IN, CACHED, OUT = "input_text_tokens", "cache_read_text_tokens", "output_text_tokens"
WRITE, WRITE_30M, WRITE_12H = "cache_write_tokens", "cache_write_30m_tokens", "cache_write_12h_tokens"
WRITE_5M, WRITE_1H = "cache_write_5m_tokens", "cache_write_1h_tokens"
AUDIO_IN, AUDIO_CACHED, AUDIO_OUT = "input_audio_tokens", "cache_read_audio_tokens", "output_audio_tokens"
IMAGE_IN, IMAGE_CACHED, IMAGE_OUT = "input_image_tokens", "cache_read_image_tokens", "output_image_tokens"

BATCH = {"batch": "true"}
FLEX = {"service_tier": "flex"}
PRIORITY = {"service_tier": "priority"}
FAST = {"speed": "fast"}
US = {"inference_geo": "us"}
EU_HOST = {"region": "eu"}


class Example(NamedTuple):
    model: str
    units: dict[str, int]
    usd: str
    dimensions: Mapping[str, str] = MappingProxyType({})
    provider: str = "openai"
    at: str = "2026-11-10T12:00:00+00:00"
    operation: str = "responses"
    state: str = "priced"


def anthropic(model: str, units: dict[str, int], usd: str, dimensions: dict[str, str] | None = None, **more: str):
    return Example(model, units, usd, dimensions or {}, provider="anthropic", operation="messages", **more)


def azure(model: str, units: dict[str, int], usd: str, dimensions: dict[str, str] | None = None, **more: str):
    return Example(model, units, usd, dimensions or {}, provider="azure_openai", **more)


OPENAI = {
    # 1000×2.50 + 500×10 = 2500 + 5000 = 7500
    "gpt-4o": Example("gpt-4o", {IN: 1000, OUT: 500}, "0.0075"),
    # 86×2.50 + 1920×1.25 + 300×10 = 215 + 2400 + 3000 = 5615
    "gpt-4o-cached-half": Example("gpt-4o", {IN: 86, CACHED: 1920, OUT: 300}, "0.005615"),
    # 100×0.40 + 400×0.10 + 50×1.60 = 40 + 40 + 80 = 160
    "gpt-4.1-mini-cached-quarter": Example("gpt-4.1-mini", {IN: 100, CACHED: 400, OUT: 50}, "0.00016"),
    # 100×1.25 + 900×0.125 + 10×10 = 125 + 112.5 + 100 = 337.5
    "gpt-5-cached-tenth": Example("gpt-5", {IN: 100, CACHED: 900, OUT: 10}, "0.0003375"),
    # 1000×2 + 1000×0.10 = 2000 + 100 = 2100
    "gpt-6.1-sol-cached-twentieth": Example("gpt-6.1-sol", {IN: 1000, CACHED: 1000}, "0.0021"),
    # No discount on this model: 100×30 + 100×30 + 10×180 = 3000 + 3000 + 1800 = 7800
    "gpt-5.4-pro-no-cache-discount": Example("gpt-5.4-pro", {IN: 100, CACHED: 100, OUT: 10}, "0.0078"),
    # 3×150 + 1×600 = 1050
    "o1-pro": Example("o1-pro", {IN: 3, OUT: 1}, "0.00105"),
    # 777×0.02 = 15.54
    "embedding-small": Example("text-embedding-3-small", {IN: 777}, "0.00001554", operation="embeddings"),
    # 1×0.13
    "embedding-large-one-token": Example("text-embedding-3-large", {IN: 1}, "0.00000013", operation="embeddings"),
    # 1000×0.01
    "embedding-small-batch": Example("text-embedding-3-small", {IN: 1000}, "0.00001", BATCH, operation="embeddings"),
    # 1000×0.50 + 1000×1.50
    "gpt-3.5": Example("gpt-3.5-turbo-0125", {IN: 1000, OUT: 1000}, "0.002", operation="chat.completions"),
    # 10×30 + 10×60
    "gpt-4-old-snapshot": Example("gpt-4-0613", {IN: 10, OUT: 10}, "0.0009", operation="chat.completions"),
    # 1000×1.10 + 2000×4.40
    "o3-mini": Example("o3-mini-2025-01-31", {IN: 1000, OUT: 2000}, "0.0099"),
    # 10000×10 + 1000×40
    "deep-research": Example("o3-deep-research-2025-06-26", {IN: 10_000, OUT: 1000}, "0.14"),
    # 1000×3 + 100×12
    "computer-use": Example("computer-use-preview-2025-03-11", {IN: 1000, OUT: 100}, "0.0042"),
    # 1000×1.50 + 1000×0.375 + 100×6
    "codex-mini": Example("codex-mini-latest", {IN: 1000, CACHED: 1000, OUT: 100}, "0.002475"),
}

CACHE_WRITES = {
    # 2000×2 + 40000×0.10 + 8000×2.50 + 800×10 = 4000 + 4000 + 20000 + 8000
    "unknown-ttl": Example("gpt-6.1-sol", {IN: 2000, CACHED: 40_000, WRITE: 8000, OUT: 800}, "0.036"),
    # 1000×12.50: the ordinary time to live
    "half-hour": Example("gpt-6-astra", {WRITE_30M: 1000}, "0.0125"),
    # 1000 × (2.5×10)
    "twelve-hours": Example("gpt-6-astra", {WRITE_12H: 1000}, "0.025"),
    # Flex: 1000 × (2.5×5)
    "twelve-hours-flex": Example("gpt-6-astra", {WRITE_12H: 1000}, "0.0125", FLEX),
    # Before gpt-5.6 writes are input: 100×1.25 + 50×1.25
    "free-of-charge-before-5.6": Example("gpt-5", {IN: 100, WRITE: 50}, "0.0001875"),
    # 14000×5 + 155000×0.50 + 3000×6.25 = 70000 + 77500 + 18750, before the price cut
    "write-read-mix": Example(
        "gpt-5.6-sol", {IN: 14_000, CACHED: 155_000, WRITE: 3000}, "0.16625", at="2026-08-01T00:00:00+00:00"
    ),
}

TIERS = {
    # 6000×1 + 4000×0.25 + 2000×4
    "o3-flex": Example("o3", {IN: 6000, CACHED: 4000, OUT: 2000}, "0.015", FLEX),
    # 1000×0.55 + 1000×0.138 (published rounding) + 100×2.20
    "o4-mini-flex-rounded": Example("o4-mini", {IN: 1000, CACHED: 1000, OUT: 100}, "0.000908", FLEX),
    # 1000×0.13 (published rounding)
    "gpt-5.4-flex-rounded": Example("gpt-5.4", {CACHED: 1000}, "0.00013", FLEX),
    # 9×0.25 + 2×1
    "gpt-4o-mini-priority": Example("gpt-4o-mini", {IN: 9, OUT: 2}, "0.00000425", PRIORITY),
    # 1000×4.25 + 100×17: 1.7 times
    "gpt-4o-priority": Example("gpt-4o-2024-08-06", {IN: 1000, OUT: 100}, "0.00595", PRIORITY),
    # 1000×0.45 + 1000×3.60: 1.8 times
    "gpt-5-mini-priority": Example("gpt-5-mini", {IN: 1000, OUT: 1000}, "0.00405", PRIORITY),
    # 100×12.50 + 10×75: 2.5 times
    "gpt-5.5-priority": Example("gpt-5.5", {IN: 100, OUT: 10}, "0.002", PRIORITY),
    # `fast` is the priority tier's newer name: 100×4 + 10×20
    "gpt-6-sol-fast": Example("gpt-6-sol", {IN: 100, OUT: 10}, "0.0006", {"service_tier": "fast"}),
    # 100×60 + 10×300
    "gpt-6-astra-ultrafast": Example("gpt-6-astra", {IN: 100, OUT: 10}, "0.009", {"service_tier": "ultrafast"}),
    # Tier names that mean the list price
    "auto-is-default": Example("gpt-5", {IN: 1000}, "0.00125", {"service_tier": "auto"}),
}

BATCHES = {
    # 4000×0.625 + 6000×0.0625 + 1000×5
    "gpt-5-cached": Example("gpt-5", {IN: 4000, CACHED: 6000, OUT: 1000}, "0.007875", BATCH),
    # Cached keeps the standard price where the table lists none: 1000×1.25 + 1000×1.25 + 100×5
    "gpt-4o-cached": Example("gpt-4o", {IN: 1000, CACHED: 1000, OUT: 100}, "0.003", BATCH),
    # 1000×1 + 1000×0.50
    "gpt-4.1-cached": Example("gpt-4.1", {IN: 1000, CACHED: 1000}, "0.0015", BATCH),
    # The batch table lists the standard price: 1000×1 + 1000×2
    "gpt-3.5-1106-no-discount": Example("gpt-3.5-turbo-1106", {IN: 1000, OUT: 1000}, "0.003", BATCH),
    # 1000×0.13 (published rounding) + 100×7.50
    "gpt-5.4-cached-rounded": Example("gpt-5.4", {CACHED: 1000, OUT: 100}, "0.00088", BATCH),
    # The tier says batch: 1000×1 + 100×5
    "tier-named-batch": Example("gpt-6-sol", {IN: 1000, OUT: 100}, "0.0015", {"service_tier": "batch"}),
    # 100×2.50 + 1000×20
    "gpt-image-1": Example("gpt-image-1", {IN: 100, IMAGE_OUT: 1000}, "0.02025", BATCH, operation="images"),
}

LONG_CONTEXT = {
    # Exactly 272,000 is short: 272000×2.50 + 1000×15
    "at-the-limit": Example("gpt-5.4", {IN: 272_000, OUT: 1000}, "0.695"),
    # One more re-rates everything: 272001×5 + 1000×22.50 = 1360005 + 22500
    "one-over": Example("gpt-5.4", {IN: 272_001, OUT: 1000}, "1.382505"),
    # Cached tokens count and are re-rated: 20000×5 + 280000×0.50 + 1000×22.50
    "cached-counts": Example("gpt-5.4", {IN: 20_000, CACHED: 280_000, OUT: 1000}, "0.2625"),
    # Written tokens count too: 100000×4 + 100000×0.40 + 72001×5 = 400000 + 40000 + 360005
    "writes-count": Example("gpt-6-sol", {IN: 100_000, CACHED: 100_000, WRITE: 72_001}, "0.800005"),
    # Output does not count: 272000×2 + 100000×10
    "output-does-not-count": Example("gpt-6-sol", {IN: 272_000, OUT: 100_000}, "1.544"),
    # Batch: 300000×2.50 + 100×11.25
    "batch": Example("gpt-5.4", {IN: 300_000, OUT: 100}, "0.751125", BATCH),
    # Flex: 300000×2 + 1000×7.50
    "flex": Example("gpt-6-sol", {IN: 300_000, OUT: 1000}, "0.6075", FLEX),
    # Priority: 300000×8 + 1000×30
    "priority": Example("gpt-6-sol", {IN: 300_000, OUT: 1000}, "2.43", PRIORITY),
    # Twelve-hour writes follow the dearer input: 272001 × (2.5×4) = 2720010
    "twelve-hour-writes": Example("gpt-6-sol", {WRITE_12H: 272_001}, "2.72001"),
    # No long tier on this model: 300000×1.25
    "gpt-5-has-none": Example("gpt-5", {IN: 300_000}, "0.375"),
    # A tool fee does not change: 300000×4 + 1 search at $10 a thousand
    "tool-fee-stays": Example("gpt-6-sol", {IN: 300_000, "web_search_calls": 1}, "1.21"),
}

REGIONS = {
    # 1000 × (1.1×2) + 100 × (1.1×10)
    "residency": Example("gpt-6-sol", {IN: 1000, OUT: 100}, "0.0033", EU_HOST),
    # Long, flex and residency: 300000 × (1.1×2)
    "residency-flex-long": Example("gpt-6-sol", {IN: 300_000}, "0.66", {**FLEX, **EU_HOST}),
    # Older models cost the same everywhere: 1000×1.25
    "no-uplift-before-5.4": Example("gpt-5", {IN: 1000}, "0.00125", EU_HOST),
    # The fee is not uplifted: 1000 × 2.2 + 10/1000
    "fee-not-uplifted": Example("gpt-6-sol", {IN: 1000, "web_search_calls": 1}, "0.0122", EU_HOST),
    "global-is-list": Example("gpt-6-sol", {IN: 1000}, "0.002", {"region": "global"}),
}

TOOLS = {
    # 9000×1.25 + 700×10 + 2×10/1000 = 11250 + 7000 + 20000
    "web-search": Example("gpt-5", {IN: 9000, OUT: 700, "web_search_calls": 2}, "0.03825"),
    # 1000×2.50 + 1×25/1000
    "preview-search": Example(
        "gpt-4o", {IN: 1000, "web_search_calls": 1}, "0.0275", {"web_search_tool": "web_search_preview"}
    ),
    # Reasoning models pay the ordinary fee for it: 10/1000
    "preview-search-reasoning": Example(
        "gpt-5", {"web_search_calls": 1}, "0.01", {"web_search_tool": "web_search_preview"}
    ),
    # This model searches before every answer: 1000×2.50 + 25/1000
    "search-model": Example("gpt-4o-search-preview", {IN: 1000}, "0.0275", operation="chat.completions"),
    # 1000×1.25 + 10/1000
    "search-api": Example("gpt-5-search-api", {IN: 1000}, "0.01125", operation="chat.completions"),
    # 3×2.50/1000 + 1×0.03
    "file-search-and-code": Example("gpt-5", {"file_search_calls": 3, "code_interpreter_sessions": 1}, "0.0375"),
    # Fees have no batch discount: 1000×0.625 + 10/1000
    "fee-in-batch": Example("gpt-5", {IN: 1000, "web_search_calls": 1}, "0.010625", BATCH),
    # 500×0.10, output free
    "decisions": Example("gpt-6-luna", {IN: 500, OUT: 5}, "0.00005", operation="decisions"),
}

MEDIA = {
    # 150×5 + 8000×40
    "gpt-image-1": Example("gpt-image-1", {IN: 150, IMAGE_OUT: 8000}, "0.32075", operation="images"),
    # 100×5 + 1000×8 + 200×2 + 50×10 + 1000×32 = 500 + 8000 + 400 + 500 + 32000
    "gpt-image-1.5": Example(
        "gpt-image-1.5-2025-12-16",
        {IN: 100, IMAGE_IN: 1000, IMAGE_CACHED: 200, OUT: 50, IMAGE_OUT: 1000},
        "0.0414",
        {"size": "1024x1024", "quality": "high"},
        operation="images",
    ),
    # 1000×30
    "gpt-image-2": Example("gpt-image-2", {IMAGE_OUT: 1000}, "0.03", operation="images"),
    "dall-e-3-default": Example("dall-e-3", {"images": 2}, "0.08", operation="images"),
    "dall-e-3-hd-wide": Example(
        "dall-e-3", {"images": 1}, "0.12", {"size": "1792x1024", "quality": "hd"}, operation="images"
    ),
    "dall-e-2-small": Example("dall-e-2", {"images": 3}, "0.048", {"size": "256x256"}, operation="images"),
    # 0.042 each, a typical price where no tokens are stated
    "gpt-image-1-by-size": Example(
        "gpt-image-1",
        {"images": 2},
        "0.084",
        {"size": "1024x1024", "quality": "medium"},
        operation="images",
        state="estimated",
    ),
    # 1000×15
    "tts-1": Example("tts-1", {"input_characters": 1000}, "0.015", operation="audio.speech"),
    "tts-1-hd": Example("tts-1-hd-1106", {"input_characters": 1}, "0.00003", operation="audio.speech"),
    # 100×0.60 + 1000×12
    "mini-tts": Example("gpt-4o-mini-tts", {IN: 100, AUDIO_OUT: 1000}, "0.01206", operation="audio.speech"),
    # 90 seconds at 0.006 a minute
    "whisper": Example("whisper-1", {"input_seconds": 90}, "0.009", operation="audio.transcriptions"),
    # 1 second at 0.017 a minute = 0.00028333…, rounded half-even to 12 decimals
    "live-transcribe-one-second": Example("gpt-live-transcribe", {"input_seconds": 1}, "0.000283333333"),
    # 60 × 0.017/60, exact again
    "live-transcribe-minute": Example("gpt-live-transcribe", {"input_seconds": 60}, "0.017"),
    # 600×6 + 240×10
    "transcribe": Example("gpt-4o-transcribe", {AUDIO_IN: 600, OUT: 240}, "0.006", operation="audio.transcriptions"),
    # 100×4 + 1000×32 + 500×0.40 + 50×16 + 800×64 = 400 + 32000 + 200 + 800 + 51200
    "realtime": Example(
        "gpt-realtime-2025-08-28",
        {IN: 100, AUDIO_IN: 1000, AUDIO_CACHED: 500, OUT: 50, AUDIO_OUT: 800},
        "0.0846",
        operation="realtime",
    ),
    # 1000×10 + 100×20
    "audio-mini": Example("gpt-audio-mini-2025-12-15", {AUDIO_IN: 1000, AUDIO_OUT: 100}, "0.012"),
    # Image input of a chat model is text: 500×2.50
    "image-in-chat": Example("gpt-4o", {IMAGE_IN: 500}, "0.00125", operation="chat.completions"),
    # 8 s × 0.10, 8 s × 0.50
    "sora": Example("sora-2", {"output_seconds": 8}, "0.8", {"size": "1280x720"}, operation="videos"),
    "sora-pro-large": Example("sora-2-pro", {"output_seconds": 8}, "4", {"size": "1792x1024"}, operation="videos"),
}

NAMES = {
    # This snapshot has its own price: 1000×5 + 500×15
    "dated-with-own-row": Example("gpt-4o-2024-05-13", {IN: 1000, OUT: 500}, "0.0125"),
    # 1000×1.75 + 100×14
    "date": Example("gpt-5.2-2025-12-11", {IN: 1000, OUT: 100}, "0.00315"),
    "compact-date": Example("gpt-5.2-20251211", {IN: 1000, OUT: 100}, "0.00315"),
    "prefix": Example("openai/gpt-5.2", {IN: 1000, OUT: 100}, "0.00315"),
    "case": Example("GPT-5.2", {IN: 1000, OUT: 100}, "0.00315"),
    # 2000×0.30 + 400×1.20
    "fine-tuned": Example("ft:gpt-4o-mini-2024-07-18:acme:support-bot:AbC123", {IN: 2000, OUT: 400}, "0.00108"),
    # 100×0.15 (half of 0.30) + 10×1.20
    "fine-tuned-cached": Example("ft:gpt-4o-mini-2024-07-18:acme::x", {CACHED: 100, OUT: 10}, "0.000027"),
    # 1000×3 + 100×12
    "fine-tuned-4.1": Example("ft:gpt-4.1-2025-04-14:acme::x", {IN: 1000, OUT: 100}, "0.0042"),
    # 1000×3.75 + 100×15
    "fine-tuned-checkpoint": Example("ft:gpt-4o-2024-08-06:acme::id:ckpt-step-10", {IN: 1000, OUT: 100}, "0.00525"),
}

HISTORY = {
    # Before the cut 2000×5 + 800×30 = 10000 + 24000; after it 2000×4 + 800×20 = 8000 + 16000
    "sol-last-second-before": Example("gpt-5.6-sol", {IN: 2000, OUT: 800}, "0.034", at="2026-08-20T23:59:59+00:00"),
    "sol-first-second-after": Example("gpt-5.6", {IN: 2000, OUT: 800}, "0.024", at="2026-08-21T00:00:00+00:00"),
    # The same instant in another time zone: 02:00+02:00 is midnight UTC
    "sol-in-another-zone": Example("gpt-5.6-sol", {IN: 2000, OUT: 800}, "0.024", at="2026-08-21T02:00:00+02:00"),
    # 300000×10
    "sol-long-before": Example("gpt-5.6-sol", {IN: 300_000}, "3", at="2026-08-01T00:00:00+00:00"),
    # 1000×1 + 100×6; after 1000×0.20 + 100×1.20
    "luna-before": Example("gpt-5.6-luna", {IN: 1000, OUT: 100}, "0.0016", at="2026-07-29T00:00:00+00:00"),
    "luna-after": Example("gpt-5.6-luna", {IN: 1000, OUT: 100}, "0.00032", at="2026-07-30T00:00:00+00:00"),
    # Priority then: 1000×5
    "terra-priority-before": Example("gpt-5.6-terra", {IN: 1000}, "0.005", PRIORITY, at="2026-07-01T00:00:00+00:00"),
    # 1000×10 + 100×40; after 1000×2 + 100×8
    "o3-before": Example("o3", {IN: 1000, OUT: 100}, "0.014", at="2025-06-01T00:00:00+00:00"),
    "o3-after": Example("o3-2025-04-16", {IN: 1000, OUT: 100}, "0.0028", at="2025-06-10T00:00:00+00:00"),
    # Tiers apply to earlier calls too: 1000×1
    "flex-in-june": Example("o3", {IN: 1000}, "0.001", FLEX, at="2026-06-15T00:00:00+00:00"),
    # Above 200,000 until 2026-03-13: 250000×6 + 100×22.50; after: 250000×3 + 100×15
    "sonnet-4.6-long-before": anthropic(
        "claude-sonnet-4-6", {IN: 250_000, OUT: 100}, "1.50225", at="2026-03-12T23:59:59+00:00"
    ),
    "sonnet-4.6-long-after": anthropic(
        "claude-sonnet-4-6", {IN: 250_000, OUT: 100}, "0.7515", at="2026-03-13T00:00:00+00:00"
    ),
    # 1000×30, six times, until 2026-08-06
    "opus-4.6-fast": anthropic("claude-opus-4-6", {IN: 1000}, "0.03", FAST, at="2026-05-01T00:00:00+00:00"),
    # Cache reads 0.20, from 2026-10-07 0.10
    "sonnet-5.5-cached-before": anthropic(
        "claude-sonnet-5-5", {CACHED: 1000}, "0.0002", at="2026-10-01T00:00:00+00:00"
    ),
    "sonnet-5.5-cached-after": anthropic("claude-sonnet-5-5", {CACHED: 1000}, "0.0001"),
}

ANTHROPIC = {
    # 1500×2 + 300×10
    "sonnet-5.5": anthropic("claude-sonnet-5-5", {IN: 1500, OUT: 300}, "0.006"),
    # 2095×1 + 503×5
    "haiku-4.5-dated": anthropic("claude-haiku-4-5-20251001", {IN: 2095, OUT: 503}, "0.00461"),
    # 3×3 + 12304×3.75 + 550×15 = 9 + 46140 + 8250
    "write-real": anthropic("claude-3-7-sonnet-20250219", {IN: 3, WRITE: 12_304, OUT: 550}, "0.054399"),
    # 5×3 + 128955×0.30 + 1253×3.75 + 300×15 = 15 + 38686.5 + 4698.75 + 4500
    "read-and-write": anthropic("claude-sonnet-4-5", {IN: 5, CACHED: 128_955, WRITE_5M: 1253, OUT: 300}, "0.04790025"),
    # 100×5 + 600000×6.25 + 400000×10 + 200×25
    "both-ages": anthropic("claude-opus-4-8", {IN: 100, WRITE_5M: 600_000, WRITE_1H: 400_000, OUT: 200}, "7.7555"),
    # 10×0.25 + 20000×0.03 + 4000×0.30 + 50×1.25 = 2.5 + 600 + 1200 + 62.5
    "haiku-3-odd-cache": anthropic(
        "claude-3-haiku-20240307", {IN: 10, CACHED: 20_000, WRITE_5M: 4000, OUT: 50}, "0.001865"
    ),
    # 1000×10 + 100000×0.25 + 100×50
    "fable-5.1-fortieth": anthropic("claude-fable-5-1", {IN: 1000, CACHED: 100_000, OUT: 100}, "0.04"),
    # 10000×0.20
    "opus-5.5-twentieth": anthropic("claude-opus-5-5", {CACHED: 10_000}, "0.002"),
    # 1000×8 + 10000×0.40 + 500×40
    "opus-5.5-fast": anthropic("claude-opus-5-5", {IN: 1000, CACHED: 10_000, OUT: 500}, "0.032", FAST),
    # 1000 × (1.1×4) + 100 × (1.1×20)
    "opus-5.5-us": anthropic("claude-opus-5-5", {IN: 1000, OUT: 100}, "0.0066", US),
    # 1000 × (1.1×2×4)
    "opus-5.5-fast-us": anthropic("claude-opus-5-5", {IN: 1000}, "0.0088", {**FAST, **US}),
    # 1000 × (1.1×4/2)
    "opus-5.5-batch-us": anthropic("claude-opus-5-5", {IN: 1000}, "0.0022", {**BATCH, **US}),
    # Earlier models cost the same in the US: 1000×1
    "haiku-4.5-us": anthropic("claude-haiku-4-5", {IN: 1000}, "0.001", US),
    "geo-global": anthropic("claude-opus-5-5", {IN: 1000}, "0.004", {"inference_geo": "global"}),
    # 1000×1.50 + 1000×0.15 + 1000×1.875 + 1000×3 + 100×7.50 = 1500 + 150 + 1875 + 3000 + 750
    "batch-halves-the-cache": anthropic(
        "claude-sonnet-4-6", {IN: 1000, CACHED: 1000, WRITE_5M: 1000, WRITE_1H: 1000, OUT: 100}, "0.007275", BATCH
    ),
    # Not the search: 1000×1.50 + 10/1000
    "batch-search-in-full": anthropic("claude-sonnet-4-6", {IN: 1000, "web_search_calls": 1}, "0.0115", BATCH),
    # 100×3 + 3×10/1000; fetching is free
    "search-and-fetch": anthropic(
        "claude-sonnet-4-6", {IN: 100, "web_search_calls": 3, "web_fetch_calls": 5}, "0.0303"
    ),
    # Exactly 100,000 is short: 60000×0.10 + 40000×0.01 = 6000 + 400
    "haiku-5.5-at-the-limit": anthropic("claude-haiku-5-5", {IN: 60_000, CACHED: 40_000}, "0.0064"),
    # One written token more: 60000×0.50 + 40000×0.05 + 1×0.625 + 10×2.50 = 30000 + 2000 + 0.625 + 25
    "haiku-5.5-over": anthropic(
        "claude-haiku-5-5-20261007", {IN: 60_000, CACHED: 40_000, WRITE_5M: 1, OUT: 10}, "0.032025625"
    ),
    # Batch over the limit: 100001×0.25
    "haiku-5.5-over-batch": anthropic("claude-haiku-5-5", {IN: 100_001}, "0.02500025", BATCH),
    # 1000×15 + 100×75
    "opus-4-dated": anthropic("claude-opus-4-20250514", {IN: 1000, OUT: 100}, "0.0225"),
    "opus-4.1-dotted": anthropic("claude-opus-4.1", {IN: 1000, OUT: 100}, "0.0225"),
    # 1000×0.80 + 100×4
    "haiku-3.5-latest": anthropic("claude-3-5-haiku-latest", {IN: 1000, OUT: 100}, "0.0012"),
    "standard-tier": anthropic("claude-sonnet-5", {IN: 1000}, "0.002", {"service_tier": "standard"}),
}

AZURE = {
    # Global costs what OpenAI lists
    "global": azure("gpt-4o-2024-08-06", {IN: 1000, OUT: 500}, "0.0075"),
    "global-named": azure("gpt-4o-2024-08-06", {IN: 1000, OUT: 500}, "0.0075", {"deployment_type": "global"}),
    # 1000×2.75 + 500×11
    "data-zone": azure("gpt-4o-2024-08-06", {IN: 1000, OUT: 500}, "0.00825", {"deployment_type": "datazone_us"}),
    # Listed rounded: 1000×0.303
    "data-zone-rounded": azure("o4-mini", {CACHED: 1000}, "0.000303", {"deployment_type": "datazone_eu"}),
    # 20% in the EU for generation 6: 1000×2.40; 10% in the US: 1000×2.20
    "data-zone-eu-6": azure("gpt-6-sol", {IN: 1000}, "0.0024", {"deployment_type": "datazone_eu"}),
    "data-zone-us-6": azure("gpt-6-sol", {IN: 1000}, "0.0022", {"deployment_type": "datazone_us"}),
    # Azure has a price for long priority requests: 300000×10
    "priority-long": azure("gpt-5.4", {IN: 300_000}, "3", PRIORITY),
    # 1000×1.25 + 100×5
    "global-batch": azure("gpt-4o-2024-11-20", {IN: 1000, OUT: 100}, "0.00175", {"deployment_type": "globalbatch"}),
    # 100×0.02
    "embedding": azure("text-embedding-3-small", {IN: 100}, "0.000002", operation="embeddings"),
    "old-spelling": azure("gpt-35-turbo", {IN: 1000}, "0.0005"),
}

EXAMPLES: dict[str, Example] = {
    f"{group}:{name}": example
    for group, examples in (
        ("openai", OPENAI),
        ("cache-writes", CACHE_WRITES),
        ("tiers", TIERS),
        ("batch", BATCHES),
        ("long-context", LONG_CONTEXT),
        ("regions", REGIONS),
        ("tools", TOOLS),
        ("media", MEDIA),
        ("names", NAMES),
        ("history", HISTORY),
        ("anthropic", ANTHROPIC),
        ("azure", AZURE),
    )
    for name, example in examples.items()
}
