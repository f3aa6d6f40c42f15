"""What decides the price of a call: who was asked, what was consumed, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from llmobserve.wire import CallEvent, Usage

__all__ = ["PriceRequest"]

_RECKONED_BY = frozenset({"otlp"})
"""Transports of records whose cost is not what the provider charges, but what another tool computes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRequest:
    """One call as the price book sees it."""

    provider: str
    operation: str
    """Name of the API operation: `chat.completions`, `messages`, `embeddings`."""
    request_model: str | None = None
    response_model: str | None = None
    """Looked up before `request_model`; both may be given."""
    usage: Usage = field(default_factory=Usage)
    dimensions: Mapping[str, str] = field(default_factory=dict[str, str])
    reported_cost_usd: Decimal | None = None
    """What the provider itself says the call cost; wins over the price book. `None` when it says nothing."""
    reckoned_cost_usd: Decimal | None = None
    """What a tool that watched the call reckons; taken only where the price book says nothing. `None` for nothing."""
    at_us: int
    """Time of the call, in microseconds since 1970 UTC: decides which dated price applies."""
    end_us: int | None = None
    """When the answer was complete; decides for providers that price by it. `None` = taken as `at_us`."""
    http_status: int | None = None
    """`None` when no answer arrived or the status is not known."""

    @classmethod
    def from_event(cls, event: CallEvent) -> "PriceRequest":
        """The priced facts of a recorded call."""
        is_reckoned = event.transport in _RECKONED_BY
        return cls(
            provider=event.provider,
            operation=event.operation,
            request_model=event.request_model,
            response_model=event.response_model,
            usage=event.usage,
            dimensions=event.dimensions,
            reported_cost_usd=None if is_reckoned else event.reported_cost_usd,
            reckoned_cost_usd=event.reported_cost_usd if is_reckoned else None,
            at_us=event.start_time_us,
            end_us=None if event.duration_ms is None else event.start_time_us + int(event.duration_ms * 1000),
            http_status=event.http_status,
        )
