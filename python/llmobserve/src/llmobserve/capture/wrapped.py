"""Whether a wrapped client is sending: without `observe()` only its calls are recorded."""

from contextvars import ContextVar

__all__ = ["WRAPPED"]

WRAPPED: ContextVar[bool] = ContextVar("llmobserve_wrapped", default=False)
"""True while a client of `llmobserve.wrapped_clients` makes a request."""
