"""What questions about scores, facts and merged records answer."""

from datetime import datetime
from typing import Any, Literal

from llmobserve.wire import FactKind, ScoreTarget, ScoreType
from llmobserve_server.query.model import Model, Money

__all__ = ["FactView", "ScoreAdded", "ScoreList", "ScoreView", "TwinView"]


class ScoreView(Model):
    """A judgement of a run, a session or an event."""

    score_id: str
    target_type: ScoreTarget
    target_id: str
    name: str
    data_type: ScoreType
    value: Money | None
    """As a decimal string, of a boolean 1 or 0; `None` for a category."""
    label: str | None
    """The category; `None` for other types."""
    comment: str | None
    source: str
    evaluation_id: str | None
    """The `quality` fact that this is a figure of."""
    said_at: datetime
    run_id: str | None
    """Where it was said, which need not be where the target is; so for the two below."""
    session_id: str | None
    customer_id: str | None
    is_current: bool
    """True for the newest of its name and target: the one that counts. In a list by time: among those of the page."""


class ScoreList(Model):
    """A page of scores, the newest first."""

    scores: list[ScoreView]
    next_cursor: str | None
    """`None` on the last page."""


class ScoreAdded(Model):
    """What became of a score that was sent."""

    score_id: str
    status: Literal["accepted", "duplicate"]
    """`duplicate`: this id was stored before, and is left as it was."""


class FactView(Model):
    """What is known of an event beside its record."""

    fact_id: str
    kind: FactKind
    data: dict[str, Any]
    """By the kind; money and fractions are decimal strings."""
    said_at: datetime
    target_event_id: str
    """The event, or a record that was merged with it."""


class TwinView(Model):
    """Another record of the same provider call."""

    event_id: str
    is_charged: bool
    """True for the one record whose cost counts."""
    recorded_by: Literal["sdk", "gateway", "application"]
    """Who made the record: the SDK from what went over the wire, the gateway, or the application by hand."""
    start_time: datetime
    model: str | None
    transport: str | None
    usage_source: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Money | None
    """What this record alone would cost; counted only where `is_charged`."""
    cost_state: str | None
    run_id: str | None
    section_path: str | None
    customer_id: str | None
    has_content: bool
