"""Calls to providers beside OpenAI and Anthropic, worked out by hand. Rates are dollars a million unless said."""

from decimal import Decimal
from typing import NamedTuple

from llmobserve.wire import Quantity

IN, CACHED, OUT = "input_text_tokens", "cache_read_text_tokens", "output_text_tokens"
WRITE, WRITE_5M, WRITE_1H = "cache_write_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"
AUDIO_IN, AUDIO_CACHED, IMAGE_IN, VIDEO_IN = (
    "input_audio_tokens",
    "cache_read_audio_tokens",
    "input_image_tokens",
    "input_video_tokens",
)
SEARCHES, PROMPTS, MAPS = "web_search_calls", "grounded_prompts", "map_queries"
BATCH = {"batch": "true"}


class Example(NamedTuple):
    provider: str
    model: str
    units: dict[str, Quantity]
    usd: str | None
    """`None` = unpriced."""
    dimensions: dict[str, str] = {}  # noqa: RUF012 - never changed
    at: str = "2026-11-10T12:00:00+00:00"
    state: str = "priced"


def gemini(model: str, units: dict[str, Quantity], usd: str | None, **more: str) -> Example:
    return _example("google_gemini", model, units, usd, more)


def vertex(model: str, units: dict[str, Quantity], usd: str | None, **more: str) -> Example:
    return _example("google_vertex", model, units, usd, more)


def bedrock(model: str, units: dict[str, Quantity], usd: str | None, **more: str) -> Example:
    return _example("aws_bedrock", model, units, usd, more)


def on(provider: str, model: str, units: dict[str, Quantity], usd: str | None, **more: str) -> Example:
    return _example(provider, model, units, usd, more)


def _example(provider: str, model: str, units: dict[str, Quantity], usd: str | None, more: dict[str, str]) -> Example:
    at = more.pop("at", "2026-11-10T12:00:00+00:00")
    state = more.pop("state", "priced" if usd is not None else "unpriced")
    return Example(provider, model, units, usd, more, at, state)


