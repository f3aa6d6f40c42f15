"""How complete the data is: what the other questions of this kind find, summed up, with what is known of the usage."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import String, and_, case, cast, func

from llmobserve_server.errors import BadRequest
from llmobserve_server.query import health_fixes as fixes
from llmobserve_server.query.health_answers import DataHealth, Finding, UsageFlag, UsageHealth
from llmobserve_server.query.health_losses import (
    count_records,
    list_gaps,
    list_letter_groups,
    list_losses,
    of_service,
)
from llmobserve_server.query.health_processes import clock_skew, coverage_of, list_services, seen_processes
from llmobserve_server.query.spend import as_int, is_charged, total_of
from llmobserve_server.query.window import Scope, as_utc
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import events

__all__ = ["get_data_health"]

_SHOWN_PROCESSES = 200
_SHOWN_GAPS = 100
_FLAGS = ("undecodable", "unreadable", "malformed", "sum_mismatch", "partial")


def get_data_health(store: Store, scope: Scope, service: str | None, now: datetime) -> DataHealth:
    """The health of the data that arrived in the window (of usage and cost: of the calls that began in it).

    `service`: only that one; an empty text means senders without one. `now`: with its zone.
    """
    window = scope.window
    if window is None:
        raise BadRequest("data health needs a time range", field="from")
    moment = now.astimezone(UTC).replace(tzinfo=None)
    seen, process_count = seen_processes(store, scope, service, moment)
    losses = list_losses(store, scope, service)
    gaps = list_gaps(store, scope, service, moment)
    coverage = coverage_of(seen)
    answer = DataHealth(
        time_from=as_utc(window.start),
        time_to=as_utc(window.end),
        service=service,
        services=list_services(store, scope),
        complete=False,
        findings=[],
        libraries=sorted({cell.library for row in coverage for cell in row.libraries}),
        coverage=coverage,
        processes=[one.health for one in seen[:_SHOWN_PROCESSES]],
        process_count=process_count,
        records=count_records(store, scope, service),
        losses=losses,
        lost_records=sum(loss.records for loss in losses),
        gaps=gaps[:_SHOWN_GAPS],
        missing_records=sum(gap.unexplained for gap in gaps),
        dead_letters=list_letter_groups(store, scope, service),
        skew=clock_skew(store, scope, service),
        usage=_usage(store, scope, service),
    )
    errors = sum(sum(one.health.internal_errors.values()) for one in seen)
    findings = [finding for finding in _findings(answer, errors) if finding.count]
    findings.sort(key=lambda finding: finding.severity != "missing")
    complete = all(finding.severity != "missing" for finding in findings)
    return answer.model_copy(update={"findings": findings, "complete": complete})


def _usage(store: Store, scope: Scope, service: str | None) -> UsageHealth:
    c = events.c

    def count(condition: Any) -> Any:
        return func.sum(case((condition, 1), else_=0))

    flags = cast(c.usage_flags, String)
    statement = scope.select(
        events,
        func.count().label("n_calls"),
        count(c.cost_usd.is_(None)).label("n_unpriced"),
        count(c.cost_state == "estimated").label("n_estimated"),
        count(and_(c.usage_source == "unknown", c.status == "ok")).label("n_unstated"),
        *(count(flags.like(f'%"{flag}"%')).label(f"n_{flag}") for flag in _FLAGS),
    ).where(is_charged(c))
    row = store.fetch(of_service(statement, c.service, service))[0]
    twins = _twins(store, scope, service)
    counted = [(flag, as_int(row[f"n_{flag}"]), *fixes.flag_text(flag)) for flag in _FLAGS]
    return UsageHealth(
        calls=as_int(row["n_calls"]),
        unpriced_calls=as_int(row["n_unpriced"]),
        estimated_calls=as_int(row["n_estimated"]),
        unstated_calls=as_int(row["n_unstated"]),
        twin_records=as_int(twins["n_twins"]),
        twin_usd=twins["sum_usd"],
        flags=[UsageFlag(flag=flag, calls=n, meaning=meaning, fix=fix) for flag, n, meaning, fix in counted if n],
        unpriced_fix=fixes.UNPRICED_FIX,
        estimated_fix=fixes.ESTIMATED_FIX,
        unstated_fix=fixes.UNSTATED_FIX,
    )


def _twins(store: Store, scope: Scope, service: str | None) -> Row:
    c = events.c
    merged = c.merged_into.is_not(None)
    statement = scope.select(
        events, func.count().label("n_twins"), total_of(c.cost_usd, merged).label("sum_usd")
    ).where(merged)
    return store.fetch(of_service(statement, c.service, service))[0]


def _findings(health: DataHealth, internal_errors: int) -> Iterable[Finding]:
    """All lines that there can be; those with nothing to count are left out."""
    broken = [cell for row in health.coverage for cell in row.libraries if cell.state != "active"]
    uncovered = sorted(broken, key=lambda cell: cell.is_framework)
    usage = health.usage
    first_loss = health.losses[0].fix if health.losses else ""
    first_letter = health.dead_letters[0].fix if health.dead_letters else ""
    flagged = [one for one in usage.flags if one.flag in {"undecodable", "unreadable", "malformed"}]
    yield Finding(
        kind="lost", severity="missing", count=health.lost_records, fix=first_loss,
        text=f"{_many(health.lost_records, 'record')} lost before sending",
    )  # fmt: skip
    yield Finding(
        kind="gaps", severity="missing", count=health.missing_records, fix=fixes.GAP_FIX,
        text=f"{_many(health.missing_records, 'record')} missing without a reason",
    )  # fmt: skip
    yield Finding(
        kind="rejected", severity="missing", count=health.records.rejected, fix=first_letter,
        text=f"{_many(health.records.rejected, 'record')} refused by the collector",
    )  # fmt: skip
    yield Finding(
        kind="uncovered", severity="notice" if all(cell.is_framework for cell in uncovered) else "missing",
        count=len(uncovered), fix=uncovered[0].fix or "" if uncovered else "",
        text=f"{_many(len(uncovered), 'library', 'libraries')} not fully watched: "
        + ", ".join(dict.fromkeys(cell.library for cell in uncovered)),
    )  # fmt: skip
    yield Finding(
        kind="unpriced", severity="missing", count=usage.unpriced_calls, fix=fixes.UNPRICED_FIX,
        text=f"{_many(usage.unpriced_calls, 'call')} without a known price",
    )  # fmt: skip
    yield Finding(
        kind="unstated", severity="missing", count=usage.unstated_calls, fix=fixes.UNSTATED_FIX,
        text=f"{_many(usage.unstated_calls, 'call')} without a readable usage",
    )  # fmt: skip
    yield Finding(
        kind="flagged", severity="notice", count=sum(one.calls for one in flagged),
        fix=flagged[0].fix if flagged else "",
        text=f"{_many(sum(one.calls for one in flagged), 'remark')} on usage that could not be read in full",
    )  # fmt: skip
    yield Finding(
        kind="internal_errors", severity="notice", count=internal_errors, fix=fixes.INTERNAL_ERROR_FIX,
        text=f"{_many(internal_errors, 'internal error')} of the SDK",
    )  # fmt: skip
    yield Finding(
        kind="skew", severity="notice", count=health.skew.process_count, fix=fixes.SKEW_FIX,
        text=f"{_many(health.skew.process_count, 'process', 'processes')} with a clock more than 5 s off",
    )  # fmt: skip
    yield Finding(
        kind="estimated", severity="notice", count=usage.estimated_calls, fix=fixes.ESTIMATED_FIX,
        text=f"{_many(usage.estimated_calls, 'call')} with an estimated cost",
    )  # fmt: skip


def _many(number: int, one: str, several: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"
