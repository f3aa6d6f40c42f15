"""No question can look outside of its project and time range."""

import ast
import base64
import inspect
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from server.event_rows import DAY, PROJECT, at, call, opened, scope, span
from sqlalchemy import Executable, Select, Table
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList

from llmobserve.pricing import load_price_book
from llmobserve_server import query
from llmobserve_server.errors import BadRequest, NotFound
from llmobserve_server.query import cursor as cursors
from llmobserve_server.query.buckets import zone
from llmobserve_server.query.event_detail import get_event
from llmobserve_server.query.events import EVENT_SORTS, list_events
from llmobserve_server.query.fields import list_fields
from llmobserve_server.query.filters import parse
from llmobserve_server.query.run_detail import get_run, latest_run_id
from llmobserve_server.query.runs import list_runs
from llmobserve_server.query.totals import Question, get_totals
from llmobserve_server.query.unpriced import list_unpriced
from llmobserve_server.query.window import Scope, id_time, parse_time, parse_window
from llmobserve_server.store.protocol import Row, Store, WriteBatch

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FOLDER = Path(inspect.getfile(query)).parent


def test_statements_begin_in_one_module_only():
    for path in FOLDER.glob("*.py"):
        tree = ast.parse(path.read_text())
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
            for alias in node.names
        }
        forbidden = {"text", "literal_column", "insert", "update", "delete"}
        assert not imported & forbidden, path.name
        assert "select" not in imported or path.name == "window.py", path.name


def _sources(statement: Select[Any]) -> list[Any]:
    return [*statement._from_obj, *statement.columns_clause_froms]


def _conditions(statement: Select[Any]) -> Iterable[Any]:
    """Conditions that all rows of the statement meet."""
    waiting: list[Any] = [statement.whereclause]
    while waiting:
        condition = waiting.pop()
        if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
            waiting += condition.clauses
        else:
            yield condition


def _names_project(condition: Any) -> bool:
    return (
        isinstance(condition, BinaryExpression)
        and condition.operator is operators.eq
        and getattr(condition.left, "name", "") == "project_id"
        and getattr(condition.right, "value", None) == PROJECT
    )


