"""What the question about the completeness of the data answers. Whatever is not well says what mends it."""

from datetime import datetime
from typing import Literal

from llmobserve_server.query.model import Model, Money

__all__ = [
    "Coverage",
    "DataHealth",
    "DeadLetter",
    "DeadLetterGroup",
    "DeadLetterList",
    "Finding",
    "LibraryCoverage",
    "Loss",
    "ProcessHealth",
    "RecordCounts",
    "RefusedAgain",
    "ReplayAnswer",
    "SequenceGap",
    "SkewHealth",
    "SkewedProcess",
    "UsageFlag",
    "UsageHealth",
    "Wrapper",
]


class Finding(Model):
    """One line of the summary."""

    kind: Literal[
        "lost",
        "gaps",
        "rejected",
        "uncovered",
        "unpriced",
        "unstated",
        "flagged",
        "internal_errors",
        "skew",
        "estimated",
    ]
    severity: Literal["missing", "notice"]
    """`missing`: something is not in the data. `notice`: all is there, and some of it is less certain."""
    count: int
    text: str
    fix: str


class LibraryCoverage(Model):
    """One client library or framework in the processes of one service."""

    library: str
    is_framework: bool
    """It makes no calls itself: what it calls its agents and tools becomes sections."""
    state: Literal["active", "degraded", "missing"]
    """The worst of the processes."""
    versions: list[str]
    processes: int
    calls: int
    """Calls recorded through it since those processes began."""
    last_call: datetime | None
    detail: str | None
    fix: str | None
    """`None` when it is active."""


class Coverage(Model):
    """One service of the matrix."""

    service: str | None
    processes: int
    libraries: list[LibraryCoverage]


class Wrapper(Model):
    """Another tool's wrapper around one of our hooks."""

    target: str
    module: str


class ProcessHealth(Model):
    """One sending process."""

    process_id: str
    service: str | None
    environment: str | None
    host: str | None
    sdk: str | None
    sdk_version: str | None
    language: str | None
    state: Literal["active", "silent", "ended"]
    """`ended`: it said so. `active`: something came within the last ten minutes. `silent`: neither."""
    started_at: datetime | None
    first_seen: datetime
    last_seen: datetime
    capture_content: bool | None
    """`None` when it has sent no report: another sender than this version of the SDK."""
    records: int
    """Records in its batches in the window, repeated and refused ones included."""
    calls: int | None
    """Calls that it recorded since it began, as it says."""
    lost: int
    """Records lost since it began, as it says."""
    internal_errors: dict[str, int]
    wrappers: list[Wrapper]
    fix: str | None
    """`None` when there is nothing to do."""


class Loss(Model):
    """Records that senders lost, by service and reason."""

    service: str | None
    reason: str
    records: int
    last_at: datetime
    meaning: str
    fix: str


class SequenceGap(Model):
    """Sequence numbers of one process, over its whole life: what should be there, and what is."""

    process_id: str
    service: str | None
    first_sequence: int
    last_sequence: int
    expected: int
    """`last_sequence` - `first_sequence` + 1."""
    arrived: int
    """Different numbers that arrived: stored, merged with a stored record, or refused with a reason."""
    on_the_way: int
    """Missing numbers that were not missing five minutes ago: batches do not arrive quite in order."""
    lost: int
    """Missing numbers that the process itself reports as lost."""
    unexplained: int
    """The rest: `expected` - `arrived` - `on_the_way` - `lost`, at least 0."""
    last_seen: datetime
    fix: str | None
    """`None` when nothing is unexplained."""


class DeadLetterGroup(Model):
    """Refused records with the same reason."""

    reason: str
    records: int
    last_at: datetime
    fix: str


class DeadLetter(Model):
    """One refused record."""

    received_at: datetime
    batch_id: str | None
    position: int | None
    event_id: str | None
    reason: str
    body: str
    """The record as it came, cut at 8,000 characters."""
    truncated: bool


class DeadLetterList(Model):
    """The latest refused records."""

    letters: list[DeadLetter]
    truncated: bool


class RefusedAgain(Model):
    """A record that is refused as before."""

    event_id: str | None
    reason: str
    """By the rules of now."""


class ReplayAnswer(Model):
    """What became of refused records that were decided about again."""

    letters: int
    """That were looked at."""
    stored: int
    """Records that are stored now."""
    duplicates: int
    """Records that were stored already, by an earlier replay or because their sender came again."""
    refused: list[RefusedAgain]
    next_after: datetime | None
    """To be asked with as `after`, because there are more; `None`: that was all."""


class RecordCounts(Model):
    """What became of the records that arrived in the window."""

    batches: int
    received: int
    stored: int
    """`received` - `rejected` - `duplicates`."""
    rejected: int
    duplicates: int
    """Sent twice, and so merged with what was stored before."""


class SkewedProcess(Model):
    """A process whose clock differs."""

    process_id: str
    service: str | None
    skew_ms: float
    """Median over its batches. Positive: our clock is ahead of the sender's, or batches were long under way."""
    batches: int
    fix: str


class SkewHealth(Model):
    """Arrival by our clock minus departure by the sender's, over the batches of the window; the way is in it."""

    batches: int
    p05_ms: float | None
    """`None` without batches."""
    p50_ms: float | None
    p95_ms: float | None
    within_1_s: int
    within_1_min: int
    """More than a second, at most a minute."""
    beyond_1_min: int
    processes: list[SkewedProcess]
    """Off by more than five seconds, the worst first; at most 20."""
    process_count: int
    """How many are that far off."""


class UsageFlag(Model):
    """Charged calls whose usage bears a remark."""

    flag: str
    calls: int
    meaning: str
    fix: str


class UsageHealth(Model):
    """How well usage and cost of the charged calls of the window are known."""

    calls: int
    unpriced_calls: int
    estimated_calls: int
    unstated_calls: int
    """Successful calls of which no usage could be read."""
    twin_records: int
    """Further records of these calls, by hand or by a gateway, which are in no sum."""
    twin_usd: Money | None
    """What they would have added; `None` where no cost of theirs is known."""
    flags: list[UsageFlag]
    unpriced_fix: str
    estimated_fix: str
    unstated_fix: str


class DataHealth(Model):
    """How complete the data of the window is."""

    time_from: datetime
    time_to: datetime
    service: str | None
    """The service that was asked for; `None`: all."""
    services: list[str]
    """Services that sent something in the window, whichever was asked for."""
    complete: bool
    """True when nothing that is known of is missing."""
    findings: list[Finding]
    """What is missing first."""
    libraries: list[str]
    """Columns of the matrix."""
    coverage: list[Coverage]
    processes: list[ProcessHealth]
    """Seen in the window, the latest first; at most 200."""
    process_count: int
    records: RecordCounts
    losses: list[Loss]
    lost_records: int
    gaps: list[SequenceGap]
    """Processes of which numbers are missing, the most first; at most 100."""
    missing_records: int
    """Unexplained, over all processes."""
    dead_letters: list[DeadLetterGroup]
    """The most frequent reasons; at most 50."""
    skew: SkewHealth
    usage: UsageHealth
