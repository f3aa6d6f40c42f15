"""What routes of foreign formats share: bodies are read away from the event loop, and stored as other batches are."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
from fastapi import Request

from llmobserve.wire import BatchAnswer
from llmobserve_server.auth.access import Access
from llmobserve_server.auth.key_headers import project_named
from llmobserve_server.ingest import Ingestor
from llmobserve_server.ingest.body import BodyLimits, read_body
from llmobserve_server.ingest.foreign.entrance import Translated, foreign_batch
from llmobserve_server.ingest.foreign.halves import Halves
from llmobserve_server.ingest.otlp.messages import Sender

__all__ = ["halves_of", "read_in_thread", "refusals", "store_entries"]

T = TypeVar("T")


def halves_of(request: Request) -> Halves:
    """What was told in earlier requests."""
    halves: Halves = request.app.state.halves
    return halves


async def read_in_thread(request: Request, read: Callable[[bytes], T]) -> T:
    """What `read` makes of the decompressed body. Raises BadRequest, PayloadTooLarge, and whatever `read` raises."""
    limits: BodyLimits = request.app.state.body_limits
    body, encoding = await request.body(), request.headers.get("content-encoding")
    return await asyncio.to_thread(lambda: read(read_body(body, encoding, limits)))


async def store_entries(
    request: Request,
    access: Access,
    entries: Sequence[Any],
    translate: Callable[[dict[str, Any]], Translated],
    sender: Sender,
) -> BatchAnswer:
    """Store entries that were read; returns after the commit. Raises as `Ingestor.submit`."""
    ingestor: Ingestor = request.app.state.ingestor
    named = project_named(request.headers)
    return await ingestor.submit(
        await asyncio.to_thread(msgspec.json.encode, entries),
        content_encoding=None,
        project_id=access.project_id,
        entrance=partial(
            foreign_batch,
            translate=translate,
            sender=sender,
            project=None if named == access.project_id else named,
        ),
    )


def refusals(answer: BatchAnswer) -> dict[int, str]:
    """Why entries were refused, by their place."""
    return {
        verdict.index: verdict.message or "It cannot be stored."
        for verdict in answer.verdicts
        if verdict.status == "rejected"
    }
