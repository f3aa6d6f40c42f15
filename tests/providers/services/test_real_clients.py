"""The providers' own client libraries against a loopback server; each is skipped where it is not installed."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from loopback.rig import observed
from loopback.server import Answer, Loopback, Received, json_answer

# The libraries' own: deprecated calls to pydantic, httpx and websockets.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_elevenlabs_speech() -> None:
    library = pytest.importorskip("elevenlabs")
    audio = Answer(headers={"content-type": "audio/mpeg", "character-cost": "5", "request-id": "r"}, body=b"\xff" * 999)
    httpx = pytest.importorskip("httpx")
    with Loopback(audio) as server, httpx.Client() as wire, observed(server, "elevenlabs") as recorded:
        client = library.ElevenLabs(api_key="k", base_url=server.url, httpx_client=wire)
        sound = b"".join(client.text_to_speech.convert("voice", text="hello", model_id="eleven_v3"))
    assert sound == audio.body
    assert (recorded.one.operation, recorded.units) == ("text_to_speech", {"credits": 5})
    assert (recorded.one.request_id, recorded.one.status) == ("r", "ok")


def test_elevenlabs_transcription() -> None:
    library = pytest.importorskip("elevenlabs")
    answer = {"language_code": "en", "language_probability": 1, "text": "hi", "words": [], "audio_duration_secs": 12.5}
    httpx = pytest.importorskip("httpx")
    with Loopback(json_answer(answer)) as server, httpx.Client() as wire, observed(server, "elevenlabs") as recorded:
        client = library.ElevenLabs(api_key="k", base_url=server.url, httpx_client=wire)
        assert client.speech_to_text.convert(model_id="scribe_v2", file=b"RIFF").text == "hi"
    assert recorded.units == {"input_seconds": Decimal("12.5")}
    assert recorded.one.request_model == "scribe_v2"


def test_deepgram() -> None:
    library = pytest.importorskip("deepgram")
    environment = pytest.importorskip("deepgram.environment").DeepgramClientEnvironment
    metadata = {
        "transaction_key": "t",
        "request_id": "q",
        "sha256": "s",
        "created": "2026-11-10T00:00:00Z",
        "duration": 25.9,
        "channels": 1,
        "models": [],
        "model_info": {},
    }
    heard = json_answer({"metadata": metadata, "results": {"channels": []}})
    spoken = Answer(headers={"content-type": "audio/mpeg", "dg-char-count": "5"}, body=b"\0" * 99)
    httpx = pytest.importorskip("httpx")
    with Loopback(heard, spoken) as server, httpx.Client() as wire, observed(server, "deepgram") as recorded:
        places = {name: server.url for name in ("base", "production", "agent", "agent_rest")}
        known = {name: url for name, url in places.items() if name in environment.__init__.__annotations__}
        client = library.DeepgramClient(api_key="k", environment=environment(**known), httpx_client=wire)
        client.listen.v1.media.transcribe_url(url="https://x.test/a.wav", model="nova-3", diarize=True)
        assert b"".join(client.speak.v1.audio.generate(text="hello", model="aura-2-thalia-en")) == spoken.body
    listen, speak = recorded.calls
    assert (listen.request_model, dict(listen.usage.units)) == ("nova-3", {"input_seconds": Decimal("25.9")})
    assert listen.dimensions == {"add_ons": "diarize"}
    assert (speak.request_model, dict(speak.usage.units)) == ("aura-2-thalia-en", {"input_characters": 5})


def test_assemblyai_job() -> None:
    library = pytest.importorskip("assemblyai")
    job = {"id": "t1", "status": "queued", "audio_url": "https://x.test/a.mp3"}
    done = {**job, "status": "completed", "audio_duration": 60, "text": "hi", "speech_model_used": "universal-2"}
    answers = [json_answer(job), json_answer({**job, "status": "processing"}), json_answer(done)]
    with Loopback(*answers) as server, observed(server, "assemblyai") as recorded:
        settings = library.Settings(api_key="k", base_url=server.url, polling_interval=0.1)
        client = library.Client(settings=settings)
        result = library.Transcriber(client=client).transcribe("https://x.test/a.mp3")
        client.http_client.close()
    assert result.text == "hi"
    order, finished = recorded.calls
    assert (order.event_id, order.revision) == (finished.event_id, 0)
    assert (finished.operation, dict(finished.usage.units)) == ("transcript", {"input_seconds": 60})
    assert (finished.response_model, finished.revision) == ("universal-2", 1)


def test_runway_task() -> None:
    library = pytest.importorskip("runwayml")
    task = {"id": "17f20503-6c24-4c16-946b-35dbbce2af2f", "createdAt": "2026-11-10T00:00:00Z"}
    ordered = {"id": task["id"], "estimatedCost": {"credits": 25}}
    done = {**task, "status": "SUCCEEDED", "cost": {"credits": 25}, "output": ["https://x.test/v.mp4"]}
    with (
        Loopback(json_answer(ordered), json_answer(done)) as server,
        library.RunwayML(api_key="k", base_url=server.url) as client,
        observed(server, "runway") as recorded,
    ):
        client.image_to_video.create(
            model="gen4_turbo", prompt_image="https://x.test/i.png", prompt_text="x", ratio="1280:720", duration=5
        )
        client.tasks.retrieve(task["id"])
    order, final = recorded.calls
    assert order.event_id == final.event_id
    assert [(call.revision, call.request_model, dict(call.usage.units)) for call in (order, final)] == [
        (0, "gen4_turbo", {"credits": 25}),
        (1, "gen4_turbo", {"credits": 25}),
    ]


def pinecone_answer(request: Received) -> Answer:
    path = request.target.partition("?")[0]
    if path == "/vectors/upsert":
        return json_answer({"upsertedCount": len(request.json["vectors"])})
    if path == "/query":
        return json_answer({"matches": [{"id": "a", "score": 0.5}], "namespace": "", "usage": {"readUnits": 5}})
    if path == "/vectors/fetch":
        return json_answer({"vectors": {}, "namespace": "", "usage": {"readUnits": 1}})
    return json_answer({"vectors": [], "namespace": "", "usage": {"readUnits": 1}})


def test_pinecone_calls_its_transport_directly_and_is_seen_once() -> None:
    library = pytest.importorskip("pinecone")
    with Loopback(pinecone_answer) as server, observed(server, "pinecone") as recorded:
        index = library.Pinecone(api_key="k").Index(host=server.url)
        index.upsert(vectors=[{"id": "a", "values": [0.1] * 1536}])
        index.query(vector=[0.1] * 1536, top_k=1)
        index.fetch(ids=["a"])
        index.close()
    assert [(call.operation, dict(call.usage.units), call.usage.source) for call in recorded.calls] == [
        # 1 + 4 x 1536 bytes are seven kilobytes
        ("upsert", {"write_units": 7}, "estimated"),
        ("query", {"read_units": 5}, "response"),
        ("fetch", {"read_units": 1}, "response"),
    ]


def test_qdrant() -> None:
    library = pytest.importorskip("qdrant_client")
    points = {"points": [{"id": 1, "version": 0, "score": 0.5}]}
    found = {"result": points, "status": "ok", "time": 0.01, "usage": {"inference": {"models": {"m": {"tokens": 7}}}}}
    with Loopback(json_answer(found)) as server, observed(server, "qdrant") as recorded:
        client = library.QdrantClient(url=server.url, check_compatibility=False)
        assert len(client.query_points("c", query=[0.1, 0.2]).points) == 1
        client.close()
    assert [(call.operation, dict(call.usage.units)) for call in recorded.calls] == [
        ("search", {"requests": 1}),
        ("inference", {"input_text_tokens": 7}),
    ]


def chroma_answer(request: Received) -> Answer:
    path = request.target.partition("?")[0]
    if path.endswith("/pre-flight-checks"):
        return json_answer({"max_batch_size": 100})
    if path.endswith("/query"):
        found = {"ids": [["a"]], "distances": [[0.1]], "documents": [["x"]], "metadatas": [[None]]}
        return json_answer({**found, "embeddings": None, "uris": None, "include": ["documents"]})
    if path.endswith("/add"):
        return json_answer({}, status=201)
    if path.endswith("/identity"):
        return json_answer({"user_id": "u", "tenant": "default_tenant", "databases": ["default_database"]})
    place = {"tenant": "default_tenant", "database": "default_database"}
    names = {"id": "11111111-1111-1111-1111-111111111111", "name": "docs", "metadata": None}
    return json_answer({**place, **names, "dimension": 2, "log_position": 0, "version": 0, "configuration_json": {}})


def test_chroma() -> None:
    library = pytest.importorskip("chromadb")
    with Loopback(chroma_answer) as server, observed(server, "chroma") as recorded:
        settings = library.Settings(anonymized_telemetry=False)
        client = library.HttpClient(host="127.0.0.1", port=server.port, settings=settings)
        collection = client.get_or_create_collection("docs", embedding_function=None)
        collection.add(ids=["a", "b"], embeddings=[[0.1, 0.2], [0.3, 0.4]], documents=["x", "y"])
        assert collection.query(query_embeddings=[[0.1, 0.2]], n_results=1)["ids"] == [["a"]]
        client._server._session.close()
    assert [(call.operation, dict(call.usage.units)) for call in recorded.calls] == [
        ("add", {"requests": 1, "records": 2}),
        ("query", {"requests": 1}),
    ]


def test_llamacloud_job() -> None:
    library = pytest.importorskip("llama_cloud")
    job = {"id": "pjb-1", "project_id": "p", "status": "COMPLETED", "tier": "fast", "usage": {"credits": 3}}
    with (
        Loopback(json_answer({"job": job})) as server,
        library.LlamaCloud(api_key="k", base_url=server.url) as client,
        observed(server, "llamacloud") as recorded,
    ):
        client.parsing.get("pjb-1")
    assert (recorded.one.operation, recorded.units) == ("parse", {"credits": 3})


def test_stripe_async() -> None:
    library = pytest.importorskip("stripe")
    pytest.importorskip("httpx")
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 10_000,
        "amount_received": 10_000,
        "currency": "usd",
        "status": "succeeded",
    }

    async def pay(url: str) -> Any:
        wire = library.HTTPXClient()
        client = library.StripeClient("sk_test_1", base_addresses={"api": url}, http_client=wire)
        paid = await client.v1.payment_intents.create_async({"amount": 10_000, "currency": "usd", "confirm": True})
        await wire.close_async()
        return paid

    with Loopback(json_answer(intent)) as server, observed(server, "stripe") as recorded:
        assert asyncio.run(pay(server.url)).id == "pi_1"
        assert b"amount=10000" in server.ledger[0].body
    assert (recorded.one.kind, recorded.units) == ("payment", {"payments": 1, "usd_volume": Decimal(100)})


def test_tavily_async() -> None:
    library = pytest.importorskip("tavily")
    answer = {"query": "x", "results": [], "response_time": 0.1, "usage": {"credits": 2}, "request_id": "q"}

    async def search(url: str) -> None:
        async with library.AsyncTavilyClient(api_key="tvly-k", api_base_url=url) as client:
            await client.search("x", search_depth="advanced", include_usage=True)

    with Loopback(json_answer(answer)) as server, observed(server, "tavily") as recorded:
        asyncio.run(search(server.url))
        assert json.loads(server.ledger[0].body)["search_depth"] == "advanced"
    assert (recorded.one.operation, recorded.units, recorded.one.response_id) == ("search", {"credits": 2}, "q")
