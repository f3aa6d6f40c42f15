"""Makes what this process tells the collector of itself: hooks, counts, losses and errors, in at most 4 KB.

A report goes with the first batch, when something changes that a reader should know of, and else once a minute with a
batch. It is sent alone only when something is wrong, and when a process ends that has reported before.
"""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from llmobserve import capture
from llmobserve.capture.patching import PatchHealth
from llmobserve.guard import guarded, swallowed
from llmobserve.privacy import counted
from llmobserve.recorder import Recorder
from llmobserve.settings import Settings
from llmobserve.transport.sender import SenderState
from llmobserve.wire import LibraryReport, ProcessReport, WrapperReport, now_us
from llmobserve.wire.codec import to_builtins, to_json

__all__ = ["REPORT_BYTES", "Reporter", "library_reports"]

REPORT_BYTES = 4096
_EVERY_S = 60.0
_ENTRIES = 24
_TEXT = 160
_STATES = ("missing", "degraded", "active")
"""From the worst."""


class Reporter:
    """The reports of one process, as the sender asks for them."""

    def __init__(
        self,
        recorder: Recorder,
        settings: Settings,
        state: Callable[[], SenderState],
        *,
        started_at_us: int,
        inherited: Mapping[str, int],
    ) -> None:
        """`inherited`: internal errors that a fork has taken over from its parent, by place."""
        self.process_id = recorder.process_id
        self._recorder = recorder
        self._settings = settings
        self._state = state
        self._started_at_us = started_at_us
        self._inherited = inherited
        self._told: object = None
        """What the collector knows; `None` before the first report."""
        self._told_s = 0.0
        self._offered: object = None
        """What the collector knows once it has taken the report that was given out last."""
        self._last: tuple[tuple[LibraryReport, ...], tuple[WrapperReport, ...]] | None = None
        """What was hooked when observing ended."""

    def due(self) -> Mapping[str, Any] | None:
        """The report to go with the next batch; `None` while there is nothing new."""
        with guarded("report"):
            report = to_builtins(self.report())
            essence = _essence_of(report)
            if self._told == essence and time.monotonic() - self._told_s < _EVERY_S:
                return None
            self._offered = essence
            return _fitting(report)
        return None

    @property
    def urgent(self) -> bool:
        """True when the next report is not to wait for a batch."""
        with guarded("report"):
            if self._last is not None and self._told is not None:
                return self._told != self._essence()
            return self._is_wrong() and self._told != self._essence()
        return False

    def arrived(self) -> None:
        """The collector has the report that was given out last."""
        self._told, self._told_s = self._offered, time.monotonic()

    def ending(self) -> bool:
        """Keep what is hooked, because observing ends; True when a last report is to be sent."""
        with guarded("report"):
            self._last = self._hooks()
            return self._told is not None or self._is_wrong()
        return False

    def report(self) -> ProcessReport:
        """The state of this moment, whatever its size."""
        libraries, wrappers = self._last or self._hooks()
        recorder, state = self._recorder, self._state()
        counts = {
            "calls": recorder.calls,
            "spans": recorder.spans,
            "sent": state.sent,
            "redactions": sum(counted().values()),
        }
        return ProcessReport(
            made_at_us=now_us(),
            started_at_us=self._started_at_us,
            ended=self._last is not None,
            capture_content=self._settings.capture_content,
            libraries=libraries,
            counts={name: number for name, number in counts.items() if number},
            lost=_largest(recorder.spool.lost),
            dead_letters=_largest(state.dead),
            internal_errors=_largest(self._errors()),
            wrappers=wrappers,
        )

    def _errors(self) -> dict[str, int]:
        counted = {place: count - self._inherited.get(place, 0) for place, (count, _) in swallowed().items()}
        return {place: count for place, count in counted.items() if count > 0}

    def _hooks(self) -> tuple[tuple[LibraryReport, ...], tuple[WrapperReport, ...]]:
        found = dict.fromkeys(capture.wrappers())
        wrappers = tuple(WrapperReport(target=at[:_TEXT], module=module[:_TEXT]) for at, module in found)
        return library_reports(capture.health(), self._recorder.calls_by_library()), wrappers[:_ENTRIES]

    def _is_wrong(self) -> bool:
        if self._recorder.spool.lost or self._state().dead or self._errors():
            return True
        return any(entry.state in {"degraded", "missing"} for entry in capture.health())

    def _essence(self) -> object:
        return _essence_of(to_builtins(self.report()))


def library_reports(
    health: list[PatchHealth], calls: Mapping[str, tuple[int, int | None, int | None]]
) -> tuple[LibraryReport, ...]:
    """One entry for each library that is imported, whatever the number of its hooks."""
    entries: dict[str, list[PatchHealth]] = {}
    for entry in health:
        if entry.state != "waiting":
            entries.setdefault(_library(entry.library), []).append(entry)
    return tuple(_library_report(name, hooks, calls.get(name, (0, None, None))) for name, hooks in entries.items())


def _library(name: str) -> str:
    return "grpc" if name == "grpc.aio" else name


def _library_report(name: str, hooks: list[PatchHealth], calls: tuple[int, int | None, int | None]) -> LibraryReport:
    worst = next(state for state in _STATES if any(hook.state == state for hook in hooks))
    at_fault = [hook for hook in hooks if hook.state == worst]
    version = next((hook.version for hook in hooks if hook.version), None)
    if version is None:
        version = getattr(sys.modules.get(name), "__version__", None)
    return LibraryReport(
        name=name,
        version=version if isinstance(version, str) else None,
        target=", ".join(dict.fromkeys(hook.target for hook in at_fault))[:_TEXT],
        state=worst,  # pyright: ignore[reportArgumentType]
        detail=next((hook.detail[:_TEXT] for hook in at_fault if hook.detail), None),
        calls=calls[0],
        first_call_us=calls[1],
        last_call_us=calls[2],
    )


def _largest(counts: Mapping[str, int]) -> dict[str, int]:
    ranked = sorted(list(counts.items()), key=lambda item: -item[1])
    return {name[:_TEXT]: number for name, number in ranked[:_ENTRIES]}


def _essence_of(report: Mapping[str, Any]) -> object:
    """What makes a report worth sending at once when it changes: not the counts, but what is counted."""
    libraries: list[dict[str, Any]] = report.get("libraries", [])
    wrappers: list[dict[str, str]] = report.get("wrappers", [])
    return (
        [(entry["name"], entry.get("version"), entry["state"], "calls" in entry) for entry in libraries],
        *(sorted(report.get(name, ())) for name in ("lost", "dead_letters", "internal_errors")),
        len(wrappers),
        report.get("ended", False),
    )


def _fitting(report: dict[str, Any]) -> dict[str, Any]:
    """The report in wire form; what explains goes before what counts where it is too big."""
    for shorten in (_without_wrappers, _without_details, _without_targets, _without_reasons):
        if len(to_json(report)) <= REPORT_BYTES:
            break
        shorten(report)
    return report


def _without_wrappers(report: dict[str, Any]) -> None:
    del report.get("wrappers", [])[4:]


def _without_details(report: dict[str, Any]) -> None:
    for entry in report.get("libraries", []):
        entry.pop("detail", None)


def _without_targets(report: dict[str, Any]) -> None:
    for entry in report.get("libraries", []):
        entry.pop("target", None)


def _without_reasons(report: dict[str, Any]) -> None:
    for name in ("lost", "dead_letters", "internal_errors"):
        report[name] = {key[:40]: number for key, number in list(report.get(name, {}).items())[:8]}
