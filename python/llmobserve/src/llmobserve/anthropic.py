"""Clients of the anthropic library that are recorded with or without `observe()`, to be imported from here instead."""

from typing import TYPE_CHECKING

from llmobserve.wrapped_clients import observed_class, wrap_anthropic

if TYPE_CHECKING:
    from anthropic import Anthropic, AsyncAnthropic

__all__ = ["Anthropic", "AsyncAnthropic", "wrap_anthropic"]


def __getattr__(name: str) -> object:
    # Only now the library is imported: it may not be installed, which the application is then told.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, observed_class("anthropic", name, __name__))
