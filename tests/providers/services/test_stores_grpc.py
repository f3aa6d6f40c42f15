"""Vector stores and speech over gRPC: Qdrant with its client, the others with messages of their published schemas."""

import asyncio
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import grpc
import pytest
from loopback.grpc_server import GrpcLoopback
from loopback.rig import Recorded, observed
from loopback.schemas import messages
from qdrant_client import AsyncQdrantClient, QdrantClient, models
from qdrant_client.grpc import points_pb2

from llmobserve.pricing import price_event
from llmobserve.providers.hosts import name_at


@contextmanager
def answering(provider: str, *answers: Any) -> Generator[tuple[GrpcLoopback, Recorded]]:
    def handler(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        list(requests)
        for answer in answers:
            yield answer.SerializeToString()

    with GrpcLoopback(handler) as server, observed(server, provider) as recorded:
        yield server, recorded


def call(server: GrpcLoopback, path: str, request: Any, answer: type, kind: str = "unary_unary") -> Any:
    with grpc.insecure_channel(server.netloc) as channel:
        stub = getattr(channel, kind)(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        result = stub(request)
        return list(result) if kind.endswith("stream") else result


def qdrant(server: GrpcLoopback, kind: type = QdrantClient) -> Any:
    return kind(
        url="http://127.0.0.1:1", grpc_port=server.port, prefer_grpc=True, check_compatibility=False, timeout=10
    )


POINTS = [models.PointStruct(id=n, vector=[0.1, 0.2], payload={"secret": "x"}) for n in (1, 2, 3)]
WRITTEN = points_pb2.PointsOperationResponse(result=points_pb2.UpdateResult(status=points_pb2.Completed))


def test_qdrant_counts_what_it_writes_and_looks_at_no_vector() -> None:
    with answering("qdrant", WRITTEN) as (server, recorded):
        qdrant(server).upsert("docs", points=POINTS)
        event = recorded.one
        assert (event.kind, event.operation, event.transport) == ("vector_db", "write", "grpc")
        assert dict(event.usage.units) == {"requests": 1, "records": 3}
        assert price_event(event).state == "unpriced"
        assert "secret" not in repr(event)


def test_qdrant_search_with_inference_is_two_charges() -> None:
    answer = points_pb2.QueryResponse(result=[points_pb2.ScoredPoint(score=0.5)])
    answer.result[0].id.num = 1
    answer.usage.hardware.cpu = 7
    answer.usage.inference.models["qdrant/minilm"].tokens = 12
    with answering("qdrant", answer) as (server, recorded):
        found = qdrant(server).query_points("docs", query=[0.1, 0.2], limit=1)
        assert found.points[0].score == 0.5
        search, inference = recorded.calls
        assert (search.operation, dict(search.usage.units)) == ("search", {"requests": 1})
        assert search.usage.raw["hardware"]["cpu"] == 7
        assert (inference.kind, inference.request_model) == ("embedding", "qdrant/minilm")
        assert dict(inference.usage.units) == {"input_text_tokens": 12}


def test_qdrant_batches() -> None:
    batch = points_pb2.QueryBatchResponse(result=[points_pb2.BatchResult(), points_pb2.BatchResult()])
    with answering("qdrant", batch) as (server, recorded):
        asked = models.QueryRequest(query=[0.1, 0.2], limit=1)
        qdrant(server).query_batch_points("docs", requests=[asked, asked])
        assert dict(recorded.one.usage.units) == {"requests": 2}
    with answering("qdrant", points_pb2.UpdateBatchResponse()) as (server, recorded):
        operations = [
            models.UpsertOperation(upsert=models.PointsList(points=POINTS)),
            models.DeleteOperation(delete=models.PointIdsList(points=[9])),
        ]
        qdrant(server).batch_update_points("docs", update_operations=operations)
        assert dict(recorded.one.usage.units) == {"requests": 1, "records": 3}


def test_qdrant_asynchronous() -> None:
    async def main(server: GrpcLoopback) -> None:
        client = qdrant(server, AsyncQdrantClient)
        assert (await client.count("docs")).count == 4
        await client.close()

    with answering("qdrant", points_pb2.CountResponse(result=points_pb2.CountResult(count=4))) as (server, recorded):
        asyncio.run(main(server))
        assert (recorded.one.operation, dict(recorded.one.usage.units)) == ("count", {"requests": 1})


WEAVIATE = messages(
    "weaviate.v1",
    {
        "BatchObject": {"uuid": "text", "vector_bytes": "bytes"},
        "BatchObjectsRequest": {"objects": "repeated BatchObject"},
        "BatchObjectsReply": {"took": "float"},
        "SearchRequest": {"collection": "text"},
        "SearchReply": {"took": "float"},
        "BatchStreamRequest": {"stop": "bool"},
        "Result": {"uuid": "text"},
        "Results": {"errors": "repeated Result", "successes": "repeated Result"},
        "BatchStreamReply": {"results": "Results", "started": "bool"},
    },
)


def test_weaviate_search_and_batch() -> None:
    with answering("weaviate", WEAVIATE["SearchReply"](took=1)) as (server, recorded):
        request = WEAVIATE["SearchRequest"](collection="Docs")
        call(server, "/weaviate.v1.Weaviate/Search", request, WEAVIATE["SearchReply"])
        assert (recorded.one.operation, dict(recorded.one.usage.units)) == ("search", {"requests": 1})
        assert price_event(recorded.one).state == "unpriced"
    with answering("weaviate", WEAVIATE["BatchObjectsReply"](took=1)) as (server, recorded):
        request = WEAVIATE["BatchObjectsRequest"](objects=[WEAVIATE["BatchObject"](uuid=str(n)) for n in range(5)])
        call(server, "/weaviate.v1.Weaviate/BatchObjects", request, WEAVIATE["BatchObjectsReply"])
        assert (recorded.one.operation, dict(recorded.one.usage.units)) == ("batch", {"requests": 1, "records": 5})


def test_weaviate_batch_without_an_end_counts_by_the_answers() -> None:
    reply, result = WEAVIATE["BatchStreamReply"], WEAVIATE["Result"]()
    replies = [
        reply(started=True),
        reply(results=WEAVIATE["Results"](successes=[result, result], errors=[result])),
        reply(results=WEAVIATE["Results"](successes=[result])),
    ]
    with answering("weaviate", *replies) as (server, recorded):
        requests = iter([WEAVIATE["BatchStreamRequest"](stop=True)])
        got = call(server, "/weaviate.v1.Weaviate/BatchStream", requests, reply, "stream_stream")
        assert got == replies
        assert dict(recorded.one.usage.units) == {"requests": 1, "records": 4}


MILVUS = messages(
    "milvus.proto.milvus",
    {
        "Status": {"code": "int", "reason": "text", "extra_info": "map"},
        "SearchRequest": {"placeholder_group": "bytes"},
        "SearchResults": {"status": "Status"},
        "InsertRequest": {"num_rows": "int"},
        "MutationResult": {"status": "Status"},
    },
)
MILVUS_PATH = "/milvus.proto.milvus.MilvusService/"


@pytest.mark.parametrize(
    ("extra_info", "model", "units", "usd"),
    [
        # Serverless: 6 units at 4 dollars a million.
        ({"report_value": "6"}, "serverless", {"compute_units": Decimal(6)}, Decimal("0.000024")),
        ({}, "dedicated", {"requests": 1}, None),
        ({"report_value": "0"}, "dedicated", {"requests": 1}, None),
    ],
)
def test_milvus_search(extra_info: dict[str, str], model: str, units: dict[str, Any], usd: Decimal | None) -> None:
    answer = MILVUS["SearchResults"](status=MILVUS["Status"](extra_info=extra_info))
    with answering("milvus", answer) as (server, recorded):
        request = MILVUS["SearchRequest"](placeholder_group=b"\x00" * 64)
        call(server, MILVUS_PATH + "Search", request, MILVUS["SearchResults"])
        event = recorded.one
        assert (event.operation, event.request_model, dict(event.usage.units)) == ("search", model, units)
        assert price_event(event).usd == usd


def test_milvus_writes_and_errors() -> None:
    answer = MILVUS["MutationResult"](status=MILVUS["Status"](code=100, reason="collection not found"))
    with answering("milvus", answer) as (server, recorded):
        call(server, MILVUS_PATH + "Insert", MILVUS["InsertRequest"](num_rows=8), MILVUS["MutationResult"])
        event = recorded.one
        assert (event.operation, event.status, dict(event.usage.details)) == ("insert", "error", {"records": 8})
        assert event.error is not None
        assert (event.error.type, event.error.message) == ("code_100", "collection not found")


PLAYHT = messages(
    "playht.v1",
    {
        "TtsParams": {"text": "repeated text", "voice": "text"},
        "TtsRequest": {"lease": "bytes", "params": "TtsParams"},
        "Status": {"code": "Code", "message": "repeated text"},
        "TtsResponse": {"id": "text", "data": "bytes", "status": "Status"},
    },
    {"Code": ["CODE_UNSPECIFIED", "CODE_COMPLETE", "CODE_IN_PROGRESS", "CODE_CANCELED", "CODE_ERROR"]},
)


@pytest.mark.parametrize("last", ["CODE_COMPLETE", "CODE_ERROR"])
def test_playht_speech(last: str) -> None:
    piece, status = PLAYHT["TtsResponse"], PLAYHT["Status"]
    pieces = [piece(id="speech-1", data=b"\x00" * 4096, status=status(code="CODE_IN_PROGRESS")) for _ in range(300)]
    pieces.append(piece(id="speech-1", status=status(code=last, message=["out of credits"])))
    with answering("playht", *pieces) as (server, recorded):
        params = PLAYHT["TtsParams"](text=["Hello there.", "Bye."], voice="s3://voice")
        got = call(
            server, "/playht.v1.Tts/Tts", PLAYHT["TtsRequest"](lease=b"key", params=params), piece, "unary_stream"
        )
        assert got == pieces
        event = recorded.one
        assert (event.kind, event.operation, event.stream, event.response_id) == ("audio", "tts", True, "speech-1")
        # "Hello there." has 12 characters and "Bye." has 4.
        assert dict(event.usage.units) == {"input_characters": 16}
        assert (event.status, price_event(event).state) == ("ok" if last == "CODE_COMPLETE" else "error", "unpriced")
        assert (event.error is None) == (last == "CODE_COMPLETE")


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("prod.turbo.play.ht", "playht"),
        ("api.play.ht", "playht"),
        ("notplay.ht", None),
        ("grpc-abc.c0.europe-west3.gcp.weaviate.cloud", "weaviate"),
        ("abc.eu-central-1-0.aws.cloud.qdrant.io", "qdrant"),
        ("in03-abc.serverless.gcp-us-west1.vectordb.zillizcloud.com", "milvus"),
        ("api.x.ai", "xai"),
        ("us-east-1.api.x.ai", "xai"),
    ],
)
def test_hosts(host: str, provider: str | None) -> None:
    assert name_at(host, None) == provider
