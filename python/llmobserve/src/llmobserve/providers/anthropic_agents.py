"""Anthropic's managed agents: a session calls models on the server, so only its own usage shows them.

Session, events and streams state cumulative figures: one event a session, and the look that knows more replaces the
others. `list_cost` is in cents and has everything, the runtime included (types of the client anthropic 2.11, read
2026-11-21). Threads are parts of their session and not charged beside it.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from llmobserve.providers.anthropic_shape import message_usage
from llmobserve.providers.base import ProviderRequest, Reading
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.quantities import Counters, as_mapping, usage_of
from llmobserve.wire import Quantity, Usage

__all__ = ["SessionReader"]

_LARGEST_REVISION = 2**31 - 1
_IDLE = frozenset({"session.status_idle", "session.status_terminated", "session.usage"})
_CENTS = -2


def _list_cost(usage: Mapping[str, Any]) -> Decimal | None:
    """The charge in US dollars; `None` where none is stated in them."""
    stated = as_mapping(usage.get("list_cost"))
    cents = Counters().fraction(stated, "amount")
    return cents.scaleb(_CENTS) if cents is not None and stated.get("currency") == "USD" else None


class SessionReader(OwnReader):
    """Reads a session, its list of events, or the stream of them."""

    def __init__(self, request: ProviderRequest, match: "re.Match[str]", *, want_content: bool) -> None:
        super().__init__(request, match, want_content=want_content)
        self._session: str | None = match.groupdict().get("session")
        self._usage: Mapping[str, Any] = {}

    def is_error(self, body: Any) -> bool:
        """True for an error object; a session that failed is none."""
        return as_mapping(body).get("type") == "error"

    def take(self, body: Any) -> None:
        """Take a session, or a page of events in either order."""
        fields = as_mapping(body)
        if fields.get("type") == "session":
            self._session = text_of(fields.get("id")) or self._session
            self.model = text_of(as_mapping(as_mapping(fields.get("agent")).get("model")).get("id")) or self.model
            self._keep(fields.get("usage"))
        listed = fields.get("data")
        for event in cast("list[Any]", listed) if isinstance(listed, list) else []:
            self._take_snapshot(as_mapping(event))

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event of the stream, which is complete wherever the session rests."""
        kind = text_of(event.get("type")) or name
        self._has_content = self._has_content or kind == "agent.message"
        self._terminal = kind in _IDLE or (self._terminal and kind != "session.status_running")
        self._take_snapshot(event)

    def _take_snapshot(self, event: Mapping[str, Any]) -> None:
        if event.get("type") == "session.usage":
            self._keep(event.get("usage"))

    def _keep(self, usage: Any) -> None:
        """Keep the figures that are further on: they only grow."""
        found = as_mapping(usage)
        if _progress(found) > _progress(self._usage):
            self._usage = found

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """Tokens, tools and charge; no charge yet before the first model call, and none where nothing is stated."""
        out.remote_id = self._session
        usage = _session_usage(self._usage)
        out.pending = not any(usage.units.values())
        out.revision = min(_progress(self._usage), _LARGEST_REVISION)
        out.usage = usage
        cost = _list_cost(self._usage)
        # Rounded to cents: what is below half a cent is better told by the tokens.
        out.reported_cost_usd = cost or None


def _progress(usage: Mapping[str, Any]) -> int:
    """A number that grows with the session."""
    counters = Counters()
    counts = [counters.whole(usage, key) or 0 for key in ("input_tokens", "output_tokens", "cache_read_input_tokens")]
    return sum(counts) + int(counters.fraction(usage, "active_seconds") or 0) + int((_list_cost(usage) or 0) * 100)


def _session_usage(raw: Mapping[str, Any]) -> Usage:
    usage = message_usage(dict(raw)) if raw else None
    if usage is None:
        return Usage()
    seconds = Counters().fraction(raw, "active_seconds")
    details: dict[str, Quantity] = dict(usage.details)
    units = dict(usage.units)
    if seconds:
        units["session_seconds"] = seconds
    return usage_of(units, dict(raw), details=details, flags=usage.flags)
