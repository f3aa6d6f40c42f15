"""Which processes sent something, and which client libraries are watched in them: the matrix of coverage."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import and_, desc, func

from llmobserve.wire.report import HookState
from llmobserve_server.query.health_answers import (
    Coverage,
    LibraryCoverage,
    ProcessHealth,
    SkewedProcess,
    SkewHealth,
    Wrapper,
)
from llmobserve_server.query.health_fixes import (
    FRAMEWORK_NAMES,
    INTERNAL_ERROR_FIX,
    SKEW_FIX,
    WRAPPER_NOTE,
    hook_fix,
    loss_text,
)
from llmobserve_server.query.health_losses import of_service
from llmobserve_server.query.spend import as_int
from llmobserve_server.query.window import Scope, as_utc
from llmobserve_server.store.constructs import quantile
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import process_reports, receipts

__all__ = ["MAX_PROCESSES", "Seen", "clock_skew", "coverage_of", "list_services", "seen_processes"]

MAX_PROCESSES = 1000
"""Looked at for the matrix, the latest."""
_ACTIVE = timedelta(minutes=10)
_SKEWED_MS = 5000.0
_MAX_SKEWED = 1000
_SHOWN_SKEWED = 20
_MAX_SERVICES = 200
_STATES: tuple[HookState, ...] = ("missing", "degraded", "active")
"""From the worst."""
_LIMIT_US = 4_102_444_800_000_000  # the year 2100: later ones are no times


@dataclass(frozen=True, slots=True)
class Seen:
    """A process that sent something in the window, with its last report."""

    health: ProcessHealth
    libraries: Sequence[Mapping[str, Any]]
    """As in `wire.ProcessReport`."""


def list_services(store: Store, scope: Scope) -> list[str]:
    """Names of the services that sent something in the window."""
    name = receipts.c.service
    statement = scope.select_received(receipts, name).where(name.is_not(None)).distinct().order_by(name)
    return [row["service"] for row in store.fetch(statement.limit(_MAX_SERVICES))]


def seen_processes(store: Store, scope: Scope, service: str | None, now: datetime) -> tuple[list[Seen], int]:
    """Processes with a batch in the window, the latest first, at most `MAX_PROCESSES`; and how many there are."""
    c = receipts.c
    last_seen = func.max(c.received_at).label("last_seen")
    columns = [func.max(c[name]).label(name) for name in ("service", "environment", "sdk", "sdk_version")]
    statement = scope.select_received(
        receipts,
        c.process_id,
        *columns,
        func.min(c.received_at).label("first_seen"),
        last_seen,
        func.sum(c.records).label("n_records"),
    )
    statement = of_service(statement, c.service, service).group_by(c.process_id)
    rows = store.fetch(statement.order_by(desc(last_seen), c.process_id).limit(MAX_PROCESSES))
    counted = scope.select_received(receipts, func.count(c.process_id.distinct()).label("n_processes"))
    total = as_int(store.fetch(of_service(counted, c.service, service))[0]["n_processes"])
    reports = _last_reports(store, scope, [row["process_id"] for row in rows])
    return [_seen(row, reports.get(row["process_id"]), now) for row in rows], total


def _last_reports(store: Store, scope: Scope, processes: Sequence[str]) -> dict[str, Row]:
    """The last report of each process, also when it came before the window."""
    if not processes:
        return {}
    c = process_reports.c
    of_them = c.process_id.in_(processes)
    last = (
        scope.unbounded()
        .select(process_reports, c.process_id, func.max(c.received_at).label("received_at"))
        .where(of_them)
        .group_by(c.process_id)
        .subquery("last_report")
    )
    statement = (
        scope.unbounded()
        .select(process_reports, c.process_id, c.host, c.language, c.ended, c.report)
        .where(of_them)
        .join(last, and_(last.c.process_id == c.process_id, last.c.received_at == c.received_at))
    )
    return {row["process_id"]: row for row in store.fetch(statement)}


def _seen(row: Row, last: Row | None, now: datetime) -> Seen:
    report: Mapping[str, Any] = {} if last is None else last["report"]
    lost: Mapping[str, int] = report.get("lost", {})
    errors: dict[str, int] = dict(report.get("internal_errors", {}))
    wrappers = [Wrapper(target=one["target"], module=one["module"]) for one in report.get("wrappers", ())]
    return Seen(
        ProcessHealth(
            process_id=row["process_id"],
            service=row["service"],
            environment=row["environment"],
            host=None if last is None else last["host"],
            sdk=row["sdk"],
            sdk_version=row["sdk_version"],
            language=None if last is None else last["language"],
            state=_state(row["last_seen"], last, now),
            started_at=_moment(report.get("started_at_us")),
            first_seen=as_utc(row["first_seen"]),
            last_seen=as_utc(row["last_seen"]),
            capture_content=None if last is None else bool(report.get("capture_content")),
            records=as_int(row["n_records"]),
            calls=None if last is None else as_int(report.get("counts", {}).get("calls")),
            lost=sum(lost.values()),
            internal_errors=errors,
            wrappers=wrappers,
            fix=_fix(lost, errors, wrappers),
        ),
        report.get("libraries", ()),
    )


def _state(last_seen: datetime, last: Row | None, now: datetime) -> Literal["active", "silent", "ended"]:
    if last is not None and last["ended"]:
        return "ended"
    return "active" if now - last_seen <= _ACTIVE else "silent"


def _fix(lost: Mapping[str, int], errors: Mapping[str, int], wrappers: Sequence[Wrapper]) -> str | None:
    if lost:
        return loss_text(max(lost, key=lambda reason: lost[reason]))[1]
    if errors:
        return INTERNAL_ERROR_FIX
    return WRAPPER_NOTE if wrappers else None


def _moment(at_us: int | None) -> datetime | None:
    if not at_us or at_us > _LIMIT_US:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)


def coverage_of(seen: Iterable[Seen]) -> list[Coverage]:
    """The matrix: services by name, those without one last."""
    services: dict[str | None, list[Seen]] = {}
    for one in seen:
        services.setdefault(one.health.service, []).append(one)
    ordered = sorted(services.items(), key=lambda item: (item[0] is None, item[0] or ""))
    return [
        Coverage(service=service, processes=len(members), libraries=_libraries(members)) for service, members in ordered
    ]


def _libraries(members: Sequence[Seen]) -> list[LibraryCoverage]:
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for one in members:
        for entry in one.libraries:
            by_name.setdefault(entry["name"], []).append(entry)
    return [_library(name, entries) for name, entries in sorted(by_name.items())]


def _library(name: str, entries: Sequence[Mapping[str, Any]]) -> LibraryCoverage:
    state: HookState = next(state for state in _STATES if any(entry["state"] == state for entry in entries))
    at_fault = next(entry for entry in entries if entry["state"] == state)
    last_us = max((entry.get("last_call_us") or 0 for entry in entries), default=0)
    detail = at_fault.get("detail")
    target = at_fault.get("target")
    return LibraryCoverage(
        library=name,
        is_framework=name in FRAMEWORK_NAMES,
        state=state,
        versions=sorted({entry["version"] for entry in entries if entry.get("version")}),
        processes=len(entries),
        calls=sum(as_int(entry.get("calls")) for entry in entries),
        last_call=_moment(last_us),
        detail=None if state == "active" else ": ".join(part for part in (target, detail) if part) or None,
        fix=None if state == "active" else hook_fix(name, at_fault.get("version"), state),
    )


def clock_skew(store: Store, scope: Scope, service: str | None) -> SkewHealth:
    """How far the senders' clocks are from ours."""
    c = receipts.c
    skew = c.clock_skew_ms
    size = func.abs(skew)

    def count(condition: Any) -> Any:
        return func.count().filter(condition)

    whole = scope.select_received(
        receipts,
        func.count().label("n_batches"),
        quantile(skew, 0.05).label("p05"),
        quantile(skew, 0.5).label("p50"),
        quantile(skew, 0.95).label("p95"),
        count(size <= 1000).label("n_second"),
        count(and_(size > 1000, size <= 60_000)).label("n_minute"),
        count(size > 60_000).label("n_beyond"),
    ).where(skew.is_not(None))
    row = store.fetch(of_service(whole, c.service, service))[0]
    middle = quantile(skew, 0.5)
    by_process = (
        scope.select_received(
            receipts,
            c.process_id,
            func.max(c.service).label("service"),
            middle.label("median"),
            func.count().label("n_batches"),
        )
        .where(skew.is_not(None))
        .group_by(c.process_id)
        .having(func.abs(middle) > _SKEWED_MS)
        .order_by(desc(func.abs(middle)), c.process_id)
        .limit(_MAX_SKEWED)
    )
    skewed = store.fetch(of_service(by_process, c.service, service))
    return SkewHealth(
        batches=as_int(row["n_batches"]),
        p05_ms=row["p05"],
        p50_ms=row["p50"],
        p95_ms=row["p95"],
        within_1_s=as_int(row["n_second"]),
        within_1_min=as_int(row["n_minute"]),
        beyond_1_min=as_int(row["n_beyond"]),
        processes=[
            SkewedProcess(
                process_id=one["process_id"],
                service=one["service"],
                skew_ms=one["median"],
                batches=as_int(one["n_batches"]),
                fix=SKEW_FIX,
            )
            for one in skewed[:_SHOWN_SKEWED]
        ],
        process_count=len(skewed),
    )
