"""Batches of the Gemini API, whose answers come with the finished batch, and explicit caches.

A batch whose answers are in a file states no usage. Shapes: client google-genai 3.4, read 2026-11-21.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from llmobserve.providers.base import Reading
from llmobserve.providers.google_shape.usage import metadata_usage
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.quantities import Counters, as_mapping, as_quantity
from llmobserve.wire import Quantity, Usage

__all__ = ["BatchReader", "CacheReader"]

_DONE = frozenset({"BATCH_STATE_SUCCEEDED", "JOB_STATE_SUCCEEDED"})
_FILES = ("responsesFile", "responses_file")
_SECONDS_AN_HOUR = 3600


class BatchReader(OwnReader):
    """Reads a batch when it is made and looked at: each answer is an event of its own, at the price of batches."""

    _body: Mapping[str, Any] = {}

    def take(self, body: Any) -> None:
        """Take the operation that stands for the batch."""
        self._body = as_mapping(body)

    def is_error(self, body: Any) -> bool:
        """A batch that failed is an answer like any other."""
        return False

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The answers as items; the batch itself is a charge of unknown size where they are in a file."""
        metadata = as_mapping(self._body.get("metadata"))
        name = text_of(self._body.get("name"))
        model = (text_of(metadata.get("model")) or "").removeprefix("models/") or out.request_model
        output = as_mapping(metadata.get("output")) or as_mapping(self._body.get("response"))
        out.request_model = model
        out.remote_id = name
        out.dimensions["batch"] = "true"
        in_file = text_of(metadata.get("state")) in _DONE and any(output.get(key) for key in _FILES)
        out.pending = not in_file
        for number, answer in enumerate(_answers(output)):
            item = _item(as_mapping(answer), model)
            if item is not None and name is not None:
                item.remote_id = f"{name}/{number}"
                out.items.append(item)


def _answers(output: Mapping[str, Any]) -> list[Any]:
    for key in ("inlinedResponses", "inlinedEmbedContentResponses"):
        listed = as_mapping(output.get(key)).get("inlinedResponses") or output.get(key)
        if isinstance(listed, list):
            return cast("list[Any]", listed)
    return []


def _item(answer: Mapping[str, Any], model: str | None) -> Reading | None:
    """One answer, `None` when it failed or states nothing."""
    response = as_mapping(answer.get("response"))
    raw = response.get("usageMetadata")
    usage = metadata_usage(raw)
    if usage is None and "tokenCount" in response:
        tokens = Counters().whole(response, "tokenCount")
        usage = None if tokens is None else Usage(units={"input_text_tokens": tokens}, source="response")
    if usage is None or not usage.units:
        return None
    return Reading(
        request_model=model,
        response_model=text_of(response.get("modelVersion")),
        response_id=text_of(response.get("responseId")),
        usage=usage,
        dimensions={"batch": "true"},
        operation="batches",
    )


class CacheReader(OwnReader):
    """Reads an explicit cache that is made or kept for longer: it costs by its tokens and the hours that it lives.

    What it costs is estimated, since it may be deleted before its time.
    """

    input_keys = ("contents", "systemInstruction", "tools")
    _body: Mapping[str, Any] = {}

    def take(self, body: Any) -> None:
        """Take the cache."""
        self._body = as_mapping(body)

    def asked_model(self) -> str | None:
        """The model without the path before it."""
        name = text_of(self._body.get("model")) or text_of(self.asked.get("model"))
        return None if name is None else name.rpartition("/")[2]

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """Token hours from the making to the end."""
        out.remote_id = text_of(self._body.get("name"))
        until, since = _time(self._body.get("expireTime")), _time(self._body.get("createTime"))
        tokens = Counters().whole(as_mapping(self._body.get("usageMetadata")), "totalTokenCount")
        out.pending = out.remote_id is None
        if tokens is None or until is None or since is None or until < since:
            return
        seconds = Decimal(int((until - since).total_seconds()))
        hours = tokens * seconds / _SECONDS_AN_HOUR
        units: dict[str, Quantity] = {"cache_storage_token_hours": as_quantity(hours.quantize(Decimal("0.000001")))}
        out.usage = Usage(units=units, source="estimated")
        out.revision = int(seconds)


def _time(value: Any) -> datetime | None:
    """An RFC 3339 time; fractions of a second, which come with up to nine digits, are left out."""
    text = text_of(value)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.partition(".")[0].removesuffix("Z"))
    except ValueError:
        return None