GOOGLE = {
    # 3000×0.75 + 700×3.75 = 2250 + 2625
    "3.8-flash": gemini("gemini-3.8-flash", {IN: 3000, OUT: 700}, "0.004875"),
    # The announced rise: 3000×1.50 + 700×7.50 = 4500 + 5250
    "3.8-flash-2027": gemini("gemini-3.8-flash", {IN: 3000, OUT: 700}, "0.00975", at="2027-01-01T00:00:00+00:00"),
    # The last second of the old price
    "3.8-flash-2026": gemini("gemini-3.8-flash", {IN: 3000, OUT: 700}, "0.004875", at="2026-12-31T23:59:59+00:00"),
    # 100×2 + 10×10, then 100×4 + 10×20 from 1 December
    "argon-november": gemini("models/gemini-4-argon", {IN: 100, OUT: 10}, "0.0003"),
    "argon-december": gemini("gemini-4-argon", {IN: 100, OUT: 10}, "0.0006", at="2026-12-01T00:00:00+00:00"),
    # 9000×2 + 1200×12 = 18000 + 14400
    "3.1-pro": gemini("gemini-3.1-pro-preview", {IN: 9000, OUT: 1200}, "0.0324"),
    # Exactly 200,000: 200000×2 + 100×12
    "3.1-pro-at-the-limit": gemini("gemini-3.1-pro-preview", {IN: 200_000, OUT: 100}, "0.4012"),
    # One more: 200001×4 + 100×18 = 800004 + 1800
    "3.1-pro-above": gemini("gemini-3.1-pro-preview", {IN: 200_001, OUT: 100}, "0.801804"),
    # Cached tokens count towards the limit: 1×4 + 200000×0.40
    "3.1-pro-above-cached": gemini("gemini-3.1-pro-preview", {IN: 1, CACHED: 200_000}, "0.080004"),
    # Batch does not discount cached input of this model: 1000×1 + 1000×0.20 + 100×6
    "3.1-pro-batch": gemini("gemini-3.1-pro-preview", {IN: 1000, CACHED: 1000, OUT: 100}, "0.0018", batch="true"),
    # Batch of a newer one does: 1000×0.375 + 1000×0.0375 = 412.5
    "3.8-flash-batch": gemini("gemini-3.8-flash", {IN: 1000, CACHED: 1000}, "0.0004125", batch="true"),
    # 1000×0.375 + 100×1.875 = 375 + 187.5
    "3.8-flash-flex": gemini("gemini-3.8-flash", {IN: 1000, OUT: 100}, "0.0005625", service_tier="flex"),
    # 1000×1.35 + 100×6.75 = 1350 + 675
    "3.8-flash-priority": gemini(
        "gemini-3.8-flash", {IN: 1000, OUT: 100}, "0.002025", service_tier="ON_DEMAND_PRIORITY"
    ),
    "provisioned": gemini("gemini-3.8-flash", {IN: 1000}, None, service_tier="PROVISIONED_THROUGHPUT"),
    # 55021×1.25 + 1708×10 = 68776.25 + 17080
    "2.5-pro-thoughts": gemini("gemini-2.5-pro", {IN: 55_021, OUT: 1708}, "0.08585625"),
    # 100×0.30 + 2000×1 + 100×2.50
    "2.5-flash-audio": gemini("gemini-2.5-flash", {IN: 100, AUDIO_IN: 2000, OUT: 100}, "0.00228"),
    # 1000×0.03 + 1000×1 + 3000×0.10 + 100×2.50 = 30 + 1000 + 300 + 250
    "2.5-flash-cached-audio": gemini(
        "gemini-2.5-flash", {CACHED: 1000, AUDIO_IN: 1000, AUDIO_CACHED: 3000, OUT: 100}, "0.00158"
    ),
    # Images and video are text tokens: (100 + 258 + 300)×0.30
    "2.5-flash-media": gemini("gemini-2.5-flash", {IN: 100, IMAGE_IN: 258, VIDEO_IN: 300}, "0.0001974"),
    # One grounded prompt, three queries: 30×0.30 + 400×2.50 = 1009, and 35/1000
    "2.5-flash-grounded": gemini("gemini-2.5-flash", {IN: 30, OUT: 400, PROMPTS: 1, SEARCHES: 3}, "0.036009"),
    # Queries count in generation 3: 100×0.75 = 75, and 3×14/1000 = 0.042
    "3.8-flash-grounded": gemini("gemini-3.8-flash", {IN: 100, PROMPTS: 1, SEARCHES: 3}, "0.042075"),
    # 2 × 14/1000
    "3.8-flash-maps": gemini("gemini-3.8-flash", {MAPS: 2}, "0.028"),
    # 1 × 25/1000
    "2.5-flash-maps": gemini("gemini-2.5-flash", {MAPS: 1}, "0.025"),
    # A stable release of the model: 1000×0.10
    "2.0-flash-001": gemini("gemini-2.0-flash-001", {IN: 1000}, "0.0001"),
    # 1000×0.15
    "embedding": gemini("gemini-embedding-001", {IN: 1000}, "0.00015"),
    "unknown": gemini("gemini-9-flash", {IN: 1000}, None),
    "not-a-prefix": gemini("gemini-3.8-flash-turbo", {IN: 1000}, None),
}

