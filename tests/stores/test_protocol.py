"""What every store does whose engine has transactions: values, ids, revisions, whole batches, readers at all times."""

import threading
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text
from stores.engines import Place

from llmobserve_server.errors import StoreError, UnstorableRows
from llmobserve_server.store.protocol import Store, WriteBatch
from llmobserve_server.store.tables import contents, dead_letters, events, span_starts

AT = datetime(2026, 11, 2, 10, 20, 30, 123456)  # noqa: DTZ001 - times of the tables have no zone


def event(event_id: str = "e1", **facts: Any) -> dict[str, Any]:
    return {
        "project_id": "p1",
        "event_id": event_id,
        "type": "call",
        "kind": "llm",
        "status": "ok",
        "start_time": AT,
        "received_at": AT,
        "revision": 0,
        **facts,
    }


def only(store: Store) -> dict[str, Any]:
    (row,) = store.fetch(select(events))
    return dict(row)


def test_every_type_of_value_comes_back_as_it_was_written(store: Store) -> None:
    facts: dict[str, Any] = {
        "tags": ["a", "b'c"],
        "metadata": {"re.gion": "eu", "": 'q"'},
        "units": {"input_text_tokens": 7, "input_seconds": Decimal("1.50")},
        "usage_raw": {"deep": [1, None, {"x": "\u00e9"}]},
        "usage_flags": ["partial"],
        "attributes": {"n": 2**60, "f": 0.5, "list": [True, None]},
        "cost_usd": Decimal("0.000000000001"),
        "table_usd": Decimal("999999.999999999999"),
        "duration_ms": 12.25,
        "input_tokens": 2**59,
        "stream": True,
        "http_status": 200,
        "sequence": 2**53,
    }
    store.write(WriteBatch(events=[event(**facts)]))
    row = only(store)
    assert {name: row[name] for name in facts} == {
        **facts,
        "units": {"input_text_tokens": 7, "input_seconds": "1.50"},
    }
    assert row["start_time"] == AT
    assert row["customer_id"] is None
    assert row["cost_reason"] is None


def test_an_id_is_stored_once_in_each_project(store: Store) -> None:
    first = store.write(WriteBatch(events=[event(name="first"), event(project_id="p2"), event("e2")]))
    again = store.write(WriteBatch(events=[event(name="second"), event("e3")]))
    assert first.duplicate_event_ids == frozenset()
    assert again.duplicate_event_ids == {("p1", "e1")}
    rows = store.fetch(select(events.c.project_id, events.c.event_id, events.c.name).order_by("project_id", "event_id"))
    assert [tuple(row.values()) for row in rows] == [
        ("p1", "e1", "first"),
        ("p1", "e2", None),
        ("p1", "e3", None),
        ("p2", "e1", None),
    ]


def test_an_id_that_comes_twice_in_one_batch_is_stored_once(store: Store) -> None:
    result = store.write(WriteBatch(events=[event(name="first"), event(name="second")]))
    assert result.duplicate_event_ids == frozenset()
    assert only(store)["name"] == "first"


def test_spans_contents_and_dead_letters_have_their_own_tables(store: Store) -> None:
    start = {name: value for name, value in event("s1", type="span", kind="agent").items() if name != "revision"}
    content = {"project_id": "p1", "event_id": "e1", "received_at": AT, "input": '"hi"', "redactions": 0}
    letter = {"project_id": "p1", "received_at": AT, "batch_id": "b", "position": 3, "reason": "no", "body": "{"}
    batch = WriteBatch(events=[event()], span_starts=[start], contents=[content], dead_letters=[letter])
    assert store.write(batch).duplicate_start_ids == frozenset()
    again = store.write(batch)
    assert again.duplicate_start_ids == {("p1", "s1")}
    assert again.duplicate_content_ids == {("p1", "e1")}
    assert [len(store.fetch(select(table))) for table in (events, span_starts, contents, dead_letters)] == [1, 1, 1, 2]


