"""Follows the body of one response and feeds the provider's reader.

The per-chunk path only looks for the first content and then keeps the bytes; decoding happens once, when the
response ends (or when a long stream has filled the buffer).
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal

from llmobserve.capture.decoders import Decoder, Undecodable, open_decoder
from llmobserve.capture.framing import DONE, Framer, LineFramer, SseFramer, decode_events
from llmobserve.providers.base import Endpoint, Reader, StreamFormat

__all__ = ["HOLD_BYTES", "Payload"]

Mode = Literal["json", "stream", "binary"]

_JSON_CAP_BYTES = 8 * 1024 * 1024
_TAIL_BYTES = 64 * 1024
HOLD_BYTES = 1024 * 1024
"""Bytes of a stream that are held at most before they are decoded."""
_USAGE_OBJECT = re.compile(
    r'"(usage|model|id|usageMetadata|modelVersion|responseId|usage_info|meta|billed_units|metrics)"\s*:\s*'
)
_EVENTS = re.compile(rb"\s*(?:data:|event:|: )")
_USAGE_KEYS = frozenset({"usage", "usageMetadata", "usage_info", "meta"})
_LINE_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/stream+json"})


class Payload:
    """The body of one response, from its headers to its end."""

    __slots__ = (
        "_chunks",
        "_decoder",
        "_endpoint",
        "_framer",
        "_headers",
        "_open",
        "_overflowed",
        "_plain",
        "_reader",
        "_status",
        "_want_content",
        "first_content_ns",
        "mode",
        "problem",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        status: int,
        headers: Mapping[str, str],
        open_reader: Callable[[], Reader],
        *,
        want_content: bool,
    ) -> None:
        self._endpoint = endpoint
        self._status = status
        self._headers = headers
        self._open = open_reader
        self._want_content = want_content
        self._reader: Reader | None = None
        self._chunks: list[bytes] = []
        self._overflowed = False
        self._plain = b""
        self._framer: Framer | None = None
        self._decoder: Decoder | None = None
        self.first_content_ns: int | None = None
        """`time.perf_counter_ns` at the first content of a stream."""
        self.problem: str | None = None
        """Why the body cannot be read, `None` when it can."""
        self.mode: Mode = self._choose_mode()
        encodings = headers.get("content-encoding")
        if encodings and self.mode != "binary":
            try:
                self._decoder = open_decoder(encodings)
            except Undecodable as error:
                self.problem = f"encoding {error}"
                self.mode = "binary"

    def _choose_mode(self) -> Mode:
        content_type = self._headers.get("content-type", "")
        mode, make_framer = _form_of(content_type, self._endpoint.stream_format, self._status >= 400)
        if make_framer is not None:
            self._framer = make_framer()
        return mode

    @property
    def reader(self) -> Reader:
        """The provider's reader, opened on first use."""
        if self._reader is None:
            self._reader = self._open()
        return self._reader

    def drop_encoding(self) -> None:
        """Say that the chunks to come are decoded already."""
        self._decoder = None
        if self.problem is not None:
            self.problem = None
            self.mode = self._choose_mode()

    @property
    def hold(self) -> Callable[[bytes], None] | None:
        """Takes further chunks without looking at them; `None` while each must go through `feed`.

        Whoever uses it calls `feed` again at the latest after `HOLD_BYTES`.
        """
        if self.mode == "binary":
            return _ignore
        if self.mode == "stream" and self.first_content_ns is None:
            return None
        return self._chunks.append

    def feed(self, chunk: bytes) -> None:
        """Take bytes as they came from the wire, and look at all that are held."""
        if self.mode == "binary":
            return
        self._chunks.append(chunk)
        if self.mode == "stream":
            self._feed_stream(self._take_plain())
            if self.first_content_ns is None and self.reader.has_content:
                self.first_content_ns = time.perf_counter_ns()
        elif sum(map(len, self._chunks)) > _JSON_CAP_BYTES:
            self._shorten()

    def _take_plain(self) -> bytes:
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        return self._decoder.decode(data) if self._decoder is not None else data

    def _shorten(self) -> None:
        """Keep only the end of a body that is too large: providers put the usage after the data."""
        self._plain += self._take_plain()
        if len(self._plain) > _JSON_CAP_BYTES:
            self._plain = self._plain[-_TAIL_BYTES:]
            self._overflowed = True

    def _feed_stream(self, data: bytes) -> None:
        framer = self._framer
        if framer is not None and data:
            self._feed_blocks(framer, framer.push(data))

    def _feed_blocks(self, framer: Framer, blocks: list[bytes]) -> None:
        events = [event for block in blocks for event in framer.parse(block)]
        if not events:
            return
        reader = self.reader
        decoded = iter(decode_events([data for _, data in events if data != DONE]))
        for name, data in events:
            if data == DONE:
                reader.read_event(name, None)
                continue
            event = next(decoded)
            if event is not None:
                reader.read_event(name, event)

    def finish(self) -> bool:
        """Take the end of the body; True when the answer is complete as far as the payload can tell."""
        if self.mode == "stream":
            self._finish_stream()
            return self.reader.terminal
        if self.mode == "json":
            return self._finish_json()
        return False

    def _finish_stream(self) -> None:
        framer = self._framer
        if framer is None:
            return
        plain = framer.rest(self._take_plain() if self._chunks else b"")
        self._feed_blocks(framer, self._final_blocks(plain) or framer.split(plain))

    def _final_blocks(self, plain: bytes) -> list[bytes]:
        """The blocks that state the final figures, when these are all that is needed; else none."""
        summary = self._endpoint.summary
        if summary is None or not isinstance(self._framer, SseFramer):
            return []
        if (self._want_content and not self._endpoint.summary_has_content) or b'"error"' in plain:
            return []
        blocks: list[bytes] = []
        done = 0
        for match in summary.finditer(plain):
            if match.start() < done:
                continue
            start = plain.rfind(b"\n\n", done, match.start())
            end = plain.find(b"\n\n", match.end())
            done = end if end >= 0 else len(plain)
            blocks.append(plain[start + 2 if start >= 0 else 0 : done])
        if blocks and plain.rstrip().endswith(DONE):
            blocks.append(b"data: " + DONE)
        return blocks

    def _finish_json(self) -> bool:
        plain = self._take_plain() if self._chunks else b""
        if self._plain:
            plain = self._plain + plain
        if self._overflowed:
            body: Any = _facts_in_tail(plain)
        else:
            try:
                body = json.loads(_without_bulk(plain, self._endpoint.bulk_keys))
            except (ValueError, RecursionError):
                if _EVENTS.match(plain) is not None:
                    return self._finish_unnamed_stream(plain)
                body = _plain_json(plain) if self._endpoint.bulk_keys else None
        self.reader.read_body(body, self._status, self._headers)
        return body is not None

    def _finish_unnamed_stream(self, plain: bytes) -> bool:
        """Take server-sent events whose content type did not say what they are."""
        self.mode, self._framer = "stream", SseFramer()
        self._feed_stream(plain)
        self._finish_stream()
        return self.reader.terminal

    def take_unreadable(self) -> None:
        """Tell the reader that there is an answer whose body is no JSON or was not kept."""
        self.reader.read_body(None, self._status, self._headers)


