"""What a provider file supplies for WebSocket sessions: endpoints, and readers that turn messages into charges.

A session is one connection; a charge is what is billed in it: a response, a transcription, or the session as a whole.
The capture engine drives a reader in this order: it is made when the handshake was answered, then `sent` and `received`
for every text message in the order of the wire, then `ended` once.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any, Literal, Protocol

from llmobserve.providers.base import PathPattern, ProviderRequest, Reading
from llmobserve.wire import CallKind

__all__ = ["Charge", "EndedBy", "LazyReader", "SessionEnd", "SessionReader", "SessionReaderFactory", "SocketEndpoint"]

EndedBy = Literal["here", "there", "lost", "abandoned"]
"""Who ended a session: the application, the provider, nobody (the connection broke), or the connection was dropped
unclosed."""


@dataclass(slots=True, kw_only=True)
class Charge:
    """One billed part of a session: becomes one call."""

    reading: Reading
    """Its `remote_id` is the provider's id of the part, so that a part that is seen twice is charged once."""
    start_ns: int | None = None
    """`time.perf_counter_ns` at its begin; `None` = with the session."""
    first_content_ns: int | None = None
    complete: bool = True
    """False when the session ended before the provider said that the part was done."""
    cancelled: bool = False
    """True when the provider says that it was stopped on request, as by a speaker who interrupts."""
    http_status: int | None = None
    """Status that the provider states inside the session; `None` = that of the handshake."""
    place: Any = None
    """What `SessionReader.sent` was given with the message that asked for the part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnd:
    """How a session ended and what passed in it beside text."""

    by: EndedBy
    is_normal: bool
    """False when the connection broke or was closed with a code that says so."""
    seconds: Decimal
    """Length of the session by the local clock, from the answer to the handshake on."""
    sent_bytes: int
    """Bytes of media that were sent in binary messages."""
    received_bytes: int


class SessionReader(Protocol):
    """Reads one session. Fed with the text of messages as UTF-8; keeps only what it needs."""

    def sent(self, text: bytes, place: Callable[[], Any]) -> Sequence[Charge]:
        """Take a text message to the provider. `place` tells where in the application it was sent."""
        ...

    def received(self, text: bytes) -> Sequence[Charge]:
        """Take a text message from the provider; gives what it finished."""
        ...

    def ended(self, end: SessionEnd) -> Sequence[Charge]:
        """Take the end; gives what was not finished, and what is billed by the session."""
        ...

    def blank(self) -> Reading:
        """What is known of the session without any usage: for one that was refused."""
        ...


class SessionReaderFactory(Protocol):
    """Makes the reader of one session from its handshake."""

    def __call__(
        self, request: ProviderRequest, match: "re.Match[str]", answer_headers: Mapping[str, str], *, want_content: bool
    ) -> SessionReader:
        """The reader; names in `answer_headers` are in lower case."""
        ...


class LazyReader:
    """A `SessionReaderFactory` that loads its class with the first session: few applications open one."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        """`place` is `module:class`."""
        self._place = place

    def __call__(
        self, request: ProviderRequest, match: "re.Match[str]", answer_headers: Mapping[str, str], *, want_content: bool
    ) -> SessionReader:
        """The reader, with its module imported now."""
        module, _, name = self._place.partition(":")
        make: SessionReaderFactory = getattr(import_module(module), name)
        return make(request, match, answer_headers, want_content=want_content)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketEndpoint:
    """One operation of a provider that is a WebSocket session."""

    operation: str
    kind: CallKind
    path: PathPattern
    """Matched from the start of the path, to its end."""
    reader: SessionReaderFactory
    raw_audio: bool = False
    """Binary messages are media, whose bytes are counted. Else they are text as well (Gemini sends JSON in them)."""
