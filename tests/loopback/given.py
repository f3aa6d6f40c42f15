"""Puts one written exchange through the real capture engine and price book, without a network."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from llmobserve.capture.engine import Engine
from llmobserve.capture.request_body import decode_request_body
from llmobserve.pricing import price_event
from llmobserve.settings import load
from llmobserve.wire import CallEvent, ContentRecord, Cost

__all__ = ["Seen", "exchange", "exchanges", "form", "only"]


@dataclass(frozen=True)
class Seen:
    """One recorded call with its cost."""

    call: CallEvent
    cost: Cost
    content: ContentRecord | None

    @property
    def units(self) -> dict[str, Any]:
        return dict(self.call.usage.units)

    @property
    def usd(self) -> str | None:
        """The amount without trailing zeros; `None` when unpriced."""
        if self.cost.usd is None:
            return None
        text = format(self.cost.usd, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass
class _Request:
    target: str
    content_: bytes | None
    headers_: dict[str, str] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        return self.headers_

    def query(self) -> str:
        return urlsplit(self.target).query

    def content(self) -> bytes | None:
        return self.content_

    def body(self, content_type: str) -> Any:
        return decode_request_body(self.content_, content_type)


def form(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


def exchange(
    url: str,
    request: Any = None,
    answer: Any = None,
    *,
    method: str = "POST",
    status: int = 200,
    sent: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    content: bool = False,
    hosts: dict[str, str] | None = None,
    cut: bool = False,
) -> list[Seen]:
    """What is recorded. `answer` is bytes or JSON, `sent` the request's headers; `cut` closes before the end."""
    found: list[Seen] = []
    parts = urlsplit(url)
    engine = Engine(
        lambda call, kept, _: found.append(Seen(call, price_event(call), kept)),
        load({"hosts": hosts or {}, "capture_content": content}, environ={}),
    )
    body = request if isinstance(request, bytes | None) else json.dumps(request).encode()
    kind = "application/json" if not isinstance(answer, bytes) else "application/octet-stream"
    begun = engine.begin(
        _Request(url, body, {"content-type": "application/json", **(sent or {})}),
        method=method,
        host=parts.hostname or "",
        port=parts.port,
        path=parts.path,
        transport="test",
    )
    if begun is None:
        return found
    begun.answered(status, {"content-type": kind, **(headers or {})})
    begun.feed(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    if cut:
        begun.closed()
    else:
        begun.exhausted()
    return found


def exchanges(*several: list[Seen]) -> list[Seen]:
    """The newest revision of every event, as the collector keeps it."""
    kept: dict[str, Seen] = {}
    for seen in (one for some in several for one in some):
        before = kept.get(seen.call.event_id)
        if before is None or seen.call.revision > before.call.revision:
            kept[seen.call.event_id] = seen
    return list(kept.values())


def only(*several: list[Seen]) -> Seen:
    """The single event that exchanges come to."""
    (seen,) = exchanges(*several)
    return seen
