"""The questions of the API over the random data, each with the answer of one store as plain values."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from stores.material import FIRST, PROJECT, SPAN

from llmobserve.pricing import load_price_book
from llmobserve_server.query.data_health import get_data_health
from llmobserve_server.query.event_detail import get_event
from llmobserve_server.query.events import EVENT_SORTS, list_events
from llmobserve_server.query.fields import list_fields
from llmobserve_server.query.filters import parse
from llmobserve_server.query.health_losses import list_dead_letters, list_gaps
from llmobserve_server.query.run_detail import get_run, latest_run_id
from llmobserve_server.query.runs import RUN_SORTS, list_runs
from llmobserve_server.query.scores import list_scores
from llmobserve_server.query.totals import Question, get_totals
from llmobserve_server.query.unpriced import list_unpriced
from llmobserve_server.query.window import Scope, Window
from llmobserve_server.store.protocol import Store
from llmobserve_server.store.tables import metadata

__all__ = ["QUESTIONS", "Ask"]

Ask = Callable[[Store], Any]

_START = (FIRST - timedelta(days=3)).replace(tzinfo=None)
_END = (FIRST + SPAN + timedelta(days=2)).replace(tzinfo=None)
_WHOLE = Scope(PROJECT, Window(_START, _END))
_PART = Scope(PROJECT, Window(_START + timedelta(days=9, minutes=17), _START + timedelta(days=23, hours=5, seconds=3)))
_ODD = Scope("other", Window(_START, _END))
_NOW = datetime(2026, 12, 1, tzinfo=UTC)


def _plain(answer: Any) -> Any:
    if hasattr(answer, "model_dump"):
        return answer.model_dump()
    return [_plain(one) for one in answer] if isinstance(answer, list) else answer


def _totals(*group_by: str, scope: Scope = _WHOLE, q: str = "", tz: str = "UTC", **facts: Any) -> Ask:
    question = Question(group_by=group_by, terms=parse(q), tz=ZoneInfo(tz), **facts)
    return lambda store: _plain(get_totals(store, scope, question))


def _events(q: str = "", sort: str = "-start", of_type: Any = "call", scope: Scope = _WHOLE) -> Ask:
    def ask(store: Store) -> list[Any]:
        """All pages, so that the keys between them are compared as well."""
        pages: list[Any] = []
        cursor: str | None = None
        while True:
            page = list_events(store, scope, parse(q), of_type=of_type, sort=sort, cursor=cursor, limit=97)
            pages.append(_plain(page))
            cursor = page.next_cursor
            if cursor is None or len(pages) == 8:
                return pages

    return ask


def _runs(q: str = "", sort: str = "-start", scope: Scope = _WHOLE) -> Ask:
    def ask(store: Store) -> list[Any]:
        pages: list[Any] = []
        cursor: str | None = None
        while True:
            page = list_runs(store, scope, parse(q), sort=sort, cursor=cursor, limit=43)
            pages.append(_plain(page))
            cursor = page.next_cursor
            if cursor is None:
                return pages

    return ask


def _details(store: Store) -> list[Any]:
    found = list_events(store, _WHOLE, (), of_type="all", sort="cost", limit=20).events
    merged = list_events(store, _WHOLE, parse("charged:false"), limit=10).events
    return [_plain(get_event(store, _WHOLE, one.event_id)) for one in (*found, *merged)]


def _run_details(store: Store) -> list[Any]:
    found = list_runs(store, _WHOLE, (), sort="-cost", limit=8).runs
    return [_plain(get_run(store, _WHOLE, run.run_id)) for run in found]


def _scores(store: Store) -> list[Any]:
    first = list_scores(store, _WHOLE, limit=20)
    rest = list_scores(store, _WHOLE, cursor=first.next_cursor, limit=20)
    return [_plain(first), _plain(rest), _plain(list_scores(store, _PART, name="Tonfall"))]


def _letters(store: Store) -> Any:
    # Letters are about the time of arrival, which is that of the test.
    window = Window(datetime.now(UTC).replace(tzinfo=None) - timedelta(days=1), datetime(2200, 1, 1))  # noqa: DTZ001
    return _plain(list_dead_letters(store, Scope(PROJECT, window), None, None))


def _gaps(store: Store) -> Any:
    now = datetime.now(UTC).replace(tzinfo=None)
    scope = Scope(PROJECT, Window(now - timedelta(days=1), now + timedelta(days=1)))
    return _plain(list_gaps(store, scope, None, now + timedelta(hours=1)))


def _arrival_health(service: str | None) -> Ask:
    def ask(store: Store) -> Any:
        now = datetime.now(UTC)
        window = Window(now.replace(tzinfo=None) - timedelta(days=1), now.replace(tzinfo=None) + timedelta(days=1))
        answer = _plain(get_data_health(store, Scope(PROJECT, window), service, now + timedelta(hours=1)))
        # Of the window, which is that of the asking.
        return {name: value for name, value in answer.items() if name not in ("time_from", "time_to")}

    return ask


def _every_row(table: str) -> Ask:
    """Everything that is stored."""
    rows = metadata.tables[table]
    order = [rows.c[name] for name in ("project_id", "event_id", "received_at", "position") if name in rows.c]
    wanted = [column for column in rows.c if column.name not in ("replaced_at",)]

    def ask(store: Store) -> list[Any]:
        found = [dict(row) for row in store.fetch(select(*wanted).order_by(*order))]
        return found if "event_id" in rows.c and table != "cost_versions" else sorted(found, key=str)

    return ask


def _questions() -> Iterator[tuple[str, Ask]]:
    for name in ("provider", "model", "operation", "kind", "agent", "section", "customer", "session", "user", "run"):
        yield f"totals by {name}", _totals(name)
    for name in ("run_name", "env", "service", "status", "cost_state", "error", "tag", "metadata.region"):
        yield f"totals by {name}", _totals(name, scope=_PART, compare=True)
    yield "total", _totals(compare=True)
    yield "total of a part", _totals(scope=_PART, compare=True)
    yield "total of another project", _totals("model", scope=_ODD)
    for unit in ("minute", "hour", "day", "week", "month"):
        for tz in ("UTC", "Europe/Vienna", "Asia/Kolkata", "America/New_York"):
            yield f"totals by {unit} in {tz}", _totals(unit, tz=tz, scope=_PART)
    yield "totals by hour and model", _totals("hour", "model")
    yield "totals by day and customer", _totals("day", "customer")
    yield "totals by day and agent in Vienna", _totals("day", "agent", tz="Europe/Vienna")
    yield "totals by tag and model", _totals("tag", "model", q="-status:error")
    yield "totals by metadata and provider", _totals("meta.Länge", "provider", sort="-calls")
    for sort in ("key", "-key", "cost", "-cost", "calls", "-errors", "tokens", "-tokens", "-duration"):
        yield f"totals by model, {sort}", _totals("model", sort=sort)
        yield f"totals by customer, {sort}", _totals("customer", sort=sort, limit=3)
    for q in (
        *("model:gpt-4o*", "-model:gpt-4o-mini", "customer:Acme", 'customer:""', "-customer:acme", "customer:*ö*"),
        *("agent:planer-ü env:production", "status:error", "error:*limit*", "cost:>0.001", "tokens:>=5000"),
        *("duration:>2s", "section:agent:Critic", "tag:ß-tag", 'tag:"comma,tag"', "-tag:beta", "meta.region:eu"),
        *("meta.region:*E*", "stream:true", "run_name:*über*", 'run_name:"50%_off"', "100%", "überblick"),
        *("content:groß", "output:grüße", "user:u-1,u-2", "session:s-told", "service:Worker"),
    ):
        yield f"total of {q}", _totals(q=q)
        yield f"totals by provider of {q}", _totals("provider", q=q, scope=_PART)
    for sort in EVENT_SORTS:
        yield f"events by {sort}", _events(sort=sort)
    for q in (
        "status:error",
        "charged:false",
        "cost_state:unpriced",
        "attempt:1 stream:false",
        "100%_voll",
        "ttft:<100",
    ):
        yield f"events of {q}", _events(q, of_type="all", scope=_PART)
    yield "spans", _events(of_type="span", sort="-duration")
    yield "spans with an attribute", _events("attr.http.route:/ask", of_type="span")
    for sort in RUN_SORTS:
        yield f"runs by {sort}", _runs(sort=sort)
        yield f"runs of a part by {sort}", _runs(sort=sort, scope=_PART)
    for q in (
        "status:error",
        "customer:acme",
        "cost:>0.01",
        "-tag:beta",
        "überblick",
        "duration:>10s",
        "model:claude*",
    ):
        yield f"runs of {q}", _runs(q)
        yield f"latest runs of {q}", _runs(q, scope=_PART)
    yield "details of events", _details
    yield "details of runs", _run_details
    yield "the latest run", lambda store: latest_run_id(store, _WHOLE)
    yield "fields", lambda store: _plain(list_fields(store, _WHOLE))
    yield "fields of a part", lambda store: _plain(list_fields(store, _PART))
    yield "unpriced models", lambda store: _plain(list_unpriced(store, _WHOLE, load_price_book()))
    yield "scores", _scores
    yield "refused records", _letters
    yield "gaps", _gaps
    yield "health of the usage", lambda store: _plain(get_data_health(store, _PART, None, _NOW))
    yield "health of what arrived", _arrival_health(None)
    yield "health of one service", _arrival_health("worker")
    for table in sorted(set(metadata.tables) - {"reprice_log"}):
        yield f"rows of {table}", _every_row(table)


QUESTIONS: Mapping[str, Ask] = dict(_questions())
"""By name."""
