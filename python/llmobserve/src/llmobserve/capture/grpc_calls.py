"""What the hooks of both kinds of gRPC channels share: where a method is, its request, and the end of its call."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from llmobserve.capture.engine import Engine
from llmobserve.capture.exchange import Exchange
from llmobserve.capture.grpc_status import CANCELLED, http_status_of, name_of
from llmobserve.capture.headers import HeaderView
from llmobserve.capture.messages import Messages
from llmobserve.capture.protobuf import fields_of
from llmobserve.guard import guarded
from llmobserve.providers.message_fields import MessageFields

__all__ = ["Places", "answer_of", "arrived", "conclude", "headers_of", "succeeded"]

_BEGIN = guarded("capture.begin")
_REMEMBERED = 4096
_TARGET = re.compile(
    r"(?:(?:dns|ipv4|ipv6|xds):(?://[^/]*/)?)?(?P<host>\[[^\]]+\]|[^:/,\[\]]+)(?::(?P<port>\d+))?(?:,.*)?"
)
"""https://grpc.github.io/grpc/core/md_doc_naming.html, read 2026-11-21."""
_USUAL_PORT = 443
_SUCCESS = 200


class _Sent:
    """Is equal for requests that are probably the same. Looked at only after a call has failed."""

    __slots__ = ("_fields", "_message")

    def __init__(self, message: Any, fields: MessageFields) -> None:
        self._message = message
        self._fields = fields

    def __hash__(self) -> int:
        size = getattr(self._message, "ByteSize", None)
        return hash((size() if callable(size) else None, repr(fields_of(self._message, self._fields.request))))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sent) and hash(self) == hash(other)


class _Request:
    """The message of a call, read when the call has ended."""

    __slots__ = ("_fields", "_message")

    def __init__(self, message: Any, fields: MessageFields) -> None:
        self._message = message
        self._fields = fields

    def headers(self) -> Mapping[str, str]:
        return {}

    def query(self) -> str:
        return ""

    def content(self) -> _Sent:
        return _Sent(self._message, self._fields)

    def body(self, content_type: str) -> Any:
        return fields_of(self._message, self._fields.request)


class Places:
    """Which methods at which targets are observed: one look-up in a dict for those seen before."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._known: dict[tuple[Any, Any], tuple[str, int | None, str, MessageFields] | None] = {}

    def begin(self, engine: Engine, target: bytes | str, method: bytes | str, message: Any) -> Exchange | None:
        """Start to observe a call; `None` when it is not for a priced method. `message`: `None` for a stream."""
        key = target, method
        if engine is not self._engine:
            self._engine = engine
            self._known.clear()
        try:
            place = self._known[key]
        except KeyError:
            place = self._look_up(engine, key)
        if place is None:
            return None
        host, port, path, fields = place
        with _BEGIN:
            request = _Request(message, fields)
            return engine.begin(request, method="POST", host=host, port=port, path=path, transport="grpc")
        return None

    def _look_up(self, engine: Engine, key: tuple[Any, Any]) -> tuple[str, int | None, str, MessageFields] | None:
        place: tuple[str, int | None, str, MessageFields] | None = None
        with _BEGIN:
            target, path = (part.decode() if isinstance(part, bytes) else part for part in key)
            parts = _TARGET.fullmatch(target)
            if parts is not None:
                host, port = parts["host"].lower(), int(parts["port"] or _USUAL_PORT)
                port = None if port == _USUAL_PORT else port
                provider = engine.registry.provider_for(host, port)
                found = None if provider is None else engine.registry.endpoint_for(provider, "POST", path)
                if found is not None and found[0].messages is not None:
                    place = host, port, path, found[0].messages
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = place
        return place


def answer_of(exchange: Exchange, *, stream: bool) -> Messages:
    """What is to take the messages of the answer."""
    fields = exchange.endpoint.messages
    return Messages({} if fields is None else fields.answer, exchange.open_reader, stream=stream)


def arrived(exchange: Exchange, answer: Messages, message: Any) -> None:
    """A message of the answer is given to the application: the server has answered."""
    exchange.http_status = _SUCCESS
    exchange.answered_by(answer)
    answer.take(message)


def succeeded(exchange: Exchange, answer: Messages, message: Any, initial: Any, trailing: Any) -> None:
    """The call has ended with success. `message`: the last one, `None` if all were taken before."""
    if message is not None:
        answer.take(message)
    exchange.http_status = _SUCCESS
    exchange.response_headers = headers_of(initial, trailing)
    exchange.answered_by(answer)
    answer.take_end(exchange.response_headers)


def conclude(exchange: Exchange, answer: Messages, code: int, details: str | None, initial: Any, trailing: Any) -> None:
    """End the exchange of a call that did not succeed, by the status and metadata that it ended with."""
    exchange.response_headers = headers_of(initial, trailing)
    if code == CANCELLED:
        exchange.closed()
        return
    if not answer.count:
        status = http_status_of(code, details, has_trailers=bool(trailing))
        if status is not None:
            answer.take_refusal(name_of(code), details, status, exchange.response_headers)
            exchange.http_status = status
            exchange.answered_by(answer)
            exchange.exhausted()
            return
    exchange.refused(name_of(code), details)


def headers_of(*several: Any) -> HeaderView:
    """The metadata of an answer as headers."""
    raw: list[tuple[bytes, bytes]] = []
    for metadata in several:
        pairs: Iterable[tuple[str, str | bytes]] = metadata or ()
        raw += [(key.encode("latin-1"), value if isinstance(value, bytes) else value.encode()) for key, value in pairs]
    return HeaderView(raw)
