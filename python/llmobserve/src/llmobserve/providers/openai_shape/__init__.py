"""OpenAI's API shape, shared by every provider that speaks it: endpoints and their readers."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern
from llmobserve.providers.openai_shape.chat import ChatReader, EmbeddingReader
from llmobserve.providers.openai_shape.decisions import DecisionReader
from llmobserve.providers.openai_shape.jobs import BatchReader, ContainerReader, RunReader, TuningReader
from llmobserve.providers.openai_shape.media import ImageReader, ModerationReader, SpeechReader, TranscriptionReader
from llmobserve.providers.openai_shape.rerank import RerankReader
from llmobserve.providers.openai_shape.responses import SUMMARY, ResponsesReader, ResponsesRetrieveReader
from llmobserve.providers.openai_shape.usage import input_usage, token_usage
from llmobserve.providers.openai_shape.videos import VideoReader

__all__ = [
    "BatchReader",
    "ChatReader",
    "DecisionReader",
    "EmbeddingReader",
    "ImageReader",
    "ModerationReader",
    "RerankReader",
    "ResponsesReader",
    "ResponsesRetrieveReader",
    "SpeechReader",
    "TranscriptionReader",
    "VideoReader",
    "input_usage",
    "shape_endpoints",
    "token_usage",
]

_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_RUN = re.compile(rb'"object"\s*:\s*"thread\.run"')
_POST = ("POST",)


def shape_endpoints(
    prefix: str, *, only: Collection[str] | None = None, readers: Mapping[Any, Any] | None = None
) -> tuple[Endpoint, ...]:
    """The endpoints below `prefix`, a regular expression that may name a group `deployment`.

    `only` names the operations that a provider has; `readers` says which of its readers stand for which of ours. Not
    priced and so not listed: files, vector stores, models, assistants and threads as objects, token counting.
    Looking at a stored chat completion or making a key for a session is no charge either.
    """
    endpoints = (*_text_endpoints(prefix), *_media_endpoints(prefix), *_job_endpoints(prefix))
    given = readers or {}
    return tuple(
        replace(one, reader=given.get(one.reader, one.reader))
        for one in endpoints
        if only is None or one.operation in only
    )


def _text_endpoints(prefix: str) -> tuple[Endpoint, ...]:
    return (
        Endpoint(
            operation="chat.completions",
            kind="llm",
            methods=_POST,
            path=LazyPattern(prefix + r"/chat/completions"),
            reader=ChatReader,
            summary=_USAGE,
        ),
        Endpoint(
            operation="responses",
            kind="llm",
            methods=_POST,
            path=LazyPattern(prefix + r"/responses(?:/compact)?"),
            reader=ResponsesReader,
            summary=SUMMARY,
            summary_has_content=True,
        ),
        Endpoint(
            operation="embeddings",
            kind="embedding",
            methods=_POST,
            path=LazyPattern(prefix + r"/embeddings"),
            reader=EmbeddingReader,
            bulk_keys=(b"embedding",),
        ),
        Endpoint(
            operation="completions",
            kind="llm",
            methods=_POST,
            path=LazyPattern(prefix + r"/completions"),
            reader=ChatReader,
            summary=_USAGE,
        ),
        Endpoint(
            operation="rerank",
            kind="rerank",
            methods=_POST,
            path=LazyPattern(prefix + r"/rerank"),
            reader=RerankReader,
        ),
        Endpoint(
            operation="moderations",
            kind="moderation",
            methods=_POST,
            path=LazyPattern(prefix + r"/moderations"),
            reader=ModerationReader,
        ),
        Endpoint(
            operation="decisions",
            kind="llm",
            methods=_POST,
            path=LazyPattern(prefix + r"/decisions"),
            reader=DecisionReader,
        ),
    )


def _media_endpoints(prefix: str) -> tuple[Endpoint, ...]:
    return (
        Endpoint(
            operation="images",
            kind="image",
            methods=_POST,
            path=LazyPattern(prefix + r"/images/(?:generations|edits|variations)"),
            reader=ImageReader,
            bulk_keys=(b"b64_json",),
            summary=_USAGE,
        ),
        Endpoint(
            operation="audio.speech",
            kind="audio",
            methods=_POST,
            path=LazyPattern(prefix + r"/audio/speech"),
            reader=SpeechReader,
            binary_response=True,
            summary=_USAGE,
        ),
        Endpoint(
            operation="audio.transcriptions",
            kind="audio",
            methods=_POST,
            path=LazyPattern(prefix + r"/audio/transcriptions"),
            reader=TranscriptionReader,
            summary=_USAGE,
        ),
        Endpoint(
            operation="audio.translations",
            kind="audio",
            methods=_POST,
            path=LazyPattern(prefix + r"/audio/translations"),
            reader=TranscriptionReader,
        ),
    )


def _job_endpoints(prefix: str) -> tuple[Endpoint, ...]:
    return (
        Endpoint(
            operation="responses",
            kind="llm",
            methods=("GET", "POST"),
            path=LazyPattern(prefix + r"/responses/(?P<response>resp_[^/]+)(?:/cancel)?"),
            reader=ResponsesRetrieveReader,
            summary=SUMMARY,
            summary_has_content=True,
        ),
        Endpoint(
            operation="threads.runs",
            kind="llm",
            methods=_POST,
            path=LazyPattern(prefix + r"/threads/(?:[^/]+/)?runs"),
            reader=RunReader,
            summary=_RUN,
        ),
        Endpoint(
            operation="threads.runs",
            kind="llm",
            methods=("GET", "POST"),
            path=LazyPattern(prefix + r"/threads/[^/]+/runs/[^/]+(?:/submit_tool_outputs|/cancel)?"),
            reader=RunReader,
            summary=_RUN,
        ),
        Endpoint(
            operation="batches",
            kind="llm",
            methods=("GET", "POST"),
            path=LazyPattern(prefix + r"/batches/[^/]+(?:/cancel)?"),
            reader=BatchReader,
        ),
        Endpoint(
            operation="batches",
            kind="llm",
            methods=_POST,
            path=LazyPattern(prefix + r"/batches"),
            reader=BatchReader,
        ),
        Endpoint(
            operation="fine_tuning",
            kind="other",
            methods=("GET", "POST"),
            path=LazyPattern(prefix + r"/fine_tuning/jobs(?:/(?P<tuning>[^/]+)(?:/cancel|/pause|/resume)?)?"),
            reader=TuningReader,
        ),
        Endpoint(
            operation="containers",
            kind="other",
            methods=_POST,
            path=LazyPattern(prefix + r"/containers"),
            reader=ContainerReader,
        ),
        Endpoint(
            operation="videos",
            kind="video",
            methods=_POST,
            path=LazyPattern(prefix + r"/videos(?:/(?:edits|extensions|[^/]+/remix))?"),
            reader=VideoReader,
        ),
        Endpoint(
            operation="videos",
            kind="video",
            methods=("GET",),
            path=LazyPattern(prefix + r"/videos/(?P<video>[^/]+)"),
            reader=VideoReader,
        ),
    )
