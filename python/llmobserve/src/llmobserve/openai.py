"""Clients of the openai library that are recorded with or without `observe()`, to be imported from here instead."""

from typing import TYPE_CHECKING

from llmobserve.wrapped_clients import observed_class, wrap_openai

if TYPE_CHECKING:
    from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI

__all__ = ["AsyncAzureOpenAI", "AsyncOpenAI", "AzureOpenAI", "OpenAI", "wrap_openai"]


def __getattr__(name: str) -> object:
    # Only now the library is imported: it may not be installed, which the application is then told.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, observed_class("openai", name, __name__))
