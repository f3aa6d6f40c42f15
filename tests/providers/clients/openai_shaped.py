"""Providers in OpenAI's shape: with their own client where there is one, else with `openai`, as their manuals say."""

from collections.abc import Iterator
from typing import Any

from providers.clients.case import Case

__all__ = ["OPENAI_SHAPED"]

_USAGE = {"prompt_tokens": 18, "completion_tokens": 35, "total_tokens": 53}
_UNITS = {"input_text_tokens": 18, "output_text_tokens": 35}
_ASKED: dict[str, Any] = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}]}
_BODY: dict[str, Any] = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m-1",
    "system_fingerprint": "f",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello there"}}],
    "usage": _USAGE,
}
_CHUNK: dict[str, Any] = {
    "id": "c-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m-1",
    "system_fingerprint": "f",
}
_EVENTS: tuple[dict[str, Any], ...] = (
    {**_CHUNK, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello"}, "finish_reason": None}]},
    {**_CHUNK, "choices": [{"index": 0, "delta": {"content": " there"}, "finish_reason": "stop"}]},
)


def _consumed(stream: Any) -> int:
    return sum(1 for _ in stream)


async def _consumed_async(stream: Any) -> int:
    return len([event async for event in stream])


def _chat(
    provider: str, module: str, client: str, path: str = "", *, operation: str = "chat.completions", **options: Any
) -> Case:
    """Chat completions through a client made by Stainless, as most of these are."""

    def arguments(url: str) -> dict[str, Any]:
        return {"api_key": "k", "base_url": url + path, "max_retries": 0, **options}

    def ask(library: Any, url: str) -> None:
        with getattr(library, client)(**arguments(url)) as made:
            assert made.chat.completions.create(**_ASKED).choices[0].message.content == "Hello there"

    async def ask_async(library: Any, url: str) -> None:
        async with getattr(library, f"Async{client}")(**arguments(url)) as made:
            assert (await made.chat.completions.create(**_ASKED)).choices[0].message.content == "Hello there"

    def stream(library: Any, url: str) -> None:
        with getattr(library, client)(**arguments(url)) as made:
            assert _consumed(made.chat.completions.create(**_ASKED, stream=True)) >= 2

    async def stream_async(library: Any, url: str) -> None:
        async with getattr(library, f"Async{client}")(**arguments(url)) as made:
            assert await _consumed_async(await made.chat.completions.create(**_ASKED, stream=True)) >= 2

    return Case(
        id=f"{provider}-chat",
        provider=provider,
        module=module,
        operation=operation,
        ask=ask,
        ask_async=ask_async,
        stream=stream,
        stream_async=stream_async,
        body=_BODY,
        units=_UNITS,
        events=(*_EVENTS[:-1], {**_EVENTS[-1], "usage": _USAGE}),
        events_without=_EVENTS,
    )


def _mistral() -> Case:
    def ask(library: Any, url: str) -> None:
        with library.Mistral(api_key="k", server_url=url) as client:
            assert client.chat.complete(**_ASKED).choices[0].message.content == "Hello there"

    async def ask_async(library: Any, url: str) -> None:
        async with library.Mistral(api_key="k", server_url=url) as client:
            await client.chat.complete_async(**_ASKED)

    def stream(library: Any, url: str) -> None:
        with library.Mistral(api_key="k", server_url=url) as client:
            assert _consumed(client.chat.stream(**_ASKED)) == 2

    async def stream_async(library: Any, url: str) -> None:
        async with library.Mistral(api_key="k", server_url=url) as client:
            assert await _consumed_async(await client.chat.stream_async(**_ASKED)) == 2

    return Case(
        id="mistral-chat",
        provider="mistral",
        module="mistralai.client",
        operation="chat.completions",
        ask=ask,
        ask_async=ask_async,
        stream=stream,
        stream_async=stream_async,
        body=_BODY,
        units=_UNITS,
        events=(*_EVENTS[:-1], {**_EVENTS[-1], "usage": _USAGE}),
        events_without=_EVENTS,
        error={"object": "error", "type": "invalid_request_error", "message": "bad"},
        needs_usage=True,
    )


def _ai21() -> Case:
    def messages() -> list[Any]:
        from ai21.models.chat import ChatMessage

        return [ChatMessage(role="user", content="Hello")]

    def ask(library: Any, url: str) -> None:
        import httpx

        with httpx.Client() as wire:
            client = library.AI21Client(api_key="k", api_host=url, http_client=wire, num_retries=0)
            client.chat.completions.create(model="jamba-mini", messages=messages())

    async def ask_async(library: Any, url: str) -> None:
        import httpx

        async with httpx.AsyncClient() as wire:
            client = library.AsyncAI21Client(api_key="k", api_host=url, http_client=wire, num_retries=0)
            await client.chat.completions.create(model="jamba-mini", messages=messages())

    def stream(library: Any, url: str) -> None:
        import httpx

        with httpx.Client() as wire:
            client = library.AI21Client(api_key="k", api_host=url, http_client=wire, num_retries=0)
            _consumed(client.chat.completions.create(model="jamba-mini", messages=messages(), stream=True))

    return Case(
        id="ai21-chat",
        provider="ai21",
        module="ai21",
        operation="chat.completions",
        ask=ask,
        ask_async=ask_async,
        stream=stream,
        body=_BODY,
        units=_UNITS,
        events=(*_EVENTS[:-1], {**_EVENTS[-1], "usage": _USAGE}),
        events_without=_EVENTS,
        needs_usage=True,
    )


def _huggingface() -> Case:
    def ask(library: Any, url: str) -> None:
        with library.InferenceClient(base_url=f"{url}/v1", api_key="k") as client:
            client.chat.completions.create(**_ASKED)
        library.close_session()

    async def ask_async(library: Any, url: str) -> None:
        async with library.AsyncInferenceClient(base_url=f"{url}/v1", api_key="k") as client:
            await client.chat.completions.create(**_ASKED)

    def stream(library: Any, url: str) -> None:
        with library.InferenceClient(base_url=f"{url}/v1", api_key="k") as client:
            _consumed(client.chat.completions.create(**_ASKED, stream=True))
        library.close_session()

    async def stream_async(library: Any, url: str) -> None:
        async with library.AsyncInferenceClient(base_url=f"{url}/v1", api_key="k") as client:
            await _consumed_async(await client.chat.completions.create(**_ASKED, stream=True))

    return Case(
        id="huggingface-chat",
        provider="huggingface",
        module="huggingface_hub",
        operation="chat.completions",
        ask=ask,
        ask_async=ask_async,
        stream=stream,
        stream_async=stream_async,
        body=_BODY,
        units=_UNITS,
        events=(*_EVENTS[:-1], {**_EVENTS[-1], "usage": _USAGE}),
        events_without=_EVENTS,
    )


def _embeddings() -> Case:
    def ask(library: Any, url: str) -> None:
        with library.OpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client:
            client.embeddings.create(model="text-embedding-3-small", input="Hello", encoding_format="float")

    async def ask_async(library: Any, url: str) -> None:
        async with library.AsyncOpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client:
            await client.embeddings.create(model="text-embedding-3-small", input="Hello", encoding_format="float")

    return Case(
        id="openai-embeddings",
        provider="openai",
        module="openai",
        operation="embeddings",
        ask=ask,
        ask_async=ask_async,
        body={
            "object": "list",
            "model": "text-embedding-3-small",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.25] * 16}],
            "usage": {"prompt_tokens": 7, "total_tokens": 7},
        },
        units={"input_text_tokens": 7},
    )


