"""What a provider file supplies: endpoints, and readers that turn an exchange into facts.

The capture engine, the gateway, `llmobserve explain` and the tests all drive readers in the same order:
`open_reader(request)`, then either `read_body` once or `read_event` per stream event, then `reading()` at whatever
point the exchange ended.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol

from llmobserve.providers.message_fields import MessageFields
from llmobserve.wire import CallKind, Usage
from llmobserve.wire.values import value_class

if TYPE_CHECKING:
    from llmobserve.providers.sockets import SocketEndpoint

__all__ = [
    "OWN_PROTOCOL",
    "Endpoint",
    "LazyPattern",
    "PathPattern",
    "Provider",
    "ProviderRequest",
    "Reader",
    "ReaderFactory",
    "Reading",
    "StreamFormat",
]

_NO_USAGE = Usage()

OWN_PROTOCOL = "CALL"
"""The method of an endpoint that is not reached over HTTP: a database driver, a native library, another process."""

StreamFormat = Literal["sse", "ndjson", "json_array", "eventstream"]


@value_class
class ProviderRequest:
    """A request as it goes to a provider, reduced to what decides usage and price."""

    method: str
    host: str
    """Lower case, with port only if it was given."""
    path: str
    """Without query."""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Lower-case names. Credentials are never passed in."""
    body: Any = None
    """Decoded JSON, the text fields of a form as a dict, SSML as text, or `None`."""


@dataclass(slots=True, kw_only=True)
class Reading:
    """Facts read from an exchange, complete or cut short."""

    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    usage: Usage = field(default_factory=lambda: _NO_USAGE)
    dimensions: dict[str, str] = field(default_factory=dict[str, str])
    reported_cost_usd: Decimal | None = None
    remote_id: str | None = None
    """Set for work that is fetched later and perhaps repeatedly (a polled run): one event per remote id."""
    revision: int | None = None
    """Of the readings of one remote id the highest revision counts. `None` = 1 where the answer states the usage, else
    0."""
    pending: bool = False
    """True when this exchange is no charge yet (a job that still runs): it is not recorded."""
    error_type: str | None = None
    error_message: str | None = None
    input: Any = None
    """Content of the request in the provider's form; only when content is wanted."""
    output: Any = None
    kind: CallKind | None = None
    """Set when it is not the endpoint's kind."""
    operation: str | None = None
    """Set when it is not the endpoint's operation."""
    items: "list[Reading]" = field(default_factory=list["Reading"])
    """Further charges that the same answer states, each an event of its own: the lines of a batch result, the tokens
    of a second model. Each has a `response_id` or `remote_id` of its own."""


class Reader(Protocol):
    """Reads one exchange. Fed with decoded payloads; keeps only what it needs."""

    def read_body(self, body: Any, status: int, headers: Mapping[str, str]) -> None:
        """Take a whole answer: decoded JSON, or `None` when the body was not JSON (audio, image, text)."""
        ...

    def read_event(self, name: str | None, data: Any) -> None:
        """Take one event of a stream; `name` is the SSE event name, `data` its decoded JSON.

        `data` is `None` for the end mark `[DONE]`. Events whose data is no JSON are not passed in.
        """
        ...

    @property
    def terminal(self) -> bool:
        """True once the payload said that the answer is complete."""
        ...

    @property
    def has_content(self) -> bool:
        """True once a stream event carried content: marks the time to first token."""
        ...

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far. With `ended_early` the usage is marked partial or estimated, never complete."""
        ...


class ReaderFactory(Protocol):
    """Makes the reader of one exchange from its request."""

    def __call__(self, request: ProviderRequest, match: "re.Match[str]", *, want_content: bool) -> Reader:
        """The reader; `match` is what the endpoint's path gave, and may lack its groups."""
        ...


class PathPattern(Protocol):
    """Matches whole paths: a compiled regular expression, or a `LazyPattern`."""

    def fullmatch(self, string: str, /) -> "re.Match[str] | None":
        """The match from the first to the last character."""
        ...


class LazyPattern:
    """A regular expression that is compiled when it is first tried: few applications talk to all providers."""

    __slots__ = ("_compiled", "_source")

    def __init__(self, source: str) -> None:
        self._source = source
        self._compiled: re.Pattern[str] | None = None

    def fullmatch(self, string: str, /) -> "re.Match[str] | None":
        """The match from the first to the last character."""
        if self._compiled is None:
            self._compiled = re.compile(self._source)
        return self._compiled.fullmatch(string)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One priced (or knowingly free) operation of a provider."""

    operation: str
    kind: CallKind
    methods: tuple[str, ...]
    path: PathPattern
    """Matched from the start of the path, to its end."""
    reader: ReaderFactory
    stream_format: StreamFormat = "sse"
    """How a successful answer is cut where its content type does not tell: `ndjson` for types that are no JSON,
    `json_array` for JSON. Server-sent events, JSON lines and AWS event streams are known by their types."""
    unmarked_end: bool = False
    """No event of the stream says that it was the last one: whoever read to the end has the whole answer."""
    usage_key: str = "usage"
    """Key of the answer's body that holds the usage object; empty when its fields are in the body itself."""
    binary_response: bool = False
    """The answer is media: its bytes are counted, never kept."""
    bulk_keys: tuple[bytes, ...] = ()
    """JSON keys whose value (a string or an array of numbers) is cut out before the answer is decoded: vectors and
    base64 media, which say nothing about usage."""
    summary: "re.Pattern[bytes] | None" = None
    """Finds, in the raw text of a stream event, the events that state the final figures. When it finds one after the
    first content, only such events (and errors) are decoded."""
    summary_has_content: bool = False
    """The events that `summary` finds also hold the whole output, so that wanting content needs no others."""
    messages: MessageFields | None = None
    """Set for a gRPC method, whose path is `/package.Service/Method` and whose HTTP method is always POST."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Provider:
    """A provider: which endpoints it has. Where it answers is said in `hosts.py`, which is read without loading it."""

    name: str
    endpoints: tuple[Endpoint, ...] = ()
    sockets: "tuple[SocketEndpoint, ...]" = ()
    """Its WebSocket sessions (`sockets.py`)."""
    request_id_headers: tuple[str, ...] = ("x-request-id", "request-id")
    dimensions_of_host: Callable[[str], Mapping[str, str]] | None = None
    """What the host says about the price (its region), given its name, with port if the URL had one."""
