"""Clients of the anthropic library that are recorded with or without `observe()`, to be imported from here instead."""

from typing import TYPE_CHECKING

from llmobserve.wrapped_clients import observed_class, wrap_anthropic

if TYPE_CHECKING:
    from anthropic import Anthropic, AsyncAnthropic
else:
    import anthropic

    Anthropic = observed_class(anthropic.Anthropic, __name__)
    AsyncAnthropic = observed_class(anthropic.AsyncAnthropic, __name__)

__all__ = ["Anthropic", "AsyncAnthropic", "wrap_anthropic"]
