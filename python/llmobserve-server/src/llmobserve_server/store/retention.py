"""What is kept for how long: kinds of data, and the time before which the rows of a table may go."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from llmobserve_server.settings import ServerSettings

__all__ = ["KINDS", "Kind", "RetentionRules"]

Kind = Literal["contents", "events", "dead_letters"]

KINDS: Mapping[Kind, tuple[str, ...]] = {
    "contents": ("contents",),
    # What tells of events goes before them.
    "events": ("cost_versions", "span_starts", "scores", "facts", "events"),
    "dead_letters": ("dead_letters",),
}
"""Tables by kind. What is in none of them is kept: sums, what senders say of themselves, the log of re-pricings."""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """Days that each kind is kept; `None`: for ever."""

    days: Mapping[Kind, int | None]

    @staticmethod
    def of(settings: ServerSettings) -> "RetentionRules":
        """Those of the settings."""
        return RetentionRules(
            {
                "contents": settings.retention_contents_days,
                "events": settings.retention_events_days,
                "dead_letters": settings.retention_dead_letters_days,
            }
        )

    def kept_days(self, kind: Kind) -> int | None:
        """Days that a kind is kept in the end: what was said is not kept for longer than the event it was said in."""
        days = self.days[kind]
        events = self.days["events"]
        if kind != "contents" or events is None:
            return days
        return events if days is None else min(days, events)

    def before(self, kind: Kind, now: datetime) -> datetime | None:
        """Rows of a kind from before this time may go, at `now`; `None`: all stay."""
        days = self.kept_days(kind)
        return None if days is None else now - timedelta(days=days)
