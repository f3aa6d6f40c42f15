"""The entrance of foreign formats: a list of what was told, each made into a span or a score by its format."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from llmobserve.wire import ScoreRecord
from llmobserve_server.ingest.batch import BatchRows
from llmobserve_server.ingest.decode import Decoded
from llmobserve_server.ingest.entrance import Arriving
from llmobserve_server.ingest.foreign.parts import json_of, objects_of
from llmobserve_server.ingest.otlp.entrance import span_records
from llmobserve_server.ingest.otlp.messages import OtlpSpan, Sender
from llmobserve_server.ingest.otlp.placing import Placing

__all__ = ["Translated", "foreign_batch", "listed"]

Translated = OtlpSpan | ScoreRecord | None
"""What an entry says; `None` for what is not kept."""


def listed(body: bytes) -> list[dict[str, Any]]:
    """The objects of a JSON list, or the one object that stands in its place. Raises BadRequest, PayloadTooLarge."""
    value = json_of(body)
    return objects_of([value] if isinstance(value, dict) else value, "The body")


def foreign_batch(
    body: bytes,
    arriving: Arriving,
    *,
    translate: Callable[[dict[str, Any]], Translated],
    sender: Sender,
    entries_of: Callable[[bytes], list[dict[str, Any]]] = listed,
    project: str | None = None,
) -> BatchRows:
    """An entrance: the rows of a list of entries. Raises BadRequest, PayloadTooLarge.

    Args:
        body: the list, decompressed.
        arriving: see there.
        translate: makes a span or score of an entry. Raises UnreadableError for one that is neither.
        sender: stands for whoever sent it.
        entries_of: finds the entries in the body. Raises BadRequest.
        project: name of the project in the request, kept with the rows.
    """
    placing = Placing(arriving, project)
    for position, entry in enumerate(entries_of(body)):
        placing.place(position, sender, partial(_records, entry, translate), partial(msgspec.json.encode, entry))
    return placing.finished()


def _records(entry: dict[str, Any], translate: Callable[[dict[str, Any]], Translated]) -> list[Decoded]:
    found = translate(entry)
    if found is None:
        return []
    return [found] if isinstance(found, ScoreRecord) else span_records(found)
