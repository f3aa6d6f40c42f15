"""A batch of records on its way to the collector, and the collector's answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from llmobserve.wire.attached import Record
from llmobserve.wire.report import ProcessReport

__all__ = ["Batch", "BatchAnswer", "Source", "Verdict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The sending process: facts that are the same for all its records."""

    process_id: str
    """Random id of the process, new after a fork."""
    sdk: str = "llmobserve-python"
    sdk_version: str | None = None
    language: str | None = None
    service: str | None = None
    environment: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is posted to `/v1/events`."""

    version: int
    """`WIRE_VERSION` of the sender."""
    batch_id: str
    sent_at_us: int
    """The sender's clock when the batch left: the collector computes the clock difference from it."""
    source: Source
    events: tuple[Record, ...]
    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    """Records lost since the last batch, by reason."""
    report: ProcessReport | None = None
    """State of the process: with its first batch, when something changes, and else now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one record that was not simply stored."""

    index: int
    """Position in the batch."""
    event_id: str | None
    status: Literal["duplicate", "rejected"]
    message: str | None = None
    """For `rejected`: what is wrong, with the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """Answer of the collector, sent only after the accepted records are durable."""

    accepted: int
    duplicates: int = 0
    rejected: int = 0
    verdicts: tuple[Verdict, ...] = ()
    """One entry a record that is a duplicate or was rejected; accepted ones are not listed."""
    directives: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Instructions to the sender; one it does not know is ignored."""
