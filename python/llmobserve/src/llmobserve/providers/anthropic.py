"""Anthropic's own API, also as its clients for AWS and Google Cloud reach it.

Not listed, because free: counting tokens, models, files, and batches until their results are fetched.
"""

from llmobserve.providers.anthropic_agents import SessionReader
from llmobserve.providers.anthropic_shape import (
    MESSAGES_SUMMARY,
    BatchResultsReader,
    CompleteReader,
    MessagesReader,
)
from llmobserve.providers.base import Endpoint, LazyPattern, Provider
from llmobserve.providers.claude_agent import AGENT_ENDPOINT

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/[^/]+)*"

PROVIDER = Provider(
    name="anthropic",
    endpoints=(
        Endpoint(
            operation="messages",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(_PREFIX + r"/messages"),
            reader=MessagesReader,
            summary=MESSAGES_SUMMARY,
        ),
        Endpoint(
            operation="complete",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(_PREFIX + r"/complete"),
            reader=CompleteReader,
        ),
        Endpoint(
            operation="messages.batches",
            kind="llm",
            methods=("GET",),
            path=LazyPattern(_PREFIX + r"/messages/batches/(?P<batch>[^/]+)/results"),
            reader=BatchResultsReader,
            stream_format="ndjson",
        ),
        Endpoint(
            operation="sessions",
            kind="llm",
            methods=("GET", "POST"),
            path=LazyPattern(_PREFIX + r"/sessions(?:/(?P<session>[^/]+)(?:/events(?:/stream)?)?)?"),
            reader=SessionReader,
        ),
        AGENT_ENDPOINT,
    ),
    request_id_headers=("request-id", "x-request-id"),
)
