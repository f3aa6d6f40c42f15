"""What a sending process says of itself: which libraries it watches and how, what it counted and what it lost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["HookState", "LibraryReport", "ProcessReport", "WrapperReport"]

HookState = Literal["active", "degraded", "missing"]
"""`degraded`: hooked at a public method, because the wanted place is not as expected. `missing`: some calls through
this library are not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryReport:
    """A client library that the process has imported. The worst of its hooks decides the state."""

    name: str
    """Import name."""
    version: str | None = None
    target: str = ""
    """What is hooked; where a hook is not active, that one."""
    state: HookState
    detail: str | None = None
    calls: int = 0
    """Calls recorded through it since the process began."""
    first_call_us: int | None = None
    """Start of the first of them in microseconds since 1970 UTC; `None` when there was none."""
    last_call_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapperReport:
    """A wrapper of another tool at a place that is hooked."""

    target: str
    module: str
    """Module that the wrapper comes from: `opentelemetry.instrumentation.httpx`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessReport:
    """State of one process. All counts are since it began, so the last report is enough."""

    made_at_us: int
    started_at_us: int | None = None
    """When observing began."""
    ended: bool = False
    """True in the last report of a process that ended in order."""
    capture_content: bool = False
    libraries: tuple[LibraryReport, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    """`calls` and `spans` that were recorded, records `sent`, `redactions` in contents."""
    lost: Mapping[str, int] = field(default_factory=dict[str, int])
    """Records lost, by reason."""
    dead_letters: Mapping[str, int] = field(default_factory=dict[str, int])
    """Records that were refused and kept in the sender's spool, by kind."""
    internal_errors: Mapping[str, int] = field(default_factory=dict[str, int])
    """Errors of the SDK that were kept from the application, by place."""
    wrappers: tuple[WrapperReport, ...] = ()