VERTEX = {
    # 1×5 + 82×25 + 965602×0.50 + 225×6.25 = 5 + 2050 + 482801 + 1406.25
    "claude": vertex("claude-opus-4-7", {IN: 1, OUT: 82, CACHED: 965_602, WRITE_5M: 225}, "0.48626225"),
    # 1000×3 + 100×15
    "claude-dated": vertex("claude-sonnet-4-5@20250929", {IN: 1000, OUT: 100}, "0.0045"),
    # 10% more in a region: 1000×3.30 + 100×16.50
    "claude-regional": vertex("claude-sonnet-4-5@20250929", {IN: 1000, OUT: 100}, "0.00495", region="us-east5"),
    "claude-global": vertex("claude-sonnet-4-5@20250929", {IN: 1000, OUT: 100}, "0.0045", region="global"),
    # No regional price before 4.5: 1000×15
    "claude-old-regional": vertex("claude-opus-4-1@20250805", {IN: 1000}, "0.015", region="europe-west1"),
    # Half: 1000×2 + 100×10
    "claude-batch": vertex("claude-opus-5-5", {IN: 1000, OUT: 100}, "0.003", batch="true"),
    # 100×6 an hour's write on Sonnet 4.5, times 1
    "claude-write-1h": vertex("claude-sonnet-4-5", {WRITE_1H: 100}, "0.0006"),
    # A full resource name
    "resource-name": vertex(
        "projects/p/locations/global/publishers/anthropic/models/claude-opus-5-5@default", {IN: 1000}, "0.004"
    ),
    # 1000×0.75 and 1000×0.825
    "gemini": vertex("publishers/google/models/gemini-3.8-flash", {IN: 1000}, "0.00075", region="global"),
    "gemini-regional": vertex("google/gemini-3.8-flash", {IN: 1000}, "0.000825", region="europe-west4"),
    # Older models cost the same everywhere: 1000×0.30
    "gemini-2.5-regional": vertex("gemini-2.5-flash", {IN: 1000}, "0.0003", region="europe-west4"),
    "endpoint": vertex("projects/p/locations/us-central1/endpoints/123", {IN: 1000}, None),
}

BEDROCK = {
    # 1000×0.72 + 200×0.72
    "llama": bedrock("us.meta.llama3-3-70b-instruct-v1:0", {IN: 1000, OUT: 200}, "0.000864"),
    # 3×3.30 + 13216×0.33 + 25×4.125 + 12×16.50 = 9.9 + 4361.28 + 103.125 + 198
    "claude-us": bedrock(
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0", {IN: 3, CACHED: 13_216, WRITE: 25, OUT: 12}, "0.004672305"
    ),
    # 3×3 + 7917×0.30 + 350×3.75 + 442×15 = 9 + 2375.1 + 1312.5 + 6630
    "claude-global": bedrock(
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0", {IN: 3, CACHED: 7917, WRITE_5M: 350, OUT: 442}, "0.0103266"
    ),
    # The plain id is taken to be regional and says so: 1000×3.30
    "claude-plain": bedrock(
        "anthropic.claude-sonnet-4-5-20250929-v1:0", {IN: 1000}, "0.0033", state="estimated", region="us-east-1"
    ),
    # 1000×4.40
    "claude-arn": bedrock(
        "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-opus-5-5", {IN: 1000}, "0.0044"
    ),
    "application-arn": bedrock("arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc", {IN: 1000}, None),
    # GovCloud, by profile or by region, 20% more by one list: 1000×3.60
    "govcloud": bedrock("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", {IN: 1000}, "0.0036", state="estimated"),
    "govcloud-region": bedrock(
        "anthropic.claude-sonnet-4-5-20250929-v1:0", {IN: 1000}, "0.0036", state="estimated", region="us-gov-west-1"
    ),
    # No surcharge before 4.5: 1000×0.80 + 100×4
    "claude-old-us": bedrock("us.anthropic.claude-3-5-haiku-20241022-v1:0", {IN: 1000, OUT: 100}, "0.0012"),
    # 1000×0.25×0.5
    "claude-old-batch": bedrock("anthropic.claude-3-haiku-20240307-v1:0", {IN: 1000}, "0.000125", batch="true"),
    # 1000×0.80 + 1000×0.20 + 100×3.20
    "nova-pro": bedrock("amazon.nova-pro-v1:0", {IN: 1000, CACHED: 1000, OUT: 100}, "0.00132"),
    # 1000×0.40 + 100×1.60, and 1000×1.40 + 100×5.60
    "nova-pro-flex": bedrock("amazon.nova-pro-v1:0", {IN: 1000, OUT: 100}, "0.00056", service_tier="flex"),
    "nova-pro-priority": bedrock("amazon.nova-pro-v1:0", {IN: 1000, OUT: 100}, "0.00196", service_tier="priority"),
    # A context length in the id: 1000×0.06
    "nova-lite-300k": bedrock("amazon.nova-lite-v1:0:300k", {IN: 1000}, "0.00006"),
    "nova-optimized": bedrock("amazon.nova-pro-v1:0", {IN: 1000}, None, latency="optimized"),
    # 1000×1.35 + 100×5.40
    "deepseek": bedrock("us.deepseek.r1-v1:0", {IN: 1000, OUT: 100}, "0.00189"),
    # 1000×0.15 + 100×0.60
    "gpt-oss": bedrock("openai.gpt-oss-120b-1:0", {IN: 1000, OUT: 100}, "0.00021"),
    # OpenAI's models: 1000×2 + 100×10 in the global profile, 1000×2.20 + 100×11 in a geographic one or by the plain id
    "gpt-6-global": bedrock("global.openai.gpt-6-sol", {IN: 1000, OUT: 100}, "0.003"),
    "gpt-6-us": bedrock("us.openai.gpt-6-sol", {IN: 1000, OUT: 100}, "0.0033"),
    "gpt-6-plain": bedrock("openai.gpt-6-sol", {IN: 1000, OUT: 100}, "0.0033", state="estimated"),
    # 1000×66 + 100×330
    "gpt-6-plain-ultrafast": bedrock(
        "openai.gpt-6-astra", {IN: 1000, OUT: 100}, "0.099", state="estimated", service_tier="ultrafast"
    ),
    # 1000×0.02
    "titan-embed": bedrock("amazon.titan-embed-text-v2:0", {IN: 1000}, "0.00002"),
}

