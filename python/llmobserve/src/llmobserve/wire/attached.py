"""What is said about something that happened: scores and facts. They name their target by its id and never change it.

Both may arrive before their target, and for one that never arrives. A record that is sent again with the same
`event_id` is the same record.
"""

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from llmobserve.wire.event import CallEvent, ContentRecord, Context, SpanEvent
from llmobserve.wire.values import value_class

__all__ = ["FactKind", "FactRecord", "Record", "ScoreRecord", "ScoreTarget", "ScoreType"]

ScoreTarget = Literal["run", "session", "event"]
"""`event`: a call or a span, by its `event_id`. The others by `run_id` and `session_id`."""
ScoreType = Literal["numeric", "categorical", "boolean"]
FactKind = Literal["routing", "cache", "quality", "tracking"]
"""`routing`: why this model. `cache`: what a cache of the application did. `quality`: who judged the answer and what
was found; its figures are scores. `tracking`: what the application says about a call that it reported by hand."""


@value_class
class ScoreRecord:
    """A judgement of a run, a session or an event. Several of one name are kept; the newest is the one that counts."""

    type: Literal["score"] = "score"
    event_id: str
    """Of the score itself."""
    sequence: int | None = None
    target_type: ScoreTarget
    target_id: str
    name: str
    data_type: ScoreType
    value: Decimal | None = None
    """A number of at most 12 decimals, below 10^15 either side of 0. Of a boolean 1 or 0, of a category `None`."""
    label: str | None = None
    """The category; `None` for other types."""
    comment: str | None = None
    source: str = "application"
    """Who judged: `application`, `user` (feedback), `annotator`, `evaluator` (a program or a model), or a name."""
    evaluation_id: str | None = None
    """`event_id` of the `quality` fact that this score is a figure of; `None` when it stands alone."""
    at_us: int
    """When it was said: microseconds since 1970 UTC, by the sender's clock."""
    context: Context = field(default_factory=Context)
    """Where it was said, which need not be where the target is."""


@value_class
class FactRecord:
    """What is known about a call or span beside its record."""

    type: Literal["fact"] = "fact"
    event_id: str
    """Of the fact itself."""
    sequence: int | None = None
    target_event_id: str
    """The call or span it is about."""
    kind: FactKind
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """By the kind; docs/scores-and-facts.md lists the names. Money and fractions are decimal strings."""
    at_us: int
    """When it was said: microseconds since 1970 UTC, by the sender's clock."""
    context: Context = field(default_factory=Context)
    """Where it was said."""


Record: TypeAlias = CallEvent | SpanEvent | ContentRecord | ScoreRecord | FactRecord
