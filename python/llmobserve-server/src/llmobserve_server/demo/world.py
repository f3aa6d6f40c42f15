"""The imagined company: its applications, customers, models and what happened to it, as plain tables."""

from dataclasses import dataclass

__all__ = ["APPS", "CUSTOMERS", "HOUR_LOAD", "INCIDENT", "MIGRATION_DAYS_AGO", "MODELS", "SPIKE", "WEEKDAY_LOAD", "App"]


@dataclass(frozen=True, slots=True)
class Model:
    """How a model behaves: where it is served and how fast it is."""

    provider: str
    name: str
    response_name: str
    ttft_ms: float
    tokens_per_s: float


@dataclass(frozen=True, slots=True)
class App:
    """One application and how often it is used."""

    name: str
    runs_per_day: float
    """On a weekday in the middle of the time shown, at scale 1."""
    team: str
    staging_share: float
    content_share: float
    """Share of the calls whose text is kept."""
    customers: bool
    """Works on behalf of customers; the others are used by staff."""


APPS = (
    App("rag-search", 22.0, "search", 0.06, 0.15, True),
    App("support-bot", 18.0, "support", 0.08, 0.30, True),
    App("sales-mail", 8.0, "growth", 0.05, 0.20, True),
    App("voice-notes", 6.0, "mobile", 0.04, 0.10, True),
    App("doc-extraction", 6.0, "platform", 0.10, 0.10, True),
    App("data-analyst", 4.0, "insights", 0.08, 0.35, True),
    App("coding-agent", 2.2, "platform", 0.15, 0.25, False),
    App("research-agent", 1.4, "insights", 0.10, 0.30, True),
)

MODELS = {
    model.name: model
    for model in (
        Model("openai", "gpt-6-sol", "gpt-6-sol", 620, 95),
        Model("openai", "gpt-5-nano", "gpt-5-nano-2025-08-07", 310, 160),
        Model("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 380, 85),
        Model("openai", "o4-mini", "o4-mini-2025-04-16", 2400, 110),
        Model("openai", "text-embedding-3-small", "text-embedding-3-small", 0, 1),
        Model("openai", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe", 900, 120),
        Model("openai", "house-tuned-13b", "house-tuned-13b", 260, 60),
        Model("azure_openai", "gpt-4o-mini-eu", "gpt-4o-mini-2024-07-18", 420, 80),
        Model("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001", 420, 140),
        Model("anthropic", "claude-sonnet-5-5", "claude-sonnet-5-5", 780, 75),
        Model("anthropic", "claude-opus-5-5", "claude-opus-5-5", 1150, 52),
    )
}

_CUSTOMER_NAMES = (
    "northwind-labs harbor-and-pine bluefield-energy kestrel-logistics lumen-health ostrava-tools cedar-bank "
    "tidewater-legal fjord-mobility quarry-street saffron-foods polar-freight mosaic-media granite-insurance "
    "willow-clinics redwood-robotics meridian-travel copperline atlas-dental hazel-and-co juniper-homes "
    "ironbridge-rail solstice-games vantage-vet oakline-school pebble-pay larkspur-hr delta-orchards "
    "twinpeak-outdoor nimbus-print canyon-auto mistral-sailing fern-and-stone beacon-charity opal-optics "
    "quill-books summit-dairy thistle-wool urban-harvest verdant-golf wren-music yarrow-spa zephyr-drones "
    "acorn-kids brass-kettle"
)

CUSTOMERS = tuple(_CUSTOMER_NAMES.split())
"""End customers, the largest first."""

HOUR_LOAD = (
    *(0.15, 0.10, 0.08, 0.08, 0.10, 0.20, 0.45, 0.90, 1.50, 1.95, 2.10, 2.05),
    *(1.75, 1.95, 2.10, 2.00, 1.75, 1.35, 0.95, 0.75, 0.60, 0.50, 0.35, 0.24),
)
"""Load by hour of the day in UTC; the mean is about 1."""

WEEKDAY_LOAD = (1.10, 1.20, 1.18, 1.12, 0.95, 0.32, 0.28)
"""Load by day of the week from Monday."""

MIGRATION_DAYS_AGO = 34
"""The support bot moved to another model that many days ago, and the search three days later."""


@dataclass(frozen=True, slots=True)
class _Incident:
    days_ago: int
    from_hour: int
    to_hour: int
    provider: str
    failure_share: float


INCIDENT = _Incident(19, 12, 17, "anthropic", 0.45)
"""Hours in which a provider was overloaded: calls fail and are tried again."""


@dataclass(frozen=True, slots=True)
class _Spike:
    days_ago: int
    app: str
    customer: str
    runs: int


SPIKE = _Spike(9, "research-agent", "kestrel-logistics", 18)
"""A day on which one customer's script asked for the same research again and again."""