CLOCK = {
    # Tuesday 02:00 UTC: 2000×1.32 + 8000×0.044 + 1000×3.96 = 2640 + 352 + 3960
    "peak": on(
        "deepseek", "deepseek-v4-pro", {IN: 2000, CACHED: 8000, OUT: 1000}, "0.006952", at="2026-11-10T02:00:00+00:00"
    ),
    # Noon: half of it
    "noon": on("deepseek", "deepseek-v4-pro", {IN: 2000, CACHED: 8000, OUT: 1000}, "0.003476"),
    # The window begins at 01:00:00 and ends before 04:00:00; 1000×1.32 or 1000×0.66
    "begins": on("deepseek", "deepseek-v4-pro", {IN: 1000}, "0.00132", at="2026-11-10T01:00:00+00:00"),
    "before": on("deepseek", "deepseek-v4-pro", {IN: 1000}, "0.00066", at="2026-11-10T00:59:59+00:00"),
    "last": on("deepseek", "deepseek-v4-pro", {IN: 1000}, "0.00132", at="2026-11-10T03:59:59+00:00"),
    "ends": on("deepseek", "deepseek-v4-pro", {IN: 1000}, "0.00066", at="2026-11-10T04:00:00+00:00"),
    "second-window": on("deepseek", "deepseek-v4-pro", {IN: 1000}, "0.00132", at="2026-11-10T09:59:59+00:00"),
    # 14 November 2026 is a Saturday, 1 October a public holiday on a Thursday.
    "saturday": on("deepseek", "deepseek-v4-pro", {IN: 1000}, "0.00066", at="2026-11-14T02:00:00+00:00"),
    "holiday": on("deepseek", "deepseek-v4-pro", {IN: 1000}, "0.00066", at="2026-10-01T02:00:00+00:00"),
    # The day after the holidays, a Thursday: 1000×0.30
    "after-the-holidays": on("deepseek", "deepseek-v4-flash", {IN: 1000}, "0.0003", at="2026-10-08T02:00:00+00:00"),
    # Before peak hours existed: 1000×0.435
    "summer": on("deepseek", "deepseek-v4-pro", {IN: 1000}, "0.000435", at="2026-08-03T02:00:00+00:00"),
    # The holidays of 2027 are not known yet.
    "next-year": on(
        "deepseek", "deepseek-v4-pro", {IN: 1000}, "0.00132", at="2027-03-02T02:00:00+00:00", state="estimated"
    ),
    # The night discount of 2025: 1000×0.135 at 20:00, 1000×0.27 at noon
    "night-2025": on("deepseek", "deepseek-chat", {IN: 1000}, "0.000135", at="2025-05-06T20:00:00+00:00"),
    "noon-2025": on("deepseek", "deepseek-chat", {IN: 1000}, "0.00027", at="2025-05-06T12:00:00+00:00"),
}

