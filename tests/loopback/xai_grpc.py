"""A chat of xAI over gRPC, in the messages of xai-sdk, and the server that answers with it."""

from collections.abc import Iterator
from typing import Any

from xai_sdk.proto import chat_pb2, usage_pb2

from loopback.grpc_server import Handler

__all__ = ["CHUNK", "CLOSED", "COMPLETION", "EXACT", "REQUEST", "answering", "chunks", "completion", "usage"]

COMPLETION = "/xai_api.Chat/GetCompletion"
CHUNK = "/xai_api.Chat/GetCompletionChunk"
CLOSED = "127.0.0.1:1"
"""Nobody listens there."""
EXACT = {"input_text_tokens": 800, "cache_read_text_tokens": 200, "output_text_tokens": 80}
"""Units of `usage()`: the prompt holds what was cached, the completion does not hold the reasoning."""
REQUEST = chat_pb2.GetCompletionsRequest(
    model="grok-4.20",
    messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.Content(text="Write eight words.")])],
)


def usage(**more: Any) -> usage_pb2.SamplingUsage:
    return usage_pb2.SamplingUsage(
        prompt_tokens=1000,
        prompt_text_tokens=800,
        cached_prompt_text_tokens=200,
        completion_tokens=50,
        reasoning_tokens=30,
        total_tokens=1080,
        **more,
    )


def completion(text: str = "alpha beta", **more: Any) -> chat_pb2.GetChatCompletionResponse:
    output = chat_pb2.CompletionOutput(
        message=chat_pb2.CompletionMessage(content=text, role=chat_pb2.ROLE_ASSISTANT),
        finish_reason="REASON_STOP",
    )
    return chat_pb2.GetChatCompletionResponse(
        id="chat-1", model="grok-4.20-0309-reasoning", outputs=[output], usage=usage(**more)
    )


def chunks(*words: str, **more: Any) -> list[chat_pb2.GetChatCompletionChunk]:
    """One chunk a word, the last with the usage."""
    found = [
        chat_pb2.GetChatCompletionChunk(
            id="chat-1",
            model="grok-4.20-0309-reasoning",
            outputs=[chat_pb2.CompletionOutputChunk(delta=chat_pb2.Delta(content=word, role=chat_pb2.ROLE_ASSISTANT))],
        )
        for word in words
    ]
    found[-1].usage.CopyFrom(usage(**more))
    return found


def answering(*messages: Any, then: Any = None, metadata: Any = (("x-request-id", "req-1"),)) -> Handler:
    """Sends the messages when the request is in, and then does what `then` does with the context."""

    def handler(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        list(requests)
        context.send_initial_metadata(metadata)
        for message in messages:
            yield message.SerializeToString()
        if then is not None:
            then(context)

    return handler
