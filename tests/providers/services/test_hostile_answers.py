"""No answer, however strange, breaks a reader, makes a negative or absurd amount, or turns the unknown into zero."""

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback.given import exchange

from llmobserve.cli.explain import explain_lines
from llmobserve.providers.registry import Registry
from llmobserve.settings import load

DATA = os.environ.get("LLMOBSERVE_TEST_DATA")

# An address and a request of every kind of reader.
CALLS: tuple[tuple[str, str, Any], ...] = (
    ("POST", "https://api.elevenlabs.io/v1/text-to-speech/v", {"text": 5}),
    ("POST", "https://api.elevenlabs.io/v1/text-to-dialogue", {"inputs": {"text": "x"}}),
    ("POST", "https://api.elevenlabs.io/v1/speech-to-text", ["x"]),
    ("POST", "https://api.elevenlabs.io/v1/music", {"music_length_ms": -1}),
    ("POST", "https://api.deepgram.com/v1/listen?model=nova-2&multichannel=true", None),
    ("POST", "https://api.deepgram.com/v1/speak", {"text": []}),
    ("POST", "https://api.deepgram.com/v1/read", None),
    ("GET", "https://api.assemblyai.com/v2/transcript/t", None),
    ("POST", "https://api.play.ht/api/v2/tts", {"text": None}),
    ("POST", "https://x.stt.speech.microsoft.com/speech/recognition/dictation/cognitiveservices/v1", None),
    ("POST", "https://polly.us-east-1.amazonaws.com/v1/synthesisTasks", {"Engine": 1}),
    ("POST", "https://transcribe.us-east-1.amazonaws.com/", {}),
    ("POST", "https://rekognition.us-east-1.amazonaws.com/", {"Features": "x"}),
    ("POST", "https://api.stability.ai/v2beta/stable-image/generate/sd3", {"model": 3}),
    ("POST", "https://api.stability.ai/v1/generation/sdxl/text-to-image", None),
    ("POST", "https://api.dev.runwayml.com/v1/image_to_video", {"model": ["x"]}),
    ("GET", "https://api.dev.runwayml.com/v1/tasks/t", None),
    ("POST", "https://i-p.svc.e.pinecone.io/query", None),
    ("POST", "https://i-p.svc.e.pinecone.io/vectors/upsert", {"vectors": [1, {"values": "x", "metadata": []}]}),
    ("POST", "https://i-p.svc.e.pinecone.io/records/namespaces/n/search", {"rerank": 1}),
    ("POST", "https://api.pinecone.io/embed", None),
    ("POST", "https://api.pinecone.io/rerank", None),
    ("POST", "https://x.weaviate.network/v1/graphql", "x"),
    ("POST", "https://a.cloud.qdrant.io/collections/c/points/query", {"searches": 1}),
    ("POST", "https://p.zillizcloud.com/v2/vectordb/entities/insert", {"data": 1}),
    ("POST", "https://api.trychroma.com/api/v2/tenants/t/databases/d/collections/c/add", {"ids": "x"}),
    ("POST", "https://x.es.io/_search", "knn"),
    ("POST", "https://api.stripe.com/v1/payment_intents", None),
    ("POST", "https://api.stripe.com/v1/charges", None),
    ("POST", "https://api-m.paypal.com/v2/checkout/orders/o/capture", None),
    ("POST", "https://api.twilio.com/2010-04-01/Accounts/A/Messages.json", None),
    ("GET", "https://api.twilio.com/2010-04-01/Accounts/A/Calls/C.json", None),
    ("POST", "https://api.sendgrid.com/v3/mail/send", {"personalizations": [1, {"to": 2}]}),
    ("POST", "https://a-dsn.algolia.net/1/indexes/*/queries", {"requests": "x"}),
    ("GET", "https://api.cloud.llamaindex.ai/api/v2/extract/j", None),
    ("POST", "https://api.tavily.com/crawl", {"instructions": [1]}),
    ("GET", "https://api.tavily.com/research/r", None),
)

