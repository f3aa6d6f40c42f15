"""Speech, images, jobs, search and vectors through the providers' own clients."""

from decimal import Decimal
from typing import Any

from providers.clients.case import Case

__all__ = ["MEDIA"]


def _openai_transcription() -> Case:
    def arguments() -> dict[str, Any]:
        return {"model": "gpt-4o-transcribe", "file": ("a.wav", b"RIFF0000WAVE")}

    def ask(library: Any, url: str) -> None:
        with library.OpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client:
            assert client.audio.transcriptions.create(**arguments()).text == "Hello there"

    async def ask_async(library: Any, url: str) -> None:
        async with library.AsyncOpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client:
            await client.audio.transcriptions.create(**arguments())

    details = {"audio_tokens": 14, "text_tokens": 2}
    usage = {"type": "tokens", "input_tokens": 16, "input_token_details": details, "output_tokens": 4}
    return Case(
        id="openai-transcription",
        provider="openai",
        module="openai",
        operation="audio.transcriptions",
        ask=ask,
        ask_async=ask_async,
        body={"text": "Hello there", "usage": {**usage, "total_tokens": 20}},
        units={"input_audio_tokens": 14, "input_text_tokens": 2, "output_text_tokens": 4},
    )


def _openai_image() -> Case:
    def ask(library: Any, url: str) -> None:
        with library.OpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client:
            assert client.images.generate(model="gpt-image-1", prompt="A boat").data[0].b64_json == "AAAA"

    async def ask_async(library: Any, url: str) -> None:
        async with library.AsyncOpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client:
            await client.images.generate(model="gpt-image-1", prompt="A boat")

    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
        "output_tokens": 1056,
        "total_tokens": 1066,
    }
    return Case(
        id="openai-image",
        provider="openai",
        module="openai",
        operation="images",
        ask=ask,
        ask_async=ask_async,
        body={"created": 1, "data": [{"b64_json": "AAAA"}], "usage": usage},
        units={"input_text_tokens": 10, "output_image_tokens": 1056},
        # The images that came back, which is how older models are billed.
        units_without={"images": 1},
    )


def _elevenlabs() -> Case:
    def ask(library: Any, url: str) -> None:
        import httpx

        with httpx.Client() as wire:
            client = library.ElevenLabs(api_key="k", base_url=url, httpx_client=wire)
            assert b"".join(client.text_to_speech.convert("voice", text="Hello", model_id="eleven_v3"))

    async def ask_async(library: Any, url: str) -> None:
        import httpx

        async with httpx.AsyncClient() as wire:
            client = library.AsyncElevenLabs(api_key="k", base_url=url, httpx_client=wire)
            assert [part async for part in client.text_to_speech.convert("voice", text="Hello", model_id="eleven_v3")]

    return Case(
        id="elevenlabs-speech",
        provider="elevenlabs",
        module="elevenlabs",
        operation="text_to_speech",
        ask=ask,
        ask_async=ask_async,
        body={"audio": "stands for sound"},
        usage_at=None,
        headers={"content-type": "audio/mpeg", "character-cost": "7"},
        usage_header="character-cost",
        units={"credits": 7},
        # A credit a character of "Hello".
        units_without={"input_characters": 5},
        error={"detail": {"status": "invalid_voice", "message": "bad"}},
    )


def _deepgram() -> Case:
    def client_of(library: Any, url: str, wire: Any, name: str) -> Any:
        from deepgram.environment import DeepgramClientEnvironment

        places = {name: url for name in ("base", "production", "agent", "agent_rest")}
        known = {
            key: place for key, place in places.items() if key in DeepgramClientEnvironment.__init__.__annotations__
        }
        return getattr(library, name)(api_key="k", environment=DeepgramClientEnvironment(**known), httpx_client=wire)

    def ask(library: Any, url: str) -> None:
        import httpx

        with httpx.Client() as wire:
            client = client_of(library, url, wire, "DeepgramClient")
            client.listen.v1.media.transcribe_url(url="https://x.test/a.wav", model="nova-3")

    async def ask_async(library: Any, url: str) -> None:
        import httpx

        async with httpx.AsyncClient() as wire:
            client = client_of(library, url, wire, "AsyncDeepgramClient")
            await client.listen.v1.media.transcribe_url(url="https://x.test/a.wav", model="nova-3")

    facts = {"transaction_key": "t", "request_id": "q", "sha256": "s", "created": "2026-11-10T00:00:00Z"}
    metadata = {**facts, "duration": 25.9, "channels": 1, "models": [], "model_info": {}}
    return Case(
        id="deepgram-listen",
        provider="deepgram",
        module="deepgram",
        operation="listen",
        ask=ask,
        ask_async=ask_async,
        body={"metadata": metadata, "results": {"channels": []}},
        usage_at=("metadata", "duration"),
        units={"input_seconds": Decimal("25.9")},
        error={"err_code": "INVALID_REQUEST", "err_msg": "bad", "request_id": "q"},
    )