def _responses() -> Case:
    usage = {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 8},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 29,
    }
    text = {"type": "output_text", "text": "Hello there", "annotations": []}
    said = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    body: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-4o-mini-2024-07-18",
        "status": "completed",
        "output": [said],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }
    bare = {key: value for key, value in body.items() if key != "usage"}
    delta = {
        "type": "response.output_text.delta",
        "item_id": "m",
        "output_index": 0,
        "content_index": 0,
        "delta": "Hello there",
        "logprobs": [],
        "sequence_number": 1,
    }
    created = {"type": "response.created", "sequence_number": 0, "response": {**bare, "status": "in_progress"}}

    def events(last: Any) -> tuple[Any, ...]:
        return created, delta, {"type": "response.completed", "sequence_number": 2, "response": last}

    def ask(library: Any, url: str) -> None:
        with library.OpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client:
            assert client.responses.create(model="gpt-4o-mini", input="Hello").output_text == "Hello there"

    async def ask_async(library: Any, url: str) -> None:
        async with library.AsyncOpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client:
            await client.responses.create(model="gpt-4o-mini", input="Hello")

    def stream(library: Any, url: str) -> None:
        with library.OpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client:
            assert _consumed(client.responses.create(model="gpt-4o-mini", input="Hello", stream=True)) == 3

    async def stream_async(library: Any, url: str) -> None:
        async with library.AsyncOpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client:
            await _consumed_async(await client.responses.create(model="gpt-4o-mini", input="Hello", stream=True))

    return Case(
        id="openai-responses",
        provider="openai",
        module="openai",
        operation="responses",
        ask=ask,
        ask_async=ask_async,
        stream=stream,
        stream_async=stream_async,
        body=body,
        units={"input_text_tokens": 12, "cache_read_text_tokens": 8, "output_text_tokens": 9},
        events=events(body),
        events_without=events(bare),
        framing="named",
        done=False,
    )


def _cases() -> Iterator[Case]:
    yield _chat("openai", "openai", "OpenAI", "/v1")
    yield _responses()
    yield _embeddings()
    for provider, path in (
        ("deepinfra", "/v1/openai"),
        ("deepseek", ""),
        ("lmstudio", "/v1"),
        ("local", "/v1"),
        ("minimax", "/v1"),
        ("moonshot", "/v1"),
        ("novita", "/v3/openai"),
        ("ollama_cloud", "/v1"),
        ("openrouter", "/api/v1"),
        ("vllm", "/v1"),
        ("xai", "/v1"),
        ("zai", "/api/paas/v4"),
        ("aws_bedrock", "/openai/v1"),
    ):
        yield _chat(provider, "openai", "OpenAI", path)
    yield _chat("writer", "openai", "OpenAI", "/v1", operation="chat")
    yield _chat("groq", "groq", "Groq")
    yield _chat("together", "together", "Together")
    yield _chat("cerebras", "cerebras.cloud.sdk", "Cerebras", warm_tcp_connection=False)
    yield _chat("fireworks", "fireworks", "Fireworks")
    yield _chat("perplexity", "perplexity", "Perplexity")
    yield _mistral()
    yield _ai21()
    yield _huggingface()


OPENAI_SHAPED = tuple(_cases())
