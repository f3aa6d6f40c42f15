"""Session and trace of what happens in a block, by ids of the application's own."""

import hashlib
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType

from llmobserve.context import changed, current, here, linked, process_run, trace_id_of
from llmobserve.guard import text_of

__all__ = ["SpanContext"]

_HEX = frozenset("0123456789abcdef")


class SpanContext:
    """For `with` and `async with`: what happens in the block belongs to this session and trace.

    What is `None` stays as it is around the block. A `trace_id` of 32 hexadecimal digits, with hyphens or without, is
    the trace of the runs that begin in the block. Any other text is kept as the metadata `trace_id`, and the trace is
    made from it, the same for the same text. A run around the block keeps its trace and takes over the metadata. An
    active OpenTelemetry span wins, as everywhere.

    Collectors get one that has not been entered and says where the monitored call is.
    """

    __slots__ = ("_entered", "_session_id", "_trace_id", "operation")

    def __init__(self, session_id: str | None = None, trace_id: str | None = None, *, operation: str = "") -> None:
        self._session_id = None if session_id is None else text_of(session_id)
        self._trace_id = None if trace_id is None else text_of(trace_id)
        self._entered: list[tuple[object, AbstractContextManager[None]]] = []
        self.operation = operation
        """Name of the monitored operation, for collectors; else empty."""

    @property
    def session_id(self) -> str | None:
        """As given, else that of here and now; `None` without one."""
        return here().facts.session_id if self._session_id is None else self._session_id

    @property
    def trace_id(self) -> str:
        """As given, else the 32 hexadecimal digits of the trace of here and now."""
        if self._trace_id is not None:
            return self._trace_id
        span, _, link = current()
        if link is not None:
            return link[0]
        return trace_id_of(process_run() if span is None else span.root)

    @property
    def span_id(self) -> str | None:
        """Sixteen hexadecimal digits: the innermost run or section here and now; `None` outside of all."""
        span = here().span
        return None if span is None else span.span_id

    def __enter__(self) -> "SpanContext":
        block = _block(self._session_id, self._trace_id)
        block.__enter__()
        self._entered.append((here().facts, block))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        # Other tasks may have entered the same object meanwhile: the block that is left is the one that is in effect.
        facts = here().facts
        entry = next((entry for entry in reversed(self._entered) if entry[0] is facts), self._entered[-1])
        self._entered.remove(entry)
        entry[1].__exit__(None, None, None)

    async def __aenter__(self) -> "SpanContext":
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)


@contextmanager
def _block(session_id: str | None, trace_id: str | None) -> Generator[None]:
    before = here()
    changes: dict[str, object] = {} if session_id is None else {"session_id": session_id}
    link = before.link
    if trace_id is not None:
        digits = _digits(trace_id)
        if before.span is None:
            link = digits or _made_from(trace_id), None
        if digits is None or before.span is not None:
            changes["metadata"] = {**before.facts.metadata, "trace_id": trace_id}
    with linked(link), changed(**changes):
        yield


def _digits(trace_id: str) -> str | None:
    """The 32 digits of an id that has the form of W3C's or of a UUID, in lower case; `None` for other texts."""
    digits = trace_id.replace("-", "").lower()
    return digits if len(digits) == 32 and set(digits) <= _HEX and digits.strip("0") else None


def _made_from(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
