"""Base of the readers of providers that are no language models: holds both sides of one exchange, reads errors.

A subclass says in `describe` what a successful answer consumed.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from llmobserve.providers.base import ProviderRequest, Reading
from llmobserve.providers.progress import Progress
from llmobserve.providers.quantities import Counters, as_mapping, sendable
from llmobserve.wire import Quantity, Usage, UsageSource

__all__ = ["CallReader", "as_items", "is_on", "joined", "seconds_of", "text_or_none", "whole_text"]


def text_or_none(value: Any) -> str | None:
    """`value` if it is a non-empty string."""
    return value if isinstance(value, str) and value else None


def as_items(value: Any) -> Sequence[Any]:
    """`value` if it is a JSON array, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else ()


def is_on(value: Any) -> bool:
    """True for `true` as JSON, form field or query parameter."""
    return value is True or (isinstance(value, str) and value.lower() in ("true", "1"))


def joined(names: Sequence[str]) -> str | None:
    """The names as one dimension value in a fixed order; `None` without any."""
    return "+".join(sorted(names)) or None


def whole_text(value: Any) -> int | None:
    """A count that a provider sends as text (`"2"`) or as a number, up to 2**53; `None` for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        return int(value)
    return Counters().whole({"n": value}, "n")


def seconds_of(value: Any, per_second: int) -> Decimal | None:
    """A length in fractions of a second (milliseconds, ticks) as seconds; `None` when it is no sane number."""
    number = Counters().fraction({"n": value}, "n")
    return None if number is None else number / per_second


class CallReader(Progress):
    """Reads one exchange with a plain answer. Streams are read as if their last object were the answer."""

    def __init__(self, request: ProviderRequest, match: "re.Match[str]", *, want_content: bool) -> None:
        super().__init__()
        self.request = request
        self.asked = as_mapping(request.body)
        self.match = match
        self.want_content = want_content
        self.body: Mapping[str, Any] = {}
        """The answer, where it is a JSON object."""
        self.items: Sequence[Any] = ()
        """The answer, where it is a JSON array."""
        self.headers: Mapping[str, str] = {}
        self.status: int | None = None
        """`None` until an answer was read."""
        self.counters = Counters()
        self._error: Any = None

    def read_body(self, body: Any, status: int, headers: Mapping[str, str]) -> None:
        """Take a whole answer."""
        self._terminal = True
        self.status = status
        self.headers = headers
        self.body = as_mapping(body)
        self.items = as_items(body)

    def read_event(self, name: str | None, data: Any) -> None:
        """Take one event of a stream."""
        if data is None:
            self._terminal = True
            return
        self._has_content = True
        self.body = as_mapping(data) or self.body

    def named(self, group: str) -> str | None:
        """A named part of the path; `None` when it is not there."""
        return self.match.groupdict().get(group)

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far. An error answer has no usage."""
        out = Reading()
        if self.status is not None and self.status >= 400:
            self.identify(out)
            out.error_type, out.error_message = self.error()
        else:
            self.identify(out)
            self.describe(out, ended_early=ended_early)
        return out

    def identify(self, out: Reading) -> None:
        """Put in what the request says about the call, whatever became of it."""

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Put in what a call that was not refused consumed."""

    def error(self) -> tuple[str | None, str | None]:
        """Type and message of an error answer; the type is `None` when the answer names none."""
        error = self.body.get("error")
        listed = as_items(self.body.get("errors"))
        fields = (
            as_mapping(error)
            or as_mapping(self.body.get("detail"))
            or (as_mapping(listed[0]) if listed else {})
            or self.body
        )
        kind = next(
            (v for k in ("type", "code", "err_code", "status", "name") if (v := text_or_none(fields.get(k)))), None
        )
        message = next(
            (v for k in ("message", "err_msg", "detail", "reason", "error") if (v := text_or_none(fields.get(k)))),
            text_or_none(error),
        )
        return (kind or "provider_error", message) if kind or message else (None, None)

    def usage(
        self,
        units: Mapping[str, Quantity],
        source: UsageSource,
        *,
        raw: Any = None,
        details: Mapping[str, Quantity] | None = None,
    ) -> Usage:
        """Usage with the doubts that were met while reading it. Without any unit it is `unknown`."""
        return Usage(
            units=units,
            details=details or {},
            source=source if units else "unknown",
            flags=("malformed",) if self.counters.malformed else (),
            raw=None if raw is None else sendable(raw),
        )
