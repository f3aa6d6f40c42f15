"""Images, video and vector stores: what is read, and what it costs by hand from the price lists."""

import json
from decimal import Decimal
from typing import Any

import pytest
from loopback.given import exchange, exchanges, only

STABILITY = "https://api.stability.ai/v2beta"
RUNWAY = "https://api.dev.runwayml.com/v1"
PINECONE = "https://docs-abc123.svc.aped-4627-b74a.pinecone.io"
PNG = {"content-type": "image/png", "finish-reason": "SUCCESS"}


def fields(**values: str) -> bytes:
    parts = [f'--B\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in values.items()]
    return "".join([*parts, "--B--\r\n"]).encode()


FORM = {"content-type": "multipart/form-data; boundary=B"}


@pytest.mark.parametrize(
    ("path", "form", "usd"),
    [
        ("stable-image/generate/ultra", {}, "0.08"),
        ("stable-image/generate/core", {}, "0.03"),
        ("stable-image/generate/sd3", {}, "0.065"),
        ("stable-image/generate/sd3", {"model": "sd3.5-large-turbo"}, "0.04"),
        ("stable-image/generate/sd3", {"model": "sd3.5-medium"}, "0.035"),
        ("stable-image/edit/inpaint", {}, "0.05"),
        ("stable-image/upscale/conservative", {}, "0.4"),
        ("3d/stable-fast-3d", {}, "0.1"),
        ("audio/stable-audio-2/text-to-audio", {}, "0.2"),
    ],
)
def test_stability_by_path_and_model(path: str, form: dict[str, str], usd: str) -> None:
    seen = only(exchange(f"{STABILITY}/{path}", fields(prompt="a cat", **form), b"\x89PNG", sent=FORM, headers=PNG))
    assert (seen.usd, seen.cost.state) == (usd, "priced")


def test_stability_unknown_and_refused() -> None:
    url = f"{STABILITY}/stable-image/generate/sd3"
    new = only(exchange(url, fields(model="sd9"), b"\x89PNG", sent=FORM, headers=PNG))
    assert (new.usd, new.cost.state) == (None, "unpriced")
    refused = {**PNG, "finish-reason": "CONTENT_FILTERED"}
    seen = only(exchange(url, fields(prompt="p"), b"\x89PNG", sent=FORM, headers=refused))
    assert (seen.usd, seen.call.status, seen.cost.state) == (None, "error", "unpriced")
    errors = {"name": "bad_request", "errors": ["prompt: required"]}
    failed = only(exchange(url, fields(prompt=""), errors, sent=FORM, status=400))
    assert (failed.usd, failed.cost.state) == ("0", "free")


def test_runway_order_is_an_estimate_until_the_task_is_over() -> None:
    ordered = {"id": "task-1", "estimatedCost": {"credits": 50}}
    order = exchange(f"{RUNWAY}/image_to_video", {"model": "gen4_turbo", "duration": 10}, ordered)
    estimate = only(order)
    # 50 credits at 0.01
    assert (estimate.usd, estimate.cost.state, estimate.call.revision) == ("0.5", "estimated", 0)
    running = {"id": "task-1", "status": "RUNNING", "estimatedCost": {"credits": 50}}
    assert exchange(f"{RUNWAY}/tasks/task-1", None, running, method="GET") == []
    done = {"id": "task-1", "status": "SUCCEEDED", "cost": {"credits": 25}, "output": ["https://x.test/v.mp4"]}
    polls = [exchange(f"{RUNWAY}/tasks/task-1", None, done, method="GET") for _ in range(3)]
    final = only(order, *polls)
    assert (final.usd, final.cost.state, final.call.request_model) == ("0.25", "priced", "gen4_turbo")
    refunded = {"id": "task-1", "status": "FAILED", "cost": {"credits": 0}, "failure": "moderated"}
    failed = only(order, exchange(f"{RUNWAY}/tasks/task-1", None, refunded, method="GET"))
    assert (failed.usd, failed.call.status) == ("0", "error")


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("text_to_image", "image"),
        ("sound_effect", "audio"),
        ("character_performance", "video"),
        ("video_to_audio", "audio"),
        ("generate/image", "image"),
        ("recipes/product_ad", "video"),
        ("image_upscale", "image"),
    ],
)
def test_runway_operations(operation: str, kind: str) -> None:
    seen = only(exchange(f"{RUNWAY}/{operation}", {"model": "m"}, {"id": operation, "estimatedCost": {"credits": 2}}))
    assert (seen.call.operation, seen.call.kind, seen.usd) == (operation, kind, "0.02")