SERVICES = {
    *("elevenlabs", "deepgram", "assemblyai", "playht", "azure_speech", "aws_polly", "aws_transcribe"),
    *("aws_rekognition", "stability", "runway", "pinecone", "weaviate", "qdrant", "milvus", "chroma", "elasticsearch"),
    *("stripe", "paypal", "twilio", "sendgrid", "algolia", "llamacloud", "tavily"),
}

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([-1, 0, 2**53 + 1, 10**400, 1e308, float("nan"), float("inf"), "-0.5", "NaN", "1e999", "x" * 500]),
    st.text(max_size=10),
    st.lists(st.integers(), max_size=3),
)
NAMES = (
    *("id", "object", "status", "amount", "amount_received", "currency", "fee", "balance_transaction"),
    *("latest_charge", "payment_method_details", "usage", "readUnits", "read_units", "embed_total_tokens"),
    *("rerank_units", "total_tokens", "credits", "cost", "estimatedCost", "inference", "models", "tokens"),
    *("metadata", "duration", "channels", "summary_info", "input_tokens", "audio_duration"),
    *("audio_duration_secs", "Duration", "Offset", "SynthesisTask", "RequestCharacters", "TranscriptionJob"),
    *("TranscriptionJobStatus", "TranscriptionJobName", "JobStatus", "VideoMetadata", "DurationMillis"),
    *("artifacts", "finish_reason", "purchase_units", "payments", "captures", "seller_receivable_breakdown"),
    *("paypal_fee", "value", "currency_code", "num_segments", "price", "price_unit", "body", "to", "sid"),
    *("job", "results", "error", "detail"),
)
KEYS = st.sampled_from(NAMES)
ANSWERS = st.recursive(
    st.dictionaries(KEYS, ODD, max_size=6),
    lambda inner: st.dictionaries(KEYS, st.one_of(ODD, inner, st.lists(inner, max_size=2)), max_size=6),
    max_leaves=12,
)
STATES = st.sampled_from(
    ["succeeded", "COMPLETED", "completed", "SUCCEEDED", "FAILED", "error", "approved", 7, None, [], {"a": 1}]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(answer=ANSWERS, state=STATES, header=st.sampled_from(["", "-5", "1e999", "NaN", "12", "x", "٣"]))
def test_readers_survive(answer: dict[str, Any], state: object, header: str) -> None:
    body = {"id": "i", "status": state, "JobStatus": state, **answer}
    names = ("character-cost", "dg-char-count", "x-amzn-requestcharacters", "finish-reason")
    encoded = json.dumps(body).encode()
    for method, url, asked in CALLS:
        kind = {"content-type": "application/json", **dict.fromkeys(names, header)}
        for seen in exchange(url, asked, encoded, method=method, headers=kind):
            assert all(isinstance(n, int | Decimal) and 0 <= n <= 2**63 for n in seen.call.usage.units.values()), url
            assert seen.cost.usd is None or seen.cost.usd >= 0, url
            assert (seen.cost.usd is None) == (seen.cost.state == "unpriced"), url
            json.dumps(seen.call.usage.raw, allow_nan=False)


def test_the_calls_above_leave_no_provider_out() -> None:
    registry = Registry()
    found: set[str] = set()
    for method, url, _ in CALLS:
        parts = urlsplit(url)
        provider = registry.provider_for(parts.hostname or "")
        assert provider is not None, url
        assert registry.endpoint_for(provider, method, parts.path) is not None, url
        found.add(provider.name)
    assert found == SERVICES


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html>", b'{"usage": ', b"[1,2]"])
def test_answers_that_are_no_objects(body: bytes) -> None:
    for method, url, asked in CALLS:
        for seen in exchange(url, asked, body, method=method, headers={"content-type": "application/json"}):
            assert (seen.cost.usd is None) == (seen.cost.state == "unpriced"), url


@pytest.mark.skipif(DATA is None, reason="LLMOBSERVE_TEST_DATA is not set")
@pytest.mark.parametrize(
    ("host", "recognised"),
    [("api.tavily.com", 9), ("api.pinecone.io", 0), ("traceloop-sandbox-3azqlud3.weaviate.network", 8)],
)
def test_recordings(host: str, recognised: int) -> None:
    lines = Path(str(DATA), "recordings", f"{host}.jsonl").read_text("utf-8").splitlines()
    found = [one for one in explain_lines(lines, load({}, {})) if one.get("recognised") is not False]
    assert len(found) == recognised
    for one in found:
        if host == "api.tavily.com":
            # every search is an advanced one: 2 credits at 0.008
            assert (one["usage"]["units"], one["cost"]["usd"]) == ({"credits": "2"}, "0.016")
        else:
            assert (one["kind"], one["cost"]["state"]) == ("vector_db", "unpriced")
