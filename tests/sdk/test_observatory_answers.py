"""The answer objects of real client libraries say what was captured of the same call: usage, model, ids."""

from collections.abc import Callable
from typing import Any

import anthropic
import cohere
import groq
import httpx
import openai
import pytest
from google import genai
from loopback.openai_bodies import chat_completion, response_object
from loopback.rig import observed
from loopback.server import Loopback, json_answer
from mistralai.client import Mistral

from llmobserve.observatory.responses import read_answer

# The libraries' own: deprecated calls to pydantic and httpx.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*pydantic.*:UserWarning"),
]

PROMPT: Any = [{"role": "user", "content": "Hello"}]
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5-20251001",
    "content": [{"type": "text", "text": "Hello there"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 11, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 5, "output_tokens": 3},
}
GEMINI = {
    "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}],
    "modelVersion": "gemini-2.5-flash",
    "responseId": "r-1",
    "usageMetadata": {
        "promptTokenCount": 20,
        "cachedContentTokenCount": 8,
        "candidatesTokenCount": 9,
        "thoughtsTokenCount": 4,
        "totalTokenCount": 33,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 8}],
    },
}
COHERE = {
    "id": "c-1",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "Hello there"}]},
    "usage": {
        "billed_units": {"input_tokens": 5, "output_tokens": 7},
        "tokens": {"input_tokens": 8, "output_tokens": 9},
    },
}
VECTORS = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}],
    "usage": {"prompt_tokens": 5, "total_tokens": 5},
}


def openai_client(url: str) -> Any:
    return openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)


def chat(url: str) -> Any:
    with openai_client(url) as client:
        return client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)


def respond(url: str) -> Any:
    with openai_client(url) as client:
        return client.responses.create(model="gpt-5-mini", input="Hello")


def embed(url: str) -> Any:
    with openai_client(url) as client:
        return client.embeddings.create(model="text-embedding-3-small", input="Hello", encoding_format="float")


def claude(url: str) -> Any:
    with anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as client:
        return client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=PROMPT)


def gemini(url: str) -> Any:
    with genai.Client(api_key="k", http_options={"base_url": url}) as client:
        return client.models.generate_content(model="gemini-2.5-flash", contents="Hello")


def mistral(url: str) -> Any:
    with Mistral(api_key="k", server_url=url) as client:
        return client.chat.complete(model="mistral-small-latest", messages=PROMPT)


def ask_cohere(url: str) -> Any:
    with httpx.Client() as wire:
        client = cohere.ClientV2(api_key="k", base_url=url, httpx_client=wire)
        return client.chat(model="command-a-03-2025", messages=PROMPT)


def ask_groq(url: str) -> Any:
    with groq.Groq(api_key="k", base_url=url, max_retries=0) as client:
        return client.chat.completions.create(model="llama-3.3-70b-versatile", messages=PROMPT)


CASES: dict[str, tuple[str, Callable[[str], Any], Any]] = {
    "openai-chat": ("openai", chat, chat_completion()),
    "openai-responses": ("openai", respond, response_object()),
    "openai-embeddings": ("openai", embed, VECTORS),
    "anthropic": ("anthropic", claude, MESSAGE),
    "gemini": ("google_gemini", gemini, GEMINI),
    "mistral": ("mistral", mistral, chat_completion(model="mistral-small-latest")),
    "cohere": ("cohere", ask_cohere, COHERE),
    "groq": ("groq", ask_groq, chat_completion(model="llama-3.3-70b-versatile")),
}


@pytest.mark.parametrize("name", CASES)
def test_what_an_answer_object_says(name: str) -> None:
    provider, ask, body = CASES[name]
    with Loopback(json_answer(body, x_request_id="req_1")) as server, observed(server, provider) as recorded:
        response = ask(server.url)
    call = recorded.one
    answer = read_answer(response, None, want_content=True)
    assert answer is not None
    assert call.usage.units
    assert (answer.usage.units, answer.usage.details) == (call.usage.units, call.usage.details)
    assert (answer.provider, answer.operation, answer.kind) == (call.provider, call.operation, call.kind)
    assert (answer.response_id, answer.model) == (call.response_id, call.response_model)
    assert answer.dimensions.items() <= call.dimensions.items()
    if answer.request_id is not None:
        assert answer.request_id == call.request_id
    if answer.kind == "llm":
        assert "Hello" in str(answer.output)


@pytest.mark.parametrize(
    ("response", "provider"),
    [
        (object(), "openai"),
        ({"id": "x", "usage": {"prompt_tokens": 5}}, None),
        (VECTORS, "nobody"),
        ({}, "pinecone"),
        ({"object": "chat.completion", "usage": {"prompt_tokens": "x"}}, "openai"),
    ],
)
def test_what_is_no_answer_is_none_or_says_nothing(response: object, provider: str | None) -> None:
    answer = read_answer(response, provider, want_content=False)
    assert answer is None or not answer.usage.units


@pytest.mark.parametrize("provider", ["openai", "our own router", None])
def test_a_dictionary_in_the_shape_of_openai_is_an_answer(provider: str | None) -> None:
    answer = read_answer(chat_completion(), provider, want_content=False)
    assert answer is not None
    assert answer.provider == (None if provider is None else provider.replace(" ", "_"))
    assert answer.usage.units == {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
    assert answer.output is None