def test_pinecone_reads_state_their_units() -> None:
    answer = {"matches": [{"id": "a", "values": [0.1] * 8}], "namespace": "", "usage": {"readUnits": 6}}
    seen = only(exchange(f"{PINECONE}/query", {"vector": [0.1] * 8, "topK": 1}, answer))
    # 6 x 16 dollars a million
    assert (seen.call.kind, seen.units, seen.usd, seen.cost.state) == (
        "vector_db",
        {"read_units": 6},
        "0.000096",
        "priced",
    )
    fetched = only(exchange(f"{PINECONE}/vectors/fetch?ids=a", None, {"usage": {"readUnits": 1}}, method="GET"))
    assert (fetched.call.operation, fetched.usd) == ("fetch", "0.000016")
    quarter = only(exchange(f"{PINECONE}/query", {}, {"usage": {"readUnits": 0.25}}))
    assert (quarter.units, quarter.usd) == ({"read_units": Decimal("0.25")}, "0.000004")
    silent = only(exchange(f"{PINECONE}/query", {}, {"matches": []}))
    assert (silent.usd, silent.cost.state) == (None, "unpriced")


def test_pinecone_search_with_inference_has_several_charges() -> None:
    asked = {"query": {"inputs": {"text": "x"}, "top_k": 2}, "rerank": {"model": "bge-reranker-v2-m3"}}
    answer = {"result": {"hits": []}, "usage": {"read_units": 6, "embed_total_tokens": 9, "rerank_units": 1}}
    seen = exchanges(exchange(f"{PINECONE}/records/namespaces/ns/search", asked, answer))
    # 6 x 16/M; the embedding model is not named; 1 x 2/1000
    assert [(s.call.operation, s.usd) for s in seen] == [("search", "0.000096"), ("embed", None), ("rerank", "0.002")]


def test_pinecone_writes_are_estimated_from_the_records() -> None:
    vector: dict[str, Any] = {"id": "abcd", "values": [0.5] * 1536, "metadata": {"t": "x" * 83}}
    # id 4 + 1536 x 4 + {"t": "…83…"} 91 = 6239 bytes a record, 20 of them: 124,780 bytes, 125 units x 4/M
    seen = only(exchange(f"{PINECONE}/vectors/upsert", {"vectors": [vector] * 20}, {"upsertedCount": 20}))
    assert (seen.units, seen.usd, seen.cost.state) == ({"write_units": 125}, "0.0005", "estimated")
    assert seen.call.usage.details == {"records": 20}
    # at least five units a request: 5 x 4/M
    small = only(exchange(f"{PINECONE}/vectors/delete", {"ids": ["a"]}, {}))
    assert (small.units, small.usd) == ({"write_units": 5}, "0.00002")
    lines = "\n".join(json.dumps({"_id": str(n), "text": "x" * 5000}) for n in range(2)).encode()
    sent = {"content-type": "application/x-ndjson", "content-length": str(len(lines))}
    records = only(exchange(f"{PINECONE}/records/namespaces/ns/upsert", lines, b"", sent=sent, status=201))
    # 2 x 5027 bytes, rounded up to kilobytes
    assert records.units == {"write_units": 11}