MINIMUM = {
    # $0.111 an hour: 60×0.111/3600
    "whisper-minute": on("groq", "whisper-large-v3", {"input_seconds": 60}, "0.00185"),
    # 3.2 s count as 10: 10×0.111/3600 = 0.000308333…
    "whisper-short": on("groq", "whisper-large-v3", {"input_seconds": Decimal("3.2")}, "0.000308333333"),
    # 10.5×0.04/3600 = 0.00011666…
    "whisper-turbo": on("groq", "whisper-large-v3-turbo", {"input_seconds": Decimal("10.5")}, "0.000116666667"),
    # Batch halves, the minimum stays: 10×0.02/3600 = 0.0000555…
    "whisper-turbo-batch": on("groq", "whisper-large-v3-turbo", {"input_seconds": 1}, "0.000055555556", batch="true"),
    # 33×0.15 + 4608×0.075 + 1817×0.60 = 4.95 + 345.6 + 1090.2
    "cached": on("groq", "openai/gpt-oss-120b", {IN: 33, CACHED: 4608, OUT: 1817}, "0.00144075"),
    # Batch and cache do not stack: 1000×0.075 + 1000×0.075
    "batch-cached": on("groq", "openai/gpt-oss-120b", {IN: 1000, CACHED: 1000}, "0.00015", batch="true"),
    "flex-costs-the-same": on("groq", "openai/gpt-oss-20b", {IN: 1000}, "0.000075", service_tier="flex"),
    "compound": on("groq", "groq/compound-mini", {IN: 1000}, None),
    # 1000×22
    "speech": on("groq", "canopylabs/orpheus-v1-english", {"input_characters": 1000}, "0.022"),
}

XAI = {
    # 2000×1.25 + 500×2.50
    "grok-4.3": on("xai", "grok-4.3", {IN: 2000, OUT: 500}, "0.00375"),
    # 9992×1.25 + 128×0.20 + 4308×2.50 = 12490 + 25.6 + 10770
    "reasoning": on(
        "xai", "grok-4.20", {IN: 9992, CACHED: 128, OUT: 4308}, "0.0232856", at="2026-08-18T12:00:00+00:00"
    ),
    # Before the cut of 30 April: 1000×2 + 100×6
    "before-the-cut": on("xai", "grok-4.20", {IN: 1000, OUT: 100}, "0.0026", at="2026-04-29T23:59:59+00:00"),
    # 199,999 is short: ×1.25; 200,000 is long: ×2.50
    "short": on("xai", "grok-4.3", {IN: 199_999}, "0.24999875"),
    "long": on("xai", "grok-4.3", {IN: 200_000}, "0.5"),
    # 1000×1 + 1000×0.16 + 100×2
    "batch": on("xai", "grok-4.3", {IN: 1000, CACHED: 1000, OUT: 100}, "0.00136", batch="true"),
    # 100×1.25 = 125; 2×5 + 1×5 + 1×10 a thousand = 0.025
    "tools": on(
        "xai",
        "grok-4.3",
        {IN: 100, SEARCHES: 2, "code_execution_calls": 1, "attachment_search_calls": 1},
        "0.025125",
    ),
    # 4 × 2.50/1000
    "collections": on("xai", "grok-4.3", {"collection_search_calls": 4}, "0.01"),
}

