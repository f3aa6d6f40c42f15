"""Batches and explicit caches of the Gemini API."""

from decimal import Decimal
from typing import Any

import pytest
from loopback.given import exchange, exchanges, only

API = "https://generativelanguage.googleapis.com/v1beta"
MODEL = "models/gemini-2.5-flash"


def answer(prompt: int, candidates: int) -> dict[str, Any]:
    usage = {"promptTokenCount": prompt, "candidatesTokenCount": candidates, "totalTokenCount": prompt + candidates}
    return {"response": {"candidates": [], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"}}


def batch(state: str, **output: Any) -> dict[str, Any]:
    metadata = {"model": MODEL, "state": state, "output": output or None}
    return {"name": "batches/b1", "metadata": metadata, "done": state.endswith("SUCCEEDED")}


def test_each_answer_of_a_batch_is_charged_once() -> None:
    started = exchange(f"{API}/{MODEL}:batchGenerateContent", {"batch": {}}, batch("BATCH_STATE_PENDING"))
    assert started == []
    answers = [answer(1000, 100), {"error": {"code": 3, "message": "bad"}}, answer(2000, 10)]
    body = batch("BATCH_STATE_SUCCEEDED", inlinedResponses={"inlinedResponses": answers})
    looks = [exchange(f"{API}/batches/b1", None, body, method="GET") for _ in range(2)]
    first, second = exchanges(*looks)
    # half of 0.30 and 2.50: 1000 x 0.15 + 100 x 1.25 = 275 $/M; 2000 x 0.15 + 10 x 1.25 = 312.5 $/M
    assert (first.cost.state, first.usd, second.usd) == ("priced", "0.000275", "0.0003125")
    assert first.call.dimensions["batch"] == "true"


def test_a_batch_with_its_answers_in_a_file_is_not_free() -> None:
    body = batch("BATCH_STATE_SUCCEEDED", responsesFile="files/f1")
    seen = only(exchange(f"{API}/batches/b1", None, body, method="GET"))
    assert (seen.cost.state, seen.call.request_model) == ("unpriced", "gemini-2.5-flash")
    assert exchange(f"{API}/batches/b1", None, batch("BATCH_STATE_RUNNING"), method="GET") == []


@pytest.mark.parametrize(
    "url",
    [
        f"{API}/cachedContents",
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/cachedContents",
    ],
)
def test_a_cache_is_stored_by_the_hour(url: str) -> None:
    made = {
        "name": "cachedContents/c1",
        "model": MODEL,
        "createTime": "2026-11-21T10:00:00.123456789Z",
        "expireTime": "2026-11-21T11:30:00.123456789Z",
        "usageMetadata": {"totalTokenCount": 40_000},
    }
    first = exchange(url, {"model": MODEL, "ttl": "5400s"}, made)
    seen = only(first)
    assert (seen.units, seen.call.request_model) == ({"cache_storage_token_hours": 60_000}, "gemini-2.5-flash")
    assert seen.cost.state in ("unpriced", "estimated")
    longer = {**made, "expireTime": "2026-11-21T12:00:00Z"}
    later = only(first, exchange(f"{url}/c1", {"ttl": "7200s"}, longer, method="PATCH"))
    assert later.units == {"cache_storage_token_hours": Decimal(80_000)}


VIDEO = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models/"
NAME = "projects/p/locations/us-central1/publishers/google/models/veo-3.1-generate-001/operations/o1"


def video(**parameters: Any) -> Any:
    return exchange(VIDEO + "veo-3.1-generate-001:predictLongRunning", {"parameters": parameters}, {"name": NAME})


def test_a_video_that_was_refused_costs_nothing() -> None:
    started = video(durationSeconds=8, sampleCount=1, generateAudio=True, resolution="4K")
    assert only(started).usd == "4.8"  # 8 seconds at $0.60
    look = VIDEO + "veo-3.1-generate-001:fetchPredictOperation"
    made = {"name": NAME, "done": True, "response": {"videos": [{"gcsUri": "gs://x"}], "raiMediaFilteredCount": 0}}
    assert exchange(look, {"operationName": NAME}, made) == []
    refused = {"name": NAME, "done": True, "response": {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["no"]}}
    seen = only(started, exchange(look, {"operationName": NAME}, refused))
    assert (seen.usd, seen.call.status) == ("0", "error")


def test_a_video_without_sound_is_not_priced_as_one_with_it() -> None:
    assert only(video(durationSeconds=4, generateAudio=False)).cost.state == "unpriced"
    assert only(video(durationSeconds=4)).usd == "1.6"  # 4 seconds at $0.40