def _runway() -> Case:
    identity = "17f20503-6c24-4c16-946b-35dbbce2af2f"

    def ask(library: Any, url: str) -> None:
        with library.RunwayML(api_key="k", base_url=url, max_retries=0) as client:
            client.tasks.retrieve(identity)

    async def ask_async(library: Any, url: str) -> None:
        async with library.AsyncRunwayML(api_key="k", base_url=url, max_retries=0) as client:
            await client.tasks.retrieve(identity)

    return Case(
        id="runway-task",
        provider="runway",
        module="runwayml",
        operation="task",
        ask=ask,
        ask_async=ask_async,
        body={
            "id": identity,
            "createdAt": "2026-11-10T00:00:00Z",
            "status": "SUCCEEDED",
            "output": ["https://x.test/v.mp4"],
            "cost": {"credits": 25},
        },
        usage_at=("cost",),
        waits_for_usage=True,
        units={"credits": 25},
        error={"error": "bad"},
    )


def _pinecone() -> Case:
    def ask(library: Any, url: str) -> None:
        index = library.Pinecone(api_key="k").Index(host=url)
        try:
            assert index.query(vector=[0.1] * 8, top_k=1).matches[0].id == "a"
        finally:
            index.close()

    async def ask_async(library: Any, url: str) -> None:
        async with library.AsyncPinecone(api_key="k") as client, await client.index(host=url) as index:
            await index.query(vector=[0.1] * 8, top_k=1)

    return Case(
        id="pinecone-query",
        provider="pinecone",
        module="pinecone",
        operation="query",
        ask=ask,
        ask_async=ask_async,
        body={"matches": [{"id": "a", "score": 0.5}], "namespace": "", "usage": {"readUnits": 5}},
        units={"read_units": 5},
        error={"code": 3, "message": "bad", "details": []},
    )


def _qdrant() -> Case:
    def ask(library: Any, url: str) -> None:
        client = library.QdrantClient(url=url, check_compatibility=False)
        try:
            assert len(client.query_points("c", query=[0.1, 0.2]).points) == 1
        finally:
            client.close()

    async def ask_async(library: Any, url: str) -> None:
        client = library.AsyncQdrantClient(url=url, check_compatibility=False)
        try:
            await client.query_points("c", query=[0.1, 0.2])
        finally:
            await client.close()

    points = {"points": [{"id": 1, "version": 0, "score": 0.5}]}
    return Case(
        id="qdrant-search",
        provider="qdrant",
        module="qdrant_client",
        operation="search",
        ask=ask,
        ask_async=ask_async,
        body={"result": points, "status": "ok", "time": 0.01},
        usage_at=None,
        units={"requests": 1},
        error={"status": {"error": "bad"}, "time": 0.0},
    )


def _tavily() -> Case:
    def ask(library: Any, url: str) -> None:
        library.TavilyClient(api_key="tvly-k", api_base_url=url).search("x", include_usage=True)

    async def ask_async(library: Any, url: str) -> None:
        async with library.AsyncTavilyClient(api_key="tvly-k", api_base_url=url) as client:
            await client.search("x", include_usage=True)

    return Case(
        id="tavily-search",
        provider="tavily",
        module="tavily",
        operation="search",
        ask=ask,
        ask_async=ask_async,
        body={"query": "x", "results": [], "response_time": 0.1, "usage": {"credits": 2}, "request_id": "q"},
        units={"credits": 2},
        # A basic search is one credit: https://docs.tavily.com/documentation/api-credits, read 2026-11-21.
        units_without={"credits": 1},
        error={"detail": {"error": "bad"}},
    )


def _replicate() -> Case:
    def ask(library: Any, url: str) -> None:
        client = library.Client(api_token="k", base_url=url)
        try:
            client.predictions.get("p1")
        finally:
            client._client.close()

    async def ask_async(library: Any, url: str) -> None:
        client = library.Client(api_token="k", base_url=url)
        try:
            await client.predictions.async_get("p1")
        finally:
            await client._async_client.aclose()

    return Case(
        id="replicate-prediction",
        provider="replicate",
        module="replicate",
        operation="predictions",
        ask=ask,
        ask_async=ask_async,
        body={
            "id": "p1",
            "version": "v",
            "model": "owner/model",
            "status": "succeeded",
            "input": {},
            "output": ["x"],
            "urls": {"get": "https://x.test", "cancel": "https://x.test"},
            "created_at": "2026-11-10T00:00:00Z",
            "metrics": {"predict_time": 2.5},
        },
        usage_at=("metrics",),
        units={"compute_seconds": Decimal("2.5")},
        error={"title": "Bad request", "detail": "bad", "status": 400},
    )


def _llamacloud() -> Case:
    def ask(library: Any, url: str) -> None:
        with library.LlamaCloud(api_key="k", base_url=url, max_retries=0) as client:
            client.parsing.get("pjb-1")

    async def ask_async(library: Any, url: str) -> None:
        async with library.AsyncLlamaCloud(api_key="k", base_url=url, max_retries=0) as client:
            await client.parsing.get("pjb-1")

    job = {"id": "pjb-1", "project_id": "p", "status": "COMPLETED", "tier": "fast", "usage": {"credits": 3}}
    return Case(
        id="llamacloud-parse",
        provider="llamacloud",
        module="llama_cloud",
        operation="parse",
        ask=ask,
        ask_async=ask_async,
        body={"job": job},
        usage_at=("job", "usage"),
        units={"credits": 3},
        error={"detail": "bad"},
    )


MEDIA: tuple[Case, ...] = (
    _openai_transcription(),
    _openai_image(),
    _elevenlabs(),
    _deepgram(),
    _runway(),
    _pinecone(),
    _qdrant(),
    _tavily(),
    _replicate(),
    _llamacloud(),
)
