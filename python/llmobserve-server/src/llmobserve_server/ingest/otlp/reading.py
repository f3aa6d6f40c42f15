"""What a span says, whatever its dialect calls it: the neutral form between dialects and our own records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, get_args

from llmobserve.wire import CallKind, Quantity, SpanKind

__all__ = ["AGGREGATE", "CALL_KINDS", "CARRIER", "Kind", "Reading", "Tokens"]

Kind = CallKind | SpanKind | Literal["plain"]
"""`plain`: a span of no dialect (HTTP, a database, the application's own)."""
CALL_KINDS = frozenset(get_args(CallKind))

AGGREGATE = "aggregate"
"""Usage flag of a call that stands for the sum a span states over the calls below it."""
CARRIER = "carrier"
"""Usage flag of a call that only carries the usage of another record: a later span for what a stream consumed."""


@dataclass(slots=True)
class Tokens:
    """Token counts as the span states them. `None` = not stated, which is not 0.

    `input` and `output` include all details, but for the two flags.
    """

    input: int | None = None
    output: int | None = None
    total: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    """All lifetimes together."""
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    input_audio: int | None = None
    input_image: int | None = None
    cache_read_audio: int | None = None
    output_audio: int | None = None
    output_image: int | None = None
    exclusive: bool = False
    """`input` leaves out what was read from and written to a cache."""
    reasoning_apart: bool = False
    """`output` leaves out the reasoning, as Google's own counts do."""


@dataclass(slots=True)
class Reading:
    """Facts of one span. `None` and empty = not stated.

    Texts are as the sender wrote them: `records.py` puts names of providers into ours and cuts what is too long.
    """

    kind: Kind = "plain"
    name: str = ""
    """What is shown: the span's name, or the one that the dialect fills in."""
    operation: str | None = None
    """The dialect's word for what was done: `chat`, `embeddings`, `execute_tool`."""
    is_sum: bool = False
    """Usage of this span is the sum of calls below it."""
    is_carrier: bool = False
    """The span is a second record of a call, and only brings its usage."""
    took_ms: float | None = None
    """Of a carrier: how long the stream took that ended with it."""

    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    request_id: str | None = None
    host: str | None = None
    """Name of the server, or its URL."""
    port: int | None = None
    api: str | None = None
    """Which interface of the provider: `responses`, `chat_completions`."""
    stream: bool | None = None
    ttft_ms: float | None = None
    dimensions: dict[str, str] = field(default_factory=dict[str, str])

    tokens: Tokens = field(default_factory=Tokens)
    usage_raw: Any = None
    """The provider's own usage object, where the span has it: believed before `tokens`."""
    units: dict[str, Quantity] = field(default_factory=dict[str, Quantity])
    """Further units of ours (`web_search_calls`), beside those of the tokens."""
    cost_usd: Decimal | None = None
    """What the sender reckons. 0 = unknown."""

    input: Any = None
    """Messages or arguments: JSON text, or an object."""
    system: Any = None
    """Instructions that are stated apart from the messages."""
    tools: Any = None
    output: Any = None

    run_id: str | None = None
    run_name: str | None = None
    """Only where it is not the name of the outermost span."""
    session_id: str | None = None
    user_id: str | None = None
    customer_id: str | None = None
    agent: str | None = None
    section: str | None = None
    """Name of what the span is: of the tool, the agent, the step."""
    section_path: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    prompt_name: str | None = None
    prompt_version: str | None = None

    failed: bool = False
    error_type: str | None = None
    error_message: str | None = None
    http_status: int | None = None
    finish_reasons: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What no field took."""

    @property
    def is_call(self) -> bool:
        """Whether the span is a call to a provider."""
        return self.kind in CALL_KINDS