class Watched:
    """A store that refuses a select of a table without its project."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.name = store.name
        self.seen = 0

    def fetch(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        for part in visitors.iterate(statement):  # pyright: ignore[reportArgumentType]
            if isinstance(part, Select) and any(isinstance(source, Table) for source in _sources(part)):
                self.seen += 1
                assert any(_names_project(condition) for condition in _conditions(part)), _sources(part)
        return self._store.fetch(statement, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    rows = [
        call("a", at(1), cost="0.1", run_id="r", tags=["t"], duration_ms=1.0, input_tokens=3),
        call("b", at(2), cost=None, run_id="r", duration_ms=None),
        call("c", at(3), cost="0.1", run_id="r", duration_ms=5.0, input_tokens=1),
        call("d", at(4), cost="0.3", run_id="r", duration_ms=5.0),
        call("e", at(5), cost=None, run_id="r"),
        span("s", at(1), run_id="r"),
        *[call(name, at(1), cost="9", project_id="p2", run_id="r", span_id="z", tags=["x"]) for name in ("a", "f")],
    ]
    starts = [span("o", at(6), "run", "other", run_id="r9", project_id="p2", status="running")]
    contents = [{"project_id": "p2", "event_id": "a", "received_at": at(1), "input": '"secret"', "output": "null"}]
    with opened(tmp_path_factory.mktemp("scope")) as store:
        store.write(WriteBatch(events=rows, span_starts=starts, contents=contents))
        yield store


def test_every_select_of_a_table_names_the_project(store: Store):
    watched: Any = Watched(store)
    terms = parse("tag:t -meta.x:y cost:>0")
    list_runs(watched, scope(), terms)
    list_events(watched, scope(), terms)
    get_run(watched, scope(), "r")
    latest_run_id(watched, scope())
    get_event(watched, scope(), "a")
    list_fields(watched, scope())
    list_unpriced(watched, scope(), load_price_book())
    get_totals(watched, scope(), Question(group_by=("tag", "day"), terms=terms, tz=zone(None), compare=True))
    assert watched.seen >= 25


def test_the_other_project_of_the_same_ids_stays_unseen(store: Store):
    assert get_event(store, scope(), "a").content is None
    assert get_event(store, Scope("p2"), "a").content is not None
    with pytest.raises(NotFound):
        get_event(store, scope(), "f")
    with pytest.raises(NotFound):
        get_run(store, scope(), "r9")
    assert get_run(store, scope(), "r").run.spend.calls == 5
    assert [run.run_id for run in list_runs(store, scope(), ()).runs] == ["r"]
    tags = next(field for field in list_fields(store, scope()) if field.name == "tag")
    assert tags.values == ["t"]


@pytest.mark.parametrize("sort", EVENT_SORTS)
def test_every_order_of_events_is_complete_however_the_pages_are_cut(store: Store, sort: str):
    whole = [event.event_id for event in list_events(store, scope(), (), sort=sort).events]
    assert sorted(whole) == ["a", "b", "c", "d", "e"]
    for limit in (1, 2, 3):
        seen: list[str] = []
        cursor: str | None = None
        while True:
            page = list_events(store, scope(), (), sort=sort, limit=limit, cursor=cursor)
            seen += [event.event_id for event in page.events]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == whole


def test_orders_of_events(store: Store):
    def order(sort: str) -> str:
        return "".join(event.event_id for event in list_events(store, scope(), (), sort=sort).events)

    assert order("-start") == "edcba"
    assert order("-cost") == "dcaeb"
    assert order("cost") == "acdbe"
    assert order("-duration") == "dcaeb"
    assert order("-tokens")[:2] == "ac"


def test_default_window_is_the_last_day():
    window = parse_window(None, None, NOW)
    assert window.end - window.start == timedelta(hours=24)
    assert window.end >= NOW.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-02T00:00:00Z", DAY),
        ("2026-11-02", DAY),
        ("2026-11-02T01:00:00+01:00", DAY),
        ("2026-11-02T01:00:00 01:00", DAY),
        ("2026-11-01T19:00:00.000-05:00", DAY),
        ("2026-11-02 00:00", DAY),
    ],
)
def test_times_are_read_as_utc(text: str, moment: datetime):
    assert parse_time(text, "from") == moment


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_bad_request(text: str):
    try:
        assert parse_time(text, "from").tzinfo is None
    except BadRequest as problem:
        assert problem.field == "from"


@pytest.mark.parametrize(
    ("sort", "kind", "value", "identifier"),
    [
        ("-start", "i", 3, "x"),
        ("-start", "f", 1.5, "x"),
        ("-start", "t", 5, "\ud800"),
        ("cost", "t", 5, "x"),
        ("cost", "d", "1E+30", "x"),
        ("duration", "t", 5, "x"),
        ("tokens", "i", 2**64, "x"),
        ("tokens", "t", 5, "x"),
    ],
)
def test_a_cursor_that_no_list_gave_is_a_bad_request(store: Store, sort: str, kind: str, value: Any, identifier: str):
    body = json.dumps([1, sort, kind, value, identifier])
    with pytest.raises(BadRequest):
        list_events(store, scope(), (), sort=sort, cursor=base64.urlsafe_b64encode(body.encode()).decode())


@given(st.text(max_size=60))
def test_any_text_is_a_cursor_or_a_bad_request(text: str):
    try:
        assert text == "" or cursors.decode(text, "-start") is not None
    except BadRequest as problem:
        assert problem.field == "cursor"


_VALUES = st.one_of(
    st.tuples(st.sampled_from(("cost", "-duration", "-calls")), st.none()),
    st.tuples(st.just("tokens"), st.integers(-(2**60), 2**60)),
    st.tuples(st.just("-duration"), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just("-cost"), st.decimals(-(10**17), 10**17, places=12)),
    st.tuples(st.just("-start"), st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1))),  # noqa: DTZ001
)


@given(_VALUES, st.text(max_size=40).filter(lambda text: text.isprintable()))
def test_a_cursor_comes_back_as_it_was(sorted_value: tuple[str, Any], identifier: str):
    sort, value = sorted_value
    cursor = cursors.Cursor(sort, value, identifier)
    assert cursors.decode(cursors.encode(cursor), sort) == cursor


def test_ids_carry_their_time():
    # The example of RFC 9562, appendix A.6: Tuesday, February 22, 2022 2:22:22.00 PM GMT-05:00.
    assert id_time("017F22E2-79B0-7CC3-98C4-DC0C0C07398F") == datetime(2022, 2, 22, 19, 22, 22)  # noqa: DTZ001
    assert id_time("my-run-1") is None
    assert id_time("00000000-0000-4000-8000-000000000000") is None
    assert id_time("ffffffff-ffff-7fff-bfff-ffffffffffff") is None
    assert scope().project_id == PROJECT