def test_pinecone_inference() -> None:
    embedded = {"model": "multilingual-e5-large", "data": [{"values": [0.1]}], "usage": {"total_tokens": 205}}
    seen = only(exchange("https://api.pinecone.io/embed", {"model": "multilingual-e5-large"}, embedded))
    # 205 x 0.08/M
    assert (seen.call.kind, seen.usd) == ("embedding", "0.0000164")
    reranked = {"model": "pinecone-rerank-v0", "data": [], "usage": {"rerank_units": 3}}
    assert only(exchange("https://api.pinecone.io/rerank", {}, reranked)).usd == "0.006"
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    chat = only(exchange("https://prod-1-data.ke.pinecone.io/assistant/chat/a", {}, {"usage": usage}))
    assert (chat.units, chat.usd) == ({"input_text_tokens": 100, "output_text_tokens": 10}, None)
    assert exchange("https://api.pinecone.io/indexes", None, {"indexes": []}, method="GET") == []


@pytest.mark.parametrize(
    ("method", "url", "asked", "units"),
    [
        ("POST", "https://x.weaviate.network/v1/graphql", {"query": "{Get{A{b}}}"}, {"requests": 1}),
        ("POST", "https://x.c0.weaviate.cloud/v1/batch/objects", {"objects": [{}, {}]}, {"requests": 1, "records": 2}),
        ("POST", "https://a.eu.cloud.qdrant.io:6333/collections/c/points/query", {"limit": 1}, {"requests": 1}),
        ("POST", "https://a.cloud.qdrant.io/collections/c/points/query/batch", {"searches": [{}] * 3}, {"requests": 3}),
        ("PUT", "https://a.cloud.qdrant.io/collections/c/points", {"points": [{}] * 4}, {"requests": 1, "records": 4}),
        ("POST", "https://p.api.gcp-us-west1.zillizcloud.com/v2/vectordb/entities/search", {}, {"requests": 1}),
        (
            "POST",
            "https://api.trychroma.com/api/v2/tenants/t/databases/d/collections/c/query",
            {"query_embeddings": [[0.1], [0.2]]},
            {"requests": 2},
        ),
        ("POST", "https://x.es.us-east-1.aws.elastic.cloud/docs/_search", {"knn": {}}, {"requests": 1}),
        ("POST", "https://x.us-east-1.aws.found.io/_bulk", None, {"requests": 1}),
    ],
)
def test_stores_billed_by_capacity_are_counted_and_unpriced(
    method: str, url: str, asked: object, units: dict[str, int]
) -> None:
    seen = only(exchange(url, asked, {"result": []}, method=method))
    assert seen.units == units
    assert (seen.usd, seen.cost.state, seen.call.kind) == (None, "unpriced", "vector_db")
    assert seen.cost.reason is not None
    assert "bill" in seen.cost.reason


def test_qdrant_inference_is_a_charge_of_its_own() -> None:
    answer = {"result": [], "time": 0.1, "usage": {"inference": {"models": {"mxbai": {"tokens": 42}}}}}
    seen = exchange("https://a.cloud.qdrant.io/collections/c/points/query", {"query": {}}, answer)
    assert [(s.call.operation, s.call.request_model, s.units) for s in seen] == [
        ("search", "cluster", {"requests": 1}),
        ("inference", "mxbai", {"input_text_tokens": 42}),
    ]


def test_zilliz_serverless_states_compute_units() -> None:
    url = "https://p.serverless.gcp-us-west1.cloud.zillizcloud.com/v2/vectordb/entities/insert"
    seen = only(exchange(url, {"data": [{}, {}]}, {"code": 0, "cost": 6, "data": {"insertCount": 2}}))
    # 6 x 4 dollars a million
    assert (seen.call.operation, seen.units, seen.usd) == ("insert", {"compute_units": 6}, "0.000024")
    assert seen.call.usage.details == {"records": 2}
    failed = only(exchange(url, {}, {"code": 1100, "message": "invalid"}))
    assert (failed.call.status, failed.call.error) != ("ok", None)
