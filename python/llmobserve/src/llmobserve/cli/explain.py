"""`llmobserve explain`: what would be recorded of exchanges given as JSON lines, with the price of each."""

import argparse
import base64
import binascii
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO, cast
from urllib.parse import urlsplit

from llmobserve.capture.engine import Engine
from llmobserve.capture.request_body import decode_request_body
from llmobserve.context import Snapshot
from llmobserve.pricing import price_event
from llmobserve.settings import Settings, load
from llmobserve.wire import CallEvent, ContentRecord, Cost, CostLine
from llmobserve.wire.codec import to_builtins

__all__ = ["explain", "explain_lines", "main"]

_SHAPE = (
    "One JSON object a line: url, method (default POST), request (text of the body), status (default 200), headers of "
    "the answer, body (text) or body_base64, id."
)


class _GivenRequest:
    """The request of a recorded exchange."""

    def __init__(self, query: str, headers: dict[str, str], content: bytes | None) -> None:
        self._query = query
        self._headers = headers
        self._content = content

    def headers(self) -> dict[str, str]:
        return self._headers

    def query(self) -> str:
        return self._query

    def content(self) -> bytes | None:
        return self._content

    def body(self, content_type: str) -> Any:
        return decode_request_body(self._content, content_type)


def explain(exchange: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What would be recorded of one exchange: the event with its cost, or why there is none.

    Further charges in the same answer are listed under `further`. Raises ValueError when the exchange lacks a URL or
    its base64 is damaged.
    """
    found: list[CallEvent] = []
    answer: dict[str, Any] = {"id": exchange.get("id")}

    def keep(call: CallEvent, content: ContentRecord | None, snapshot: Snapshot) -> None:
        found.append(call)

    url = urlsplit(_text(exchange, "url"))
    if not url.hostname:
        raise ValueError("url: an absolute URL is needed")
    engine = Engine(keep, settings)
    method = str(exchange.get("method") or "POST").upper()
    begun = engine.begin(
        _request(exchange, url.query),
        method=method,
        host=url.hostname,
        port=url.port,
        path=url.path,
        transport="recording",
    )
    if begun is None:
        known = engine.registry.provider_for(url.hostname, url.port)
        reason = f"no provider is known at {url.netloc}"
        if known is not None:
            reason = f"{method} {url.path} is no priced operation of {known.name}"
        return {**answer, "recognised": False, "reason": reason}
    begun.answered(int(exchange.get("status") or 200), _headers(exchange))
    if exchange.get("body_base64"):
        begun.feed(_encoded_body(exchange))
    else:
        begun.feed_whole(_text_body(exchange))
    begun.exhausted()
    answer["recognised"] = True
    if not found:
        return {**answer, "recorded": False, "reason": "no charge yet: the work is not finished"}
    first, *others = [_priced(call) for call in found]
    return {**answer, **first, **({"further": others} if others else {})}


def _priced(call: CallEvent) -> dict[str, Any]:
    event = cast("dict[str, Any]", to_builtins(call))
    # Where and when this command ran says nothing about the exchange.
    for name in ("context", "start_time_us", "duration_ms", "time_to_first_token_ms"):
        event.pop(name, None)
    event["cost"] = _shown(price_event(call))
    return event


def _shown(receipt: Cost | CostLine) -> dict[str, Any]:
    """Cost or line as plain values, without what is not there."""
    facts = {name: value for name, value in receipt._asdict().items() if value not in (None, ())}
    lines = [_shown(line) for line in facts.pop("lines", ())]
    return {name: to_builtins(value) for name, value in facts.items()} | ({"lines": lines} if lines else {})


def _text(exchange: Mapping[str, Any], key: str) -> str:
    value = exchange.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key}: a text is needed")
    return value


def _request(exchange: Mapping[str, Any], query: str) -> _GivenRequest:
    given = exchange.get("request")
    if given is not None and not isinstance(given, str):
        given = json.dumps(given)
    content = given.encode("utf-8", "replace") if given else None
    headers = {
        str(name).lower(): str(value)
        for name, value in cast("Mapping[str, Any]", exchange.get("request_headers") or {}).items()
    }
    if "content-type" not in headers and given and given.startswith("--"):
        headers["content-type"] = "multipart/form-data; boundary=" + given.split("\n", 1)[0].strip()[2:]
    return _GivenRequest(query, headers, content)


def _headers(exchange: Mapping[str, Any]) -> dict[str, str]:
    headers = cast("Mapping[str, Any]", exchange.get("headers") or {})
    out: dict[str, str] = {}
    for name, value in headers.items():
        values = cast("list[Any]", value) if isinstance(value, list) else [value]
        out[name.lower()] = ", ".join(map(str, values))
    return out


def _encoded_body(exchange: Mapping[str, Any]) -> bytes:
    """The body as it was on the wire, content encoding included."""
    try:
        return base64.b64decode(str(exchange["body_base64"]), validate=True)
    except binascii.Error as error:
        raise ValueError(f"body_base64: {error}") from None


def _text_body(exchange: Mapping[str, Any]) -> bytes:
    body = exchange.get("body")
    if body is None:
        return b""
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else json.dumps(body).encode()


def explain_lines(lines: Iterable[str], settings: Settings) -> Iterator[dict[str, Any]]:
    """Explain each line; one that cannot be read gives its reason and does not stop the rest."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            exchange = json.loads(line)
            if not isinstance(exchange, dict):
                raise ValueError("a JSON object is needed")
            yield explain(cast("dict[str, Any]", exchange), settings)
        except ValueError as error:
            yield {"id": None, "line": number, "recognised": False, "reason": f"not readable: {error}"}


def main(arguments: Sequence[str] | None = None, *, source: TextIO | None = None) -> int:
    """Read exchanges from standard input and print one JSON line each. 0 even when some are not recognised."""
    parser = argparse.ArgumentParser(
        prog="llmobserve explain",
        description="Shows what would be recorded of exchanges read from standard input, and what each costs.",
        epilog=_SHAPE,
    )
    parser.parse_args(arguments)
    for answer in explain_lines(source or sys.stdin, load()):
        print(json.dumps(answer, ensure_ascii=False, separators=(",", ":")), flush=True)
    return 0