@lru_cache(maxsize=64)
def _form_of(content_type: str, stream_format: StreamFormat, failed: bool) -> tuple[Mode, Callable[[], Framer] | None]:
    """How an answer of this content type is read, and what cuts it where it is a stream."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return "stream", SseFramer
    if kind == "application/vnd.amazon.eventstream":
        from llmobserve.capture.binary_framing import EventstreamFramer  # few applications meet one

        return "stream", EventstreamFramer
    is_json = kind.endswith(("json", "json-1.0", "json-1.1")) and kind not in _LINE_TYPES
    if failed:
        return "json", None
    if kind in _LINE_TYPES or (stream_format == "ndjson" and not is_json):
        return "stream", LineFramer
    if stream_format == "json_array" and is_json:
        from llmobserve.capture.binary_framing import JsonArrayFramer

        return "stream", JsonArrayFramer
    return "json" if is_json or kind in ("", "text/plain") else "binary", None


def _ignore(chunk: bytes) -> None:
    return None


def _plain_json(plain: bytes) -> Any:
    try:
        return json.loads(plain)
    except (ValueError, RecursionError):
        return None


def _without_bulk(body: bytes, keys: tuple[bytes, ...]) -> bytes:
    """`body` with the strings and flat arrays under these keys emptied."""
    for key in keys:
        mark = b'"' + key + b'"'
        pieces: list[bytes] = []
        done = 0
        at = body.find(mark)
        while at >= 0:
            start = at + len(mark)
            while body[start : start + 1] in (b":", b" ", b"\n", b"\r", b"\t"):
                start += 1
            opening = body[start : start + 1]
            end = body.find(b'"' if opening == b'"' else b"]", start + 1) if opening in (b'"', b"[") else -1
            if end < 0:
                at = body.find(mark, start)
                continue
            pieces.append(body[done : start + 1])
            done = end
            at = body.find(mark, end)
        body = b"".join((*pieces, body[done:])) if pieces else body
    return body


def _facts_in_tail(tail: bytes) -> Any:
    """The last usage, model and id of a body whose beginning was not kept; `None` without a usage."""
    text = tail.decode("utf-8", "replace")
    found: dict[str, Any] = {}
    decoder = json.JSONDecoder()
    for match in _USAGE_OBJECT.finditer(text):
        try:
            found[match[1]] = decoder.raw_decode(text, match.end())[0]
        except (ValueError, RecursionError):
            continue
    return found if _USAGE_KEYS & found.keys() else None
