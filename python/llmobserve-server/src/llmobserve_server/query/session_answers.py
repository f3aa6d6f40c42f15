"""What questions about sessions answer."""

from datetime import datetime

from llmobserve_server.query.answers import Spend
from llmobserve_server.query.model import Model

__all__ = ["SessionList", "SessionSummary"]


class SessionSummary(Model):
    """A session: the conversation or task that several runs belong to."""

    session_id: str
    first_time: datetime
    """Start of its first record."""
    last_time: datetime
    """Start of its latest record."""
    run_count: int
    spend: Spend
    error_count: int
    """Calls and spans that failed."""
    input_tokens: int | None
    output_tokens: int | None
    models: list[str]
    """All that occur in it, the most frequent first; so for the four below."""
    agents: list[str]
    customers: list[str]
    users: list[str]
    tags: list[str]


class SessionList(Model):
    """A page of sessions."""

    sessions: list[SessionSummary]
    next_cursor: str | None
    """`None` on the last page."""