def test_a_newer_revision_replaces_facts_and_cost_and_an_older_one_does_not(place: Place, store: Store) -> None:
    first = event(cost_usd=Decimal("0.5"), units={"requests": 1}, tags=["kept"], customer_id="acme", notes=[])
    store.write(WriteBatch(events=[first]))
    newer = event(
        cost_usd=Decimal("0.75"), units={"requests": 2}, status="error", usage_flags=["late"], revision=2, notes=["n"]
    )
    assert store.write(WriteBatch(events=[newer])).duplicate_event_ids == frozenset()
    for revision in (0, 1, 2):
        late = event(cost_usd=Decimal(9), revision=revision)
        assert store.write(WriteBatch(events=[late])).duplicate_event_ids == {("p1", "e1")}
    store.close()
    with place.opened() as again:
        row = only(again)
    assert (row["cost_usd"], row["units"], row["status"], row["revision"]) == (
        Decimal("0.75"),
        {"requests": 2},
        "error",
        2,
    )
    assert (row["usage_flags"], row["notes"]) == (["late"], ["n"])
    assert (row["tags"], row["customer_id"]) == (["kept"], "acme")


def test_both_revisions_in_one_batch_leave_the_newer(store: Store) -> None:
    store.write(WriteBatch(events=[event(revision=1, cost_usd=Decimal(2)), event(cost_usd=Decimal(1))]))
    assert only(store)["cost_usd"] == Decimal(2)


def test_a_batch_with_a_row_that_does_not_fit_is_stored_not_at_all(store: Store) -> None:
    for bad in (event("e2", cost_usd=Decimal(10**6)), event("e2", input_tokens=2**63), event("e2", kind=None)):
        with pytest.raises(UnstorableRows):
            store.write(WriteBatch(events=[event(), bad]))
    assert store.fetch(select(events)) == []
    store.write(WriteBatch(events=[event()]))
    assert only(store)["event_id"] == "e1"


def test_sums_of_money_are_exact(store: Store) -> None:
    tenth = Decimal("0.1")
    store.write(WriteBatch(events=[event(f"e{n}", cost_usd=tenth) for n in range(1000)]))
    (row,) = store.fetch(select(func.sum(events.c.cost_usd).label("usd"), func.count().label("n")))
    assert (row["usd"], row["n"]) == (Decimal(100), 1000)


def test_selects_bind_lists_patterns_and_limits(store: Store) -> None:
    names = ["50%_off", "50 off", "a\\b"]
    store.write(WriteBatch(events=[event(name, name=name) for name in names]))
    found = select(events.c.name).where(events.c.event_id.in_(names)).order_by(events.c.name).limit(2).offset(1)
    assert [row["name"] for row in store.fetch(found)] == ["50%_off", "a\\b"]
    for pattern, expected in (("50\\%\\_%", "50%_off"), ("a\\\\%", "a\\b")):
        like = select(events.c.name).where(events.c.name.like(pattern, escape="\\"))
        assert [row["name"] for row in store.fetch(like)] == [expected]


def test_readers_in_many_threads_see_whole_transactions_while_rows_are_written(store: Store) -> None:
    counted = select(func.count().label("n"))
    counts: list[int] = []
    failures: list[StoreError] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                counts.append(store.fetch(counted.select_from(events))[0]["n"])
        except StoreError as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    for number in range(20):
        store.write(WriteBatch(events=[event(f"{number}-{n}") for n in range(10)]))
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert counts and all(count % 10 == 0 for count in counts)
    assert store.fetch(counted.select_from(events))[0]["n"] == 200


def test_what_is_committed_is_there_after_opening_again(place: Place, store: Store) -> None:
    store.write(WriteBatch(events=[event()]))
    store.checkpoint()
    store.write(WriteBatch(events=[event("e2")]))
    store.close()
    store.close()
    with place.opened() as again:
        assert len(again.fetch(select(events))) == 2


def test_a_failed_statement_does_not_spoil_later_ones(store: Store) -> None:
    store.write(WriteBatch(events=[event(name="x")]))
    for _ in range(3):
        with pytest.raises(StoreError):
            store.fetch(text("SELECT CAST(name AS INTEGER) FROM events"))
        assert only(store)["name"] == "x"
