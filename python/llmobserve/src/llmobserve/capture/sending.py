"""Whether an outer hook already observes what is being sent: clients sit on top of each other.

It is set only while a request is sent and its headers are awaited, never while the body is read: what the application
calls between two pieces of a stream is its own.
"""

from contextvars import ContextVar

__all__ = ["SENDING"]

SENDING: ContextVar[bool] = ContextVar("llmobserve_sending", default=False)
"""True inside the sending of a request that has its exchange: hooks further down pass through."""
