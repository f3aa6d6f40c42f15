"""Pinecone over gRPC, which its client sends by native code: the real client against a gRPC server on loopback."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import grpc
import pytest
from loopback.grpc_server import GrpcLoopback
from loopback.rig import Recorded, observed
from loopback.server import Loopback, json_answer
from pinecone.grpc import GrpcIndex
from pinecone.models.vectors.vector import Vector

from llmobserve import capture
from llmobserve.pricing import price_event

# Fields of https://github.com/pinecone-io/pinecone-protos (data plane, 2025-10): QueryResponse.usage = 4,
# FetchResponse.usage = 3, Usage.read_units = 1, UpsertResponse.upserted_count = 1.
USAGE_OF_QUERY = b"\x22\x02\x08\x06"
USAGE_OF_FETCH = b"\x1a\x02\x08\x01"
UPSERTED_20 = b"\x08\x14"
SECRET = "x" * 83


@contextmanager
def pinecone(*answers: bytes, refuse: Any = None) -> Generator[tuple[GrpcLoopback, Recorded]]:
    left = list(answers)

    def handler(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        list(requests)
        if refuse is not None:
            context.abort(refuse, "refused here")
        yield left.pop(0)

    with GrpcLoopback(handler) as server, observed(server, "pinecone") as recorded:
        yield server, recorded


def index(server: GrpcLoopback) -> GrpcIndex:
    return GrpcIndex(host=server.netloc, api_key="secret-key", timeout=5.0, grpc_scheme="http")


def test_reads_state_their_units() -> None:
    with pinecone(USAGE_OF_QUERY, USAGE_OF_FETCH) as (server, recorded), index(server) as asked:
        answer = asked.query(vector=[0.1, 0.2], top_k=3)
        assert answer.usage is not None and answer.usage.read_units == 6
        asked.fetch(ids=["a"])
        query, fetch = recorded.calls
        assert (query.provider, query.operation, query.kind, query.transport, query.status) == (
            "pinecone",
            "query",
            "vector_db",
            "pinecone.grpc",
            "ok",
        )
        assert (dict(query.usage.units), query.usage.source) == ({"read_units": 6}, "response")
        # 6 x 16 dollars a million; 1 x 16 dollars a million
        assert [price_event(call).usd for call in (query, fetch)] == [Decimal("0.000096"), Decimal("0.000016")]
        assert (fetch.operation, query.host) == ("fetch", server.netloc)
        assert [call.method for call in server.calls] == ["/VectorService/Query", "/VectorService/Fetch"]


def test_writes_are_estimated_from_the_records() -> None:
    vectors = [Vector(id="abcd", values=[0.5] * 1536, metadata={"t": SECRET}) for _ in range(20)]
    with pinecone(UPSERTED_20, b"", b"") as (server, recorded), index(server) as asked:
        assert asked.upsert(vectors=vectors).upserted_count == 20
        asked.update(id="a", values=[0.1, 0.2])
        asked.delete(ids=["a"])
        upsert, update, delete = recorded.calls
        # id 4 + 1536 x 4 + {"t": "…83…"} 91 = 6239 bytes a record, 20 of them: 124,780 bytes, 125 units x 4/M
        assert (dict(upsert.usage.units), upsert.usage.details) == ({"write_units": 125}, {"records": 20})
        cost = price_event(upsert)
        assert (cost.state, cost.usd) == ("estimated", Decimal("0.0005"))
        # at least five units a request: 5 x 4/M
        assert [price_event(call).usd for call in (update, delete)] == [Decimal("0.00002")] * 2
        assert "xxxx" not in repr(recorded.calls) and "secret-key" not in repr(recorded.calls)


def test_each_batch_is_a_call() -> None:
    vectors = [Vector(id=str(n), values=[0.5, 0.5]) for n in range(4)]
    with pinecone(b"\x08\x02", b"\x08\x02") as (server, recorded), index(server) as asked:
        asked.upsert(vectors=vectors, batch_size=2, show_progress=False)
        # 2 x 5 units at least
        assert [dict(call.usage.units) for call in recorded.calls] == [{"write_units": 5}, {"write_units": 5}]


def test_what_such_an_index_sends_over_rest_is_seen_once() -> None:
    answer = json_answer({"result": {"hits": []}, "usage": {"read_units": 6}})
    with (
        Loopback(answer) as server,
        observed(server, "pinecone") as recorded,
        GrpcIndex(host=server.url, api_key="secret-key", grpc_scheme="http") as asked,
    ):
        asked.search(namespace="ns", inputs={"text": "x"}, top_k=1)
        assert (recorded.one.operation, recorded.one.transport) == ("search", "httpx")
        assert recorded.units == {"read_units": 6}


def test_errors_are_the_applications() -> None:
    with pinecone(refuse=grpc.StatusCode.INVALID_ARGUMENT) as (server, recorded), index(server) as asked:
        with pytest.raises(Exception, match="refused here") as raised:
            asked.query(vector=[0.1], top_k=1)
        event = recorded.one
        assert (event.status, dict(event.usage.units)) == ("error", {})
        assert event.error is not None and event.error.type == type(raised.value).__name__


def test_an_index_made_before_is_seen_and_let_go() -> None:
    with pinecone(USAGE_OF_QUERY, USAGE_OF_QUERY, USAGE_OF_QUERY) as (server, recorded), index(server) as asked:
        native = vars(asked)["_channel"]
        capture.uninstall()
        assert asked._channel is native
        asked.query(vector=[0.1], top_k=1)
        assert recorded.calls == []
        with observed(server, "pinecone") as again:
            asked.query(vector=[0.1], top_k=1)
            assert again.one.operation == "query"
        assert asked._channel is native and "_channel" not in vars(GrpcIndex)
