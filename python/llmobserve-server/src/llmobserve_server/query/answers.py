"""What questions answer: one model a resource, money as decimal strings, times in UTC.

The API passes these on as they are, and the web client's types are generated from them.
"""

from datetime import datetime
from typing import Any, Literal

from llmobserve_server.query.model import Model, Money
from llmobserve_server.query.score_answers import FactView, ScoreView, TwinView

__all__ = [
    "ContentBody",
    "CostLine",
    "CostVersion",
    "EventDetail",
    "EventList",
    "EventRow",
    "FieldInfo",
    "Model",
    "Money",
    "PriceList",
    "PriceProvider",
    "PriceRow",
    "RunDetail",
    "RunList",
    "RunNode",
    "RunSummary",
    "Spend",
    "TotalsAnswer",
    "TotalsRow",
    "UnpricedList",
    "UnpricedModel",
]


class Spend(Model):
    """An amount that never hides its incompleteness: the sum and what is missing from it."""

    cost_usd: Money
    """Sum over the priced, reported, estimated and free calls."""
    estimated_usd: Money
    """Part of `cost_usd` that is estimated."""
    calls: int
    estimated_calls: int
    unpriced_calls: int
    """Calls whose cost is unknown and so is in no sum."""


class RunSummary(Model):
    """One row of the list of runs."""

    run_id: str
    name: str | None
    status: Literal["ok", "error", "running", "abandoned"]
    """`error` when the run's outermost span failed or, without one, when its last call failed. `running` when its
    beginning was announced and its end has not come; `abandoned` when, moreover, nothing of it has come for six hours:
    its process died, or waits for something, and it is `running` again as soon as something comes."""
    start_time: datetime
    duration_ms: float | None
    """`None` while it runs, and when it was abandoned."""
    spend: Spend
    error_count: int
    span_count: int
    input_tokens: int | None
    output_tokens: int | None
    models: list[str]
    providers: list[str]
    agents: list[str]
    customers: list[str]
    """All for whom something was done in the run, the most frequent first."""
    session_id: str | None
    """`None` when the run has none, or several; so for the three below."""
    user_id: str | None
    environment: str | None
    service: str | None
    tags: list[str]


class RunList(Model):
    """A page of runs."""

    runs: list[RunSummary]
    next_cursor: str | None
    """`None` on the last page."""


class RunNode(Model):
    """A span or call of a run, without content: what tree and waterfall need."""

    event_id: str
    span_id: str | None
    parent_span_id: str | None
    """`None` for a root; a parent that was never received is replaced by a node with `synthetic`."""
    type: Literal["call", "span"]
    kind: str
    name: str
    status: str
    """As recorded; a span whose end never came is `running` in a running run, else `abandoned`."""
    start_offset_ms: float
    """From the start of the run; can be negative where clocks differ."""
    duration_ms: float | None
    time_to_first_token_ms: float | None
    provider: str | None
    model: str | None
    operation: str | None
    cost_usd: Money | None
    """Own cost; `None` for spans and unpriced calls."""
    cost_state: str | None
    input_tokens: int | None
    output_tokens: int | None
    attempt: int
    error_type: str | None
    customer_id: str | None
    merged_into: str | None
    """The record that is charged in place of this one, in another run; `None` when its own cost counts."""
    synthetic: bool


class RunDetail(Model):
    """A run with its nodes in order of start."""

    run: RunSummary
    nodes: list[RunNode]
    truncated: bool
    """True when there are more nodes than were sent."""
    scores: list[ScoreView]
    """Of the run itself, by name and the newest first."""
    session_scores: list[ScoreView]
    """Of the session that the run belongs to."""


class EventRow(Model):
    """One row of the list of events (calls and, where asked for, spans)."""

    event_id: str
    type: Literal["call", "span"]
    kind: str
    name: str
    """Span name; for a call its operation."""
    run_id: str | None
    run_name: str | None
    start_time: datetime
    duration_ms: float | None
    time_to_first_token_ms: float | None
    provider: str | None
    model: str | None
    operation: str | None
    status: str
    http_status: int | None
    error_type: str | None
    cost_usd: Money | None
    cost_state: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    stream: bool
    agent: str | None
    section_path: str | None
    customer_id: str | None
    session_id: str | None
    user_id: str | None
    environment: str | None
    service: str | None
    tags: list[str]
    merged_into: str | None
    """The record that is charged in place of this one; `None` when its own cost counts."""


class EventList(Model):
    """A page of events."""

    events: list[EventRow]
    next_cursor: str | None


class CostLine(Model):
    """One line of a receipt."""

    unit: str
    unit_label: str
    quantity: str
    rate_usd: Money
    per: int
    usd: Money
    price_id: str
    """Row of the price book that gave the rate; `rule:` and an id for an own rate of the project."""
    rule: str
    source: str | None
    list_usd: Money | None
    """Amount at list price, where rules of the project were applied; `None` also where there is no list price."""
    rule_ids: list[str]
    """Rules of the project that were applied to the line, in order."""


class ContentBody(Model):
    """What was said, where it was captured."""

    input: Any
    output: Any
    truncated: bool
    redactions: int