SEARCH = {
    # 7×3 + 149×15 = 2256, and 6/1000
    "sonar-pro-low": on("perplexity", "sonar-pro", {IN: 7, OUT: 149}, "0.008256", at="2026-06-01T12:00:00+00:00"),
    # … and 14/1000
    "sonar-pro-high": on(
        "perplexity",
        "sonar-pro",
        {IN: 7, OUT: 149},
        "0.016256",
        search_context_size="high",
        at="2026-06-01T12:00:00+00:00",
    ),
    # 100×1 + 100×1 = 200, and 8/1000
    "sonar-medium": on(
        "perplexity",
        "sonar",
        {IN: 100, OUT: 100},
        "0.0082",
        search_context_size="medium",
        at="2026-06-01T12:00:00+00:00",
    ),
    # 33×2 + 7163×8 + 20016×2 + 73997×3 = 66 + 57304 + 40032 + 221991; 18×5/1000 = 0.09
    "deep-research": on(
        "perplexity",
        "sonar-deep-research",
        {IN: 33, OUT: 7163, "citation_tokens": 20_016, "reasoning_tokens": 73_997, SEARCHES: 18},
        "0.409393",
        at="2026-06-01T12:00:00+00:00",
    ),
    "sonar-ended": on("perplexity", "sonar", {IN: 100, OUT: 100}, None),
    # 1000×0.25 + 100×2.50 = 500; 2×2.50/1000 = 0.005
    "agent": on("perplexity", "perplexity/sonar", {IN: 1000, OUT: 100, SEARCHES: 2}, "0.0055"),
    # … 2×1/1000
    "agent-fast": on("perplexity", "perplexity/sonar", {IN: 1000, OUT: 100, SEARCHES: 2}, "0.0025", search_type="fast"),
    # 3 × 2/1000 and 3 × 2.50/1000
    "cohere-rerank": on("cohere", "rerank-v3.5", {"search_units": 3}, "0.006"),
    "cohere-rerank-pro": on("cohere", "rerank-v4.0-pro", {"search_units": 3}, "0.0075"),
    # 1000×0.12 + 1000×0.47
    "cohere-embed": on("cohere", "embed-v4.0", {IN: 1000, IMAGE_IN: 1000}, "0.00059"),
    # 777×0.06; 10000×0.05
    "voyage": on("voyage", "voyage-3.5", {IN: 777}, "0.00004662"),
    "voyage-rerank": on("voyage", "rerank-2.5", {IN: 10_000}, "0.0005"),
}

