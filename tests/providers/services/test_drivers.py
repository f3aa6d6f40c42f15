"""Vector searches through drivers that speak no HTTP: the real redis and pymongo against servers on loopback."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pymongo
import pytest
import redis
import redis.asyncio
import redis.cluster
from loopback.mongo_server import MongoLoopback
from loopback.redis_server import RedisLoopback
from loopback.rig import Recorded, observed
from pymongo.errors import OperationFailure
from redis.commands.search.query import Query

import llmobserve
from llmobserve import capture
from llmobserve.pricing import price_event

KNN = "*=>[KNN 2 @embedding $v AS score]"
VECTOR = b"\x00\x00\x80?" * 4
FOUND = [1, "doc:1", ["score", "0.1"]]
HIT = {"_id": 1, "title": "a"}
SEARCH = {"$vectorSearch": {"index": "i", "path": "v", "queryVector": [0.1, 0.2], "numCandidates": 9, "limit": 1}}


@contextmanager
def redis_server(**answers: Any) -> Generator[tuple[RedisLoopback, Recorded]]:
    answers = {"FT.SEARCH": FOUND, "VSIM": ["a", "b"], "GET": "x", **answers}
    with RedisLoopback(answers) as server, observed(server, "openai") as recorded:
        yield server, recorded


def client(server: RedisLoopback) -> Any:
    return redis.Redis(port=server.port, host="127.0.0.1", protocol=2)


def search(asked: Any) -> Any:
    return asked.ft("idx").search(Query(KNN).dialect(2), query_params={"v": VECTOR})


def test_redis_vector_search_is_counted_and_has_no_price() -> None:
    with redis_server() as (server, recorded), client(server) as asked, llmobserve.section("tool:search"):
        assert [document.id for document in search(asked).docs] == ["doc:1"]
        event = recorded.one
        assert (event.provider, event.operation, event.kind, event.transport) == (
            "redis",
            "ft.search",
            "vector_db",
            "redis",
        )
        assert (recorded.units, event.status, event.host) == ({"requests": 1}, "ok", server.netloc)
        assert event.context.section_path is not None
        cost = price_event(event)
        assert (cost.state, cost.usd) == ("unpriced", None)
        assert cost.reason is not None and "memory by the hour" in cost.reason


def test_redis_commands_that_are_no_vector_search_are_not_recorded() -> None:
    with redis_server() as (server, recorded), client(server) as asked:
        assert asked.get("k") == b"x"
        assert asked.ft("idx").search(Query("hello").dialect(2)).total == 1
        assert recorded.calls == []
        assert asked.execute_command("vsim", "k", "ELE", "a") == [b"a", b"b"]
        assert recorded.one.operation == "vsim"


def test_redis_errors_are_the_applications_and_recorded() -> None:
    refusal = redis.ResponseError("ERR no such index")
    with redis_server(**{"FT.SEARCH": refusal}) as (server, recorded), client(server) as asked:
        with pytest.raises(redis.ResponseError, match="no such index"):
            search(asked)
        event = recorded.one
        assert (event.status, event.error and event.error.type) == ("error", "ResponseError")
        assert recorded.units == {}


@pytest.mark.parametrize("transaction", [True, False])
def test_redis_pipelines_have_one_call_for_each_search(transaction: bool) -> None:
    with redis_server() as (server, recorded), client(server) as asked:
        pipeline = asked.pipeline(transaction=transaction)
        pipeline.get("k")
        pipeline.execute_command("FT.SEARCH", "idx", KNN, "PARAMS", 2, "v", VECTOR)
        pipeline.execute_command("VSIM", "k", "ELE", "a")
        assert len(pipeline.execute()) == 3
        assert [call.operation for call in recorded.calls] == ["ft.search", "vsim"]
        assert {call.status for call in recorded.calls} == {"ok"}


def test_a_failed_command_of_a_pipeline_fails_alone() -> None:
    with redis_server(VSIM=redis.ResponseError("ERR gone")) as (server, recorded), client(server) as asked:
        pipeline = asked.pipeline(transaction=False)
        pipeline.execute_command("FT.SEARCH", "idx", KNN, "PARAMS", 2, "v", VECTOR)
        pipeline.execute_command("VSIM", "k", "ELE", "a")
        _, failed = pipeline.execute(raise_on_error=False)
        assert isinstance(failed, redis.ResponseError)
        assert [(call.operation, call.status) for call in recorded.calls] == [("ft.search", "ok"), ("vsim", "error")]


def test_redis_asyncio() -> None:
    async def run(server: RedisLoopback) -> Any:
        async with redis.asyncio.Redis(port=server.port, host="127.0.0.1", protocol=2) as asked:
            assert await asked.get("k") == b"x"
            pipeline = asked.pipeline(transaction=False)
            pipeline.execute_command("VSIM", "k", "ELE", "a")
            await pipeline.execute()
            return await search(asked)

    with redis_server() as (server, recorded):
        assert asyncio.run(run(server)).total == 1
        assert [call.operation for call in recorded.calls] == ["vsim", "ft.search"]


def test_redis_clusters() -> None:
    def slots(_: Any) -> Any:
        return [[0, 16383, ["127.0.0.1", server.port, "node1"]]]

    commands = [["vsim", -4, ["readonly"], 1, 1, 1]]
    answers = {"CLUSTER": slots, "INFO": "cluster_enabled:1", "COMMAND": commands}
    with (
        redis_server(**answers) as (server, recorded),
        redis.cluster.RedisCluster(host="127.0.0.1", port=server.port, protocol=2) as asked,
    ):
        asked.execute_command("VSIM", "k", "ELE", "a")
        assert (recorded.one.operation, recorded.one.host) == ("vsim", server.netloc)
        pipeline = asked.pipeline()
        pipeline.execute_command("VSIM", "k", "ELE", "a")
        pipeline.execute()
        assert [call.status for call in recorded.calls] == ["ok", "ok"]


def test_redis_can_be_switched_off() -> None:
    with redis_server() as (server, recorded), client(server) as asked:
        capture.uninstall()
        search(asked)
        assert recorded.calls == []


@contextmanager
def mongo_server(answer: Any = None) -> Generator[tuple[MongoLoopback, Recorded]]:
    found = {"cursor": {"id": 0, "ns": "db.docs", "firstBatch": [HIT]}, "ok": 1}
    with MongoLoopback(answer or found) as server, observed(server, "openai") as recorded:
        yield server, recorded


def test_mongodb_vector_search_of_a_client_made_before() -> None:
    found = {"cursor": {"id": 0, "ns": "db.docs", "firstBatch": [HIT]}, "ok": 1}
    with MongoLoopback(found) as server, pymongo.MongoClient("127.0.0.1", server.port) as asked:
        list(asked.db.docs.aggregate([SEARCH]))
        with observed(server, "openai") as recorded:
            assert list(asked.db.docs.aggregate([SEARCH, {"$project": {"title": 1}}])) == [HIT]
            list(asked.db.docs.aggregate([{"$match": {"a": 1}}]))
        event = recorded.one
        assert (event.provider, event.operation, event.kind, event.transport, event.host) == (
            "mongodb",
            "vector_search",
            "vector_db",
            "pymongo",
            server.netloc,
        )
        assert recorded.units == {"requests": 1}
        cost = price_event(event)
        assert (cost.state, cost.usd) == ("unpriced", None)
        assert len(server.aggregations) == 3


def test_mongodb_hybrid_search_and_errors() -> None:
    refusal = {"ok": 0, "code": 31082, "errmsg": "SearchNotEnabled", "codeName": "SearchNotEnabled"}
    with mongo_server(refusal) as (server, recorded), pymongo.MongoClient("127.0.0.1", server.port) as asked:
        with pytest.raises(OperationFailure, match="SearchNotEnabled"):
            asked.db.docs.aggregate([{"$rankFusion": {"input": {"pipelines": {"v": [SEARCH]}}}}])
        event = recorded.one
        assert (event.operation, event.status) == ("hybrid_search", "error")
        assert event.error is not None and event.error.type == "OperationFailure"


def test_mongodb_asyncio() -> None:
    async def run(server: MongoLoopback) -> Any:
        async with pymongo.AsyncMongoClient("127.0.0.1", server.port) as asked:
            return await (await asked.db.docs.aggregate([SEARCH])).to_list()

    with mongo_server() as (server, recorded):
        assert asyncio.run(run(server)) == [HIT]
        assert recorded.one.operation == "vector_search"