class CostVersion(Model):
    """A cost that was said of a call until it was priced again."""

    cost_usd: Money | None
    cost_state: str | None
    cost_reason: str | None
    receipt: list[CostLine]
    price_book: str | None
    priced_model: str | None
    table_usd: Money | None
    replaced_at: datetime
    job_id: str
    """The re-pricing that replaced it."""


class EventDetail(Model):
    """Everything that is known of one event."""

    row: EventRow
    received_at: datetime
    trace_id: str | None
    span_id: str | None
    parent_span_id: str | None
    request_model: str | None
    response_model: str | None
    response_id: str | None
    request_id: str | None
    host: str | None
    transport: str | None
    attempt: int
    error_message: str | None
    units: dict[str, str]
    """Disjoint billed units; quantities as decimal strings."""
    details: dict[str, str]
    usage_source: str | None
    usage_flags: list[str]
    usage_raw: Any
    dimensions: dict[str, str]
    metadata: dict[str, str]
    attributes: dict[str, Any]
    receipt: list[CostLine]
    cost_reason: str | None
    price_book: str | None
    priced_model: str | None
    table_usd: Money | None
    """Price by the book where the provider's own figure was taken, or where rules of the project made another one."""
    content: ContentBody | None
    sdk: str | None
    sdk_version: str | None
    clock_skew_ms: float | None
    notes: list[str]
    """What the collector changed or noticed (time clamped, text cut, …)."""
    cost_history: list[CostVersion]
    """Costs that were said before, the latest first; empty where the call was never priced again."""
    merged: list[TwinView]
    """Other records of the same provider call, the charged one first; only one of them all is charged."""
    borrowed: list[str]
    """What this record did not say itself and has from a merged one: `customer_id`, `section_path`, …"""
    content_event_id: str | None
    """The merged record whose content this is; `None` when it is the event's own, or there is none."""
    scores: list[ScoreView]
    """Of the event and the records that were merged with it, by name and the newest first."""
    facts: list[FactView]
    """So are these, in the order in which they were said."""


class TotalsRow(Model):
    """Totals of one group."""

    keys: dict[str, str | None]
    """Value of each `group_by` dimension; a time bucket is an ISO time in UTC."""
    spend: Spend
    error_calls: int
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    duration_p50_ms: float | None
    duration_p95_ms: float | None
    time_to_first_token_p50_ms: float | None


class TotalsAnswer(Model):
    """Totals by group, and of everything."""

    group_by: list[str]
    time_from: datetime
    time_to: datetime
    rows: list[TotalsRow]
    total: TotalsRow
    previous_total: TotalsRow | None
    """Same length of time just before; only when asked for with `compare=previous`."""
    truncated: bool
    """True when there are more groups than `limit`: the rest is in `total` only."""


class FieldInfo(Model):
    """A field that filters may use."""

    name: str
    type: Literal["text", "number", "money", "time", "flag"]
    operators: list[str]
    description: str
    values: list[str] | None
    """Most frequent values, for completion; `None` where there are too many kinds."""


class PriceRow(Model):
    """One rate of the price book."""

    price_id: str
    """As receipts name it."""
    provider: str
    model: str
    state: Literal["priced", "free", "unpriced"]
    """For `free` and `unpriced`, the row is about the whole model, `rule` says why, and there is no unit or rate."""
    unit: str | None
    unit_label: str | None
    rate_usd: Money | None
    """Price of `per` units."""
    per: int | None
    dimensions: dict[str, str]
    """Conditions under which the rate holds."""
    above_input_tokens: int | None
    """The rate holds for requests with more input tokens than this; `None`: from the first."""
    hours: str | None
    """Hours of the week in which the rate holds; `None`: always."""
    least_quantity: str | None
    """Least quantity billed a call, as a decimal string."""
    step: str | None
    """Quantities are rounded up to whole multiples of this decimal."""
    valid_from: datetime | None
    """`None`: as far back as is known."""
    valid_to: datetime | None
    """Exclusive; `None`: until further notice."""
    rule: str
    source: str | None
    """Page on which the price was published."""
    estimated: bool
    """True when the price is an approximation of how the provider bills."""


class PriceProvider(Model):
    """A provider of the price book."""

    provider: str
    models: int


class PriceList(Model):
    """A page of the price book."""

    prices: list[PriceRow]
    total: int
    """Rows of all pages."""
    models: int
    """Models of all pages."""
    next_cursor: str | None
    price_book: str
    """Version of the price book."""
    providers: list[PriceProvider]
    """All providers of the book, whatever was asked for."""


class UnpricedModel(Model):
    """Calls of one model whose cost is unknown for one reason."""

    provider: str | None
    model: str | None
    calls: int
    first_seen: datetime
    last_seen: datetime
    reason: str | None
    missing: Literal["provider", "model", "other"]
    """What the price book lacks; `other`: it has the model, and the reason says what is missing."""
    nearest: str | None
    """Name in the price book that looks most like the unknown one. A proposal; nothing is priced by it."""
    rule_id: str | None
    """Rule of the project that holds for this model now, so that new calls have a cost; `None`: there is none."""
    mapped_to: str | None
    """Where that rule is a mapping: provider and model that the name means, as `openai/gpt-4o`."""


class UnpricedList(Model):
    """Models without a price, those with the most calls first."""

    models: list[UnpricedModel]
    calls: int
    """All calls without a known cost in the time range, those of models beyond the list included."""
    truncated: bool
    """True when there are more models than were sent."""
