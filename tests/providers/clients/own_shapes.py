"""Language models with shapes of their own: Anthropic, Gemini, Cohere, Ollama."""

from typing import Any

from providers.clients.case import Case

__all__ = ["OWN_SHAPES"]


def _anthropic() -> Case:
    usage = {
        "input_tokens": 11,
        "cache_read_input_tokens": 7,
        "cache_creation_input_tokens": 5,
        "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 3,
        "service_tier": "standard",
    }
    body: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": "Hello there"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
    asked: dict[str, Any] = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    first = {**body, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    middle = (
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello there"}},
        {"type": "content_block_stop", "index": 0},
    )
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}}

    def ask(library: Any, url: str) -> None:
        with library.Anthropic(api_key="k", base_url=url, max_retries=0) as client:
            assert client.messages.create(**asked).content[0].text == "Hello there"

    async def ask_async(library: Any, url: str) -> None:
        async with library.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as client:
            await client.messages.create(**asked)

    def stream(library: Any, url: str) -> None:
        with (
            library.Anthropic(api_key="k", base_url=url, max_retries=0) as client,
            client.messages.stream(**asked) as events,
        ):
            assert "".join(events.text_stream) == "Hello there"

    async def stream_async(library: Any, url: str) -> None:
        async with library.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as client:
            assert [event async for event in await client.messages.create(**asked, stream=True)]

    return Case(
        id="anthropic-messages",
        provider="anthropic",
        module="anthropic",
        operation="messages",
        ask=ask,
        ask_async=ask_async,
        stream=stream,
        stream_async=stream_async,
        body=body,
        units={
            "input_text_tokens": 11,
            "cache_read_text_tokens": 7,
            "cache_write_5m_tokens": 5,
            "output_text_tokens": 3,
        },
        events=(
            {"type": "message_start", "message": first},
            *middle,
            {**end, "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
        ),
        framing="named",
        done=False,
        error={"type": "error", "error": {"type": "invalid_request_error", "message": "bad"}},
    )


def _gemini() -> Case:
    usage = {
        "promptTokenCount": 20,
        "cachedContentTokenCount": 8,
        "candidatesTokenCount": 9,
        "thoughtsTokenCount": 4,
        "totalTokenCount": 33,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 8}],
    }

    def said(text: str, finish: str | None = None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}
        if finish:
            candidate["finishReason"] = finish
        return {"candidates": [candidate], "modelVersion": "gemini-2.5-flash", "responseId": "r-1"}

    asked = {"model": "gemini-2.5-flash", "contents": "Hello"}

    def client_of(library: Any, url: str) -> Any:
        return library.Client(api_key="k", http_options={"base_url": url})

    def ask(library: Any, url: str) -> None:
        with client_of(library, url) as client:
            assert client.models.generate_content(**asked).text == "Hello there"

    async def ask_async(library: Any, url: str) -> None:
        async with client_of(library, url).aio as client:
            await client.models.generate_content(**asked)

    def stream(library: Any, url: str) -> None:
        with client_of(library, url) as client:
            assert len(list(client.models.generate_content_stream(**asked))) == 2

    async def stream_async(library: Any, url: str) -> None:
        async with client_of(library, url).aio as client:
            assert [part async for part in await client.models.generate_content_stream(**asked)]

    return Case(
        id="gemini-generate",
        provider="google_gemini",
        module="google.genai",
        operation="models.generateContent",
        ask=ask,
        ask_async=ask_async,
        stream=stream,
        stream_async=stream_async,
        body={**said("Hello there", "STOP"), "usageMetadata": usage},
        usage_at=("usageMetadata",),
        units={"input_text_tokens": 12, "cache_read_text_tokens": 8, "output_text_tokens": 13},
        events=(said("Hello"), {**said(" there", "STOP"), "usageMetadata": usage}),
        events_without=(said("Hello"), said(" there", "STOP")),
        done=False,
        error={"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "bad"}},
    )


def _cohere() -> Case:
    usage = {"billed_units": {"input_tokens": 5, "output_tokens": 6}, "tokens": {"input_tokens": 70}}
    message = {"role": "assistant", "content": [{"type": "text", "text": "Hello there"}]}
    asked: dict[str, Any] = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "Hello"}]}
    start = {
        "type": "message-start",
        "id": "c-1",
        "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}},
    }
    text = {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hello there"}}}}

    def end(**more: Any) -> dict[str, Any]:
        return {"type": "message-end", "delta": {"finish_reason": "COMPLETE", **more}}

    def ask(library: Any, url: str) -> None:
        import httpx

        with httpx.Client() as wire:
            client = library.ClientV2(api_key="k", base_url=url, httpx_client=wire)
            assert client.chat(**asked).message.content[0].text == "Hello there"

    async def ask_async(library: Any, url: str) -> None:
        import httpx

        async with httpx.AsyncClient() as wire:
            await library.AsyncClientV2(api_key="k", base_url=url, httpx_client=wire).chat(**asked)

    def stream(library: Any, url: str) -> None:
        import httpx

        with httpx.Client() as wire:
            client = library.ClientV2(api_key="k", base_url=url, httpx_client=wire)
            assert [event.type for event in client.chat_stream(**asked)][-1] == "message-end"

    async def stream_async(library: Any, url: str) -> None:
        import httpx

        async with httpx.AsyncClient() as wire:
            client = library.AsyncClientV2(api_key="k", base_url=url, httpx_client=wire)
            assert [event async for event in client.chat_stream(**asked)]

    return Case(
        id="cohere-chat",
        provider="cohere",
        module="cohere",
        operation="chat",
        ask=ask,
        ask_async=ask_async,
        stream=stream,
        stream_async=stream_async,
        body={"id": "c-1", "finish_reason": "COMPLETE", "message": message, "usage": usage},
        units={"input_text_tokens": 5, "output_text_tokens": 6},
        events=(start, text, end(usage=usage)),
        events_without=(start, text, end()),
        framing="named",
        error={"message": "bad"},
    )


def _ollama() -> Case:
    counts = {"prompt_eval_count": 5, "eval_count": 6}
    head = {"model": "llama3.2", "created_at": "2026-11-10T00:00:00Z"}
    asked: dict[str, Any] = {"model": "llama3.2", "messages": [{"role": "user", "content": "Hello"}]}
    said = {**head, "message": {"role": "assistant", "content": "Hello there"}}

    def ask(library: Any, url: str) -> None:
        client = library.Client(host=url)
        with client._client:
            assert client.chat(**asked).message.content == "Hello there"

    async def ask_async(library: Any, url: str) -> None:
        client = library.AsyncClient(host=url)
        async with client._client:
            await client.chat(**asked)

    def stream(library: Any, url: str) -> None:
        client = library.Client(host=url)
        with client._client:
            assert len(list(client.chat(**asked, stream=True))) == 2

    async def stream_async(library: Any, url: str) -> None:
        client = library.AsyncClient(host=url)
        async with client._client:
            assert [part async for part in await client.chat(**asked, stream=True)]

    return Case(
        id="ollama-chat",
        provider="ollama",
        module="ollama",
        operation="chat",
        ask=ask,
        ask_async=ask_async,
        stream=stream,
        stream_async=stream_async,
        body={**said, "done": True, "done_reason": "stop", **counts},
        usage_at=("eval_count",),
        units={"input_text_tokens": 5, "output_text_tokens": 6},
        units_without={"input_text_tokens": 5},
        events=(
            {**said, "done": False},
            {**head, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", **counts},
        ),
        framing="ndjson",
        done=False,
        error={"error": "bad"},
    )


OWN_SHAPES: tuple[Case, ...] = (_anthropic(), _gemini(), _cohere(), _ollama())
