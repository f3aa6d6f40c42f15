"""What is taken from gRPC calls below the readers: fields of messages, targets of channels, statuses."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from loopback.grpc_server import GrpcLoopback
from loopback.rig import observed
from loopback.schemas import messages
from loopback.xai_grpc import COMPLETION, REQUEST, answering, completion
from xai_sdk.proto import chat_pb2

from llmobserve.capture.engine import Engine
from llmobserve.capture.grpc_calls import Places
from llmobserve.capture.grpc_status import http_status_of, name_of
from llmobserve.capture.protobuf import fields_of
from llmobserve.pricing import price_event
from llmobserve.providers.message_fields import Fields, Take
from llmobserve.settings import load

KINDS = messages(
    "kinds",
    {
        "Leaf": {"name": "text", "vector": "repeated float"},
        "Tree": {
            "title": "text",
            "number": "int",
            "blob": "bytes",
            "mood": "Mood",
            "moods": "repeated Mood",
            "leaf": "Leaf",
            "leaves": "repeated Leaf",
            "words": "repeated text",
            "extra": "map",
        },
    },
    {"Mood": ["MOOD_UNKNOWN", "MOOD_GOOD"]},
)
VALUE, COUNT = Take.VALUE, Take.COUNT


def test_fields_of_every_kind() -> None:
    leaf, tree = KINDS["Leaf"], KINDS["Tree"]
    message = tree(title="t", number=3, blob=b"12345", mood=1, moods=[1, 0, 7], words=["a", "b"], extra={"k": "v"})
    message.leaves.extend([leaf(name="one", vector=[0.5, 0.25]), leaf(name="two")])
    message.leaf.name = "only"
    wanted: Fields = {
        **dict.fromkeys(("title", "number", "blob", "mood", "moods", "words", "extra"), VALUE),
        "leaf": {"name": VALUE},
        "leaves": {"name": VALUE, "vector": COUNT},
    }
    expected = {
        "title": "t",
        "number": 3,
        "blob": 5,
        "mood": "MOOD_GOOD",
        "moods": ["MOOD_GOOD", "MOOD_UNKNOWN", 7],
        "words": ["a", "b"],
        "extra": {"k": "v"},
        "leaf": {"name": "only"},
        "leaves": [{"name": "one", "vector": 2}, {"name": "two", "vector": 0}],
    }
    assert fields_of(message, wanted) == expected
    assert fields_of(message, wanted) == expected
    empty = fields_of(tree(), wanted)
    assert empty is not None
    assert "leaf" not in empty
    assert (empty["number"], empty["leaves"], empty["mood"]) == (0, [], "MOOD_UNKNOWN")


def test_fields_that_this_version_does_not_have_are_left_out() -> None:
    assert fields_of(KINDS["Leaf"](name="x"), {"name": VALUE, "newer": {"deep": VALUE}}) == {"name": "x"}


def test_proto_plus_is_looked_into_and_other_objects_are_not() -> None:
    class Wrapped:
        _pb = KINDS["Leaf"](name="x")

    assert fields_of(Wrapped(), {"name": VALUE}) == {"name": "x"}
    for value in (None, b"bytes", "text", {"name": "x"}, object()):
        assert fields_of(value, {"name": VALUE}) is None


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("api.x.ai", "api.x.ai"),
        ("api.x.ai:443", "api.x.ai"),
        ("API.x.ai:443", "api.x.ai"),
        ("dns:api.x.ai:443", "api.x.ai"),
        ("dns:///api.x.ai:443", "api.x.ai"),
        ("dns://8.8.8.8/us-east-1.api.x.ai", "us-east-1.api.x.ai"),
        ("ipv4:10.0.0.1:50051,10.0.0.2:50051", "10.0.0.1:50051"),
        ("ipv6:[::1]:50051", "[::1]:50051"),
        ("unix:/var/run/x.sock", None),
        ("unix-abstract:x", None),
        ("example.test:443", None),
        ("", None),
    ],
)
def test_targets(target: str, host: str | None) -> None:
    settings = load({"hosts": {"10.0.0.1:50051": "xai", "[::1]:50051": "xai"}}, environ={})
    engine = Engine(lambda *_: None, settings)
    places = Places()
    for given in (target, target.encode()):
        exchange = places.begin(engine, given, COMPLETION, REQUEST)
        assert (None if exchange is None else exchange.host) == host


def test_statuses() -> None:
    assert [name_of(code.value[0]) for code in grpc.StatusCode] == [code.name for code in grpc.StatusCode]
    assert name_of(99) == "CODE_99"
    assert http_status_of(14, None, has_trailers=False) is None
    assert http_status_of(14, None, has_trailers=True) == 503
    assert http_status_of(1, None, has_trailers=True) is None
    assert http_status_of(99, None, has_trailers=True) is None


def test_answer_above_the_clients_own_limit_may_have_been_billed() -> None:
    with (
        GrpcLoopback(answering(completion("x" * 5000))) as server,
        grpc.insecure_channel(server.netloc, options=[("grpc.max_receive_message_length", 1000)]) as channel,
        observed(server, "xai") as recorded,
    ):
        stub = channel.unary_unary(COMPLETION, request_serializer=chat_pb2.GetCompletionsRequest.SerializeToString)
        with pytest.raises(grpc.RpcError):
            stub(REQUEST)
        event = recorded.one
        assert event.error is not None
        assert (event.error.type, event.http_status) == ("RESOURCE_EXHAUSTED", None)
        assert price_event(event).state == "unpriced"


def test_answer_that_nobody_decodes_is_recorded_without_usage() -> None:
    with (
        GrpcLoopback(answering(completion())) as server,
        grpc.insecure_channel(server.netloc) as channel,
        observed(server, "xai") as recorded,
    ):
        answer = channel.unary_unary(COMPLETION)(REQUEST.SerializeToString())
        assert answer == completion().SerializeToString()
        event = recorded.one
        assert (event.status, event.http_status) == ("ok", 200)
        assert price_event(event).state == "unpriced"


def test_answer_that_cannot_be_decoded() -> None:
    def refuse(data: bytes) -> Any:
        raise ValueError(data)

    def handler(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        list(requests)
        yield b"x"

    with (
        GrpcLoopback(handler) as server,
        grpc.insecure_channel(server.netloc) as channel,
        observed(server, "xai") as recorded,
    ):
        with pytest.raises(grpc.RpcError):
            channel.unary_unary(COMPLETION, response_deserializer=refuse)(b"")
        assert (recorded.one.status, recorded.one.http_status) == ("error", None)