HOSTS = {
    # 1200×0.50 + 300×1.50
    "mistral-large": on("mistral", "mistral-large-2512", {IN: 1200, OUT: 300}, "0.00105"),
    # 1000×0.25 + 1000×0.025 + 100×0.75
    "mistral-batch": on("mistral", "mistral-large-2512", {IN: 1000, CACHED: 1000, OUT: 100}, "0.00035", batch="true"),
    # 12 × 2/1000; annotated 12 × 3/1000; batch 12 × 1/1000
    "ocr": on("mistral", "mistral-ocr-2512", {"pages": 12}, "0.024"),
    "ocr-annotated": on("mistral", "mistral-ocr-2512-completion", {"annotated_pages": 12}, "0.036"),
    "ocr-batch": on("mistral", "mistral-ocr-2512", {"pages": 12}, "0.012", batch="true"),
    # The price belongs to the host: 1000×0.35 + 1000×0.75 and 1000×0.15 + 1000×0.60
    "cerebras": on("cerebras", "gpt-oss-120b", {IN: 1000, OUT: 1000}, "0.0011"),
    "together": on("together", "openai/gpt-oss-120b", {IN: 1000, OUT: 1000}, "0.00075"),
    "fireworks": on("fireworks", "accounts/fireworks/models/gpt-oss-120b", {IN: 1000, OUT: 1000}, "0.00075"),
    "fireworks-own": on("fireworks", "accounts/me/models/x#accounts/me/deployments/y", {IN: 1000}, None),
    # 1000×1.04: the vendor's list, not the older 0.88
    "together-llama": on("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", {IN: 1000}, "0.00104"),
    # 1000×0.15 + 100×0.40; the priority tier is not in the table
    "deepinfra": on("deepinfra", "Qwen/QwQ-32B", {IN: 1000, OUT: 100}, "0.00019"),
    "deepinfra-priority": on("deepinfra", "Qwen/QwQ-32B", {IN: 1000}, None, service_tier="priority"),
    # 1000×0.60 + 1000×0.11 + 100×2.20
    "novita": on("novita", "zai-org/glm-4.7", {IN: 1000, CACHED: 1000, OUT: 100}, "0.00093"),
    # 1000×1.40 + 100×4.40
    "zai": on("zai", "glm-5.3", {IN: 1000, OUT: 100}, "0.00184"),
    # 1000×0.95 + 1000×0.16 + 100×4
    "moonshot": on("moonshot", "kimi-k2.6", {IN: 1000, CACHED: 1000, OUT: 100}, "0.00151"),
    # 1000×0.30 + 100×1.20
    "minimax": on("minimax", "MiniMax-M2.5", {IN: 1000, OUT: 100}, "0.00042"),
    # 1000×2 + 100×8
    "ai21": on("ai21", "jamba-large", {IN: 1000, OUT: 100}, "0.0028"),
    # 1000×0.20 + 100×0.20
    "watsonx": on("watsonx", "ibm/granite-3-8b-instruct", {IN: 1000, OUT: 100}, "0.00022"),
    # 1000×0.60 + 100×6, from the same model elsewhere
    "writer": on("writer", "palmyra-x5", {IN: 1000, OUT: 100}, "0.0012", state="estimated"),
    # 194×2.50 + 2×10
    "openrouter": on("openrouter", "openai/gpt-4o", {IN: 194, OUT: 2}, "0.000505"),
    "openrouter-nitro": on("openrouter", "openai/gpt-4o:nitro", {IN: 194, OUT: 2}, "0.000505", state="estimated"),
    "openrouter-free": on("openrouter", "some/model:free", {IN: 194, OUT: 2}, "0", state="free"),
    "openrouter-auto": on("openrouter", "openrouter/auto", {IN: 194, OUT: 2}, None),
    # 1000×0.59 + 100×0.79 behind Groq; without the host nothing is known
    "router": on("huggingface", "meta-llama/Llama-3.3-70B-Instruct:groq", {IN: 1000, OUT: 100}, "0.000669"),
    "router-any": on("huggingface", "meta-llama/Llama-3.3-70B-Instruct", {IN: 1000, OUT: 100}, None),
    "ollama": on("ollama", "llama3.2:latest", {IN: 1000, OUT: 100}, "0", state="free"),
    "ollama-cloud": on("ollama", "gpt-oss:120b-cloud", {IN: 1000}, None),
    "vllm": on("vllm", "anything/at-all", {IN: 1000}, "0", state="free"),
    "lmstudio": on("lmstudio", "qwen3-8b", {IN: 1000}, "0", state="free"),
    # Generated rows: 1000×0.50 + 100×1.50; 1000×0.71; 1000×0.60 + 100×1.20; 1000×0.65 + 100×2.75
    "nebius": on("nebius", "deepseek-ai/DeepSeek-V3", {IN: 1000, OUT: 100}, "0.00065"),
    "azure-ai": on("azure_ai", "Llama-3.3-70B-Instruct", {IN: 1000}, "0.00071"),
    "sambanova": on("sambanova", "Meta-Llama-3.3-70B-Instruct", {IN: 1000, OUT: 100}, "0.00072"),
    "replicate": on("replicate", "meta/llama-2-70b-chat", {IN: 1000, OUT: 100}, "0.000925"),
    # A price by the length of the input: 32000×1.20, then 32001×2.40, then 128001×3
    "alibaba": on("alibaba", "qwen3-max", {IN: 32_000}, "0.0384"),
    "alibaba-longer": on("alibaba", "qwen3-max", {IN: 32_001}, "0.0768024"),
    "alibaba-longest": on("alibaba", "qwen3-max", {IN: 128_001}, "0.384003"),
    # No price for cached input is published: taken as input, 1000×0.15, and said so
    "cached-without-a-price": on("deepinfra", "Qwen/QwQ-32B", {CACHED: 1000}, "0.00015", state="estimated"),
}

EXAMPLES: dict[str, Example] = {
    f"{group}:{name}": example
    for group, examples in {
        "google": GOOGLE,
        "vertex": VERTEX,
        "bedrock": BEDROCK,
        "clock": CLOCK,
        "minimum": MINIMUM,
        "xai": XAI,
        "search": SEARCH,
        "hosts": HOSTS,
    }.items()
    for name, example in examples.items()
}
