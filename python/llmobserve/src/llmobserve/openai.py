"""Clients of the openai library that are recorded with or without `observe()`, to be imported from here instead."""

from typing import TYPE_CHECKING

from llmobserve.wrapped_clients import observed_class, wrap_openai

if TYPE_CHECKING:
    from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
else:
    import openai

    OpenAI = observed_class(openai.OpenAI, __name__)
    AsyncOpenAI = observed_class(openai.AsyncOpenAI, __name__)
    AzureOpenAI = observed_class(openai.AzureOpenAI, __name__)
    AsyncAzureOpenAI = observed_class(openai.AsyncAzureOpenAI, __name__)

__all__ = ["AsyncAzureOpenAI", "AsyncOpenAI", "AzureOpenAI", "OpenAI", "wrap_openai"]
