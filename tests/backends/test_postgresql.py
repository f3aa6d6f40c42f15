"""The table `metric_events` of a real PostgreSQL: each event once, exact, indexed, whoever starts when."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import psycopg
import pytest
from loopback.postgresql import Postgresql, running_postgresql
from wheels import ROOT

import llmobserve
from backends.conftest import Provider
from backends.records import CALL_USD, call, content, rows, score, span
from llmobserve.backends import BackendError, EventRefused
from llmobserve.backends import postgresql as module
from llmobserve.backends.columns import COLUMNS, postgresql_type
from llmobserve.backends.postgresql import PostgresqlBackend
from llmobserve.settings import SettingError
from llmobserve.wire import Context

_numbers = count()


@pytest.fixture
def database(postgresql: Postgresql) -> str:
    """Address of an empty database."""
    return postgresql.create(f"case_{next(_numbers)}")


@pytest.fixture
def backend(database: str) -> Iterator[PostgresqlBackend]:
    made = PostgresqlBackend(database)
    made.initialize()
    yield made
    made.close()


def ask(database: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(sql.encode(), values or None).fetchall()


def test_an_event_is_a_row(backend: PostgresqlBackend, database: str) -> None:
    context = Context(customer_id="acme", tags=("a", "b"), metadata={"plan": "gold"})
    backend.write_batch(rows(call("e1", context=context), content("e1", input={"q": "hé\x00"}), span("s1")))
    backend.write_event(rows(score("c1", value=Decimal("0.123456789012")))[0])
    columns = "cost_usd, cost_state, start_time, tags, metadata, usage->>'cache_read_text_tokens', input"
    ((usd, state, start, tags, metadata, cached, said),) = ask(
        database, f"select {columns} from metric_events where type = 'call'"
    )
    assert (usd, state, tags, metadata, cached) == (CALL_USD, "priced", ["a", "b"], {"plan": "gold"}, "64")
    assert (start.utcoffset(), start.isoformat()) == (timedelta(0), "2026-07-01T00:00:00+00:00")
    assert said == {"q": "hé\ufffd"}
    assert ask(database, "select cost_usd, cost_state from metric_events where type = 'span'") == [(None, None)]
    assert ask(database, "select score_value from metric_events where type = 'score'") == [(Decimal("0.123456789012"),)]


def test_the_table_is_as_documented(backend: PostgresqlBackend, postgresql: Postgresql, database: str) -> None:
    by_hand = postgresql.create(f"case_{next(_numbers)}")
    with psycopg.connect(by_hand, autocommit=True) as connection:
        connection.execute((ROOT / "schemas" / "metric_events.sql").read_bytes())
    sql = """select column_name, data_type, udt_name, numeric_precision, numeric_scale, is_nullable
             from information_schema.columns where table_name = 'metric_events' order by ordinal_position"""
    assert ask(database, sql) == ask(by_hand, sql)
    assert [name for name, *_ in ask(database, sql)] == [column.name for column in COLUMNS]
    indexes = "select indexdef from pg_indexes where tablename = 'metric_events' order by 1"
    assert ask(database, indexes) == ask(by_hand, indexes)
    assert len(ask(database, indexes)) == 7


def test_questions_use_the_indexes(backend: PostgresqlBackend, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(b"set enable_seqscan = off")
        for where in ("run_id = 'r'", "customer_id = 'c' and start_time > now()", "model = 'm'", "start_time > now()"):
            plan = connection.execute(f"explain select sum(cost_usd) from metric_events where {where}".encode())
            assert "Index Cond" in " ".join(line for (line,) in plan)


def test_twice_is_once_and_later_revisions_win(backend: PostgresqlBackend, database: str) -> None:
    batch = rows(call("e1"), content("e1"), call("job", revision=1, response_model="gpt-9-mini"))
    for _ in range(2):
        backend.write_batch(batch)
    sql = "select event_id, revision, cost_state, input from metric_events order by 1"
    assert ask(database, sql) == [("e1", 0, "priced", "hello"), ("job", 1, "unpriced", None)]
    backend.write_batch(rows(call("job", revision=3), call("job", revision=2, response_model="gpt-9-mini")))
    backend.write_batch(rows(call("e1", revision=1, response_model="gpt-9-mini")))  # without what was said
    assert ask(database, sql) == [("e1", 1, "unpriced", "hello"), ("job", 3, "priced", None)]


def test_a_span_is_there_while_it_runs(backend: PostgresqlBackend, database: str) -> None:
    begun, ended = rows(span("s1", status="running"), span("s1", duration_ms=4.0, attributes={"words": 7}))
    sql = "select status, duration_ms, attributes->>'words' from metric_events"
    backend.write_event(begun)
    assert ask(database, sql) == [("running", None, None)]
    backend.write_batch([ended, begun])
    backend.write_event(begun)
    assert ask(database, sql) == [("ok", 4.0, "7")]


def test_many_start_at_once(database: str) -> None:
    backends = [PostgresqlBackend(database) for _ in range(16)]
    together = threading.Barrier(len(backends))

    def begin(backend: PostgresqlBackend) -> None:
        together.wait()
        backend.initialize()
        backend.write_batch(rows(*(call(f"e{number}") for number in range(50))))
        backend.close()

    with ThreadPoolExecutor(len(backends)) as pool:
        list(pool.map(begin, backends))
    assert ask(database, "select count(*), sum(cost_usd) from metric_events") == [(50, 50 * CALL_USD)]


def test_a_table_of_an_older_version_gets_the_new_columns(backend: PostgresqlBackend, database: str) -> None:
    backend.write_batch(rows(call("e1")))
    with psycopg.connect(database) as connection:
        connection.execute(b"alter table metric_events drop column agent, drop column price_book")
    later = PostgresqlBackend(database)
    later.initialize()
    later.write_batch(rows(call("e2")))
    later.close()
    assert ask(database, "select event_id, agent from metric_events order by 1") == [("e1", None), ("e2", "writer")]


def test_without_the_right_to_create_it_writes_into_what_is_there(backend: PostgresqlBackend, database: str) -> None:
    role = f"writer_{next(_numbers)}"
    with psycopg.connect(database) as connection:
        connection.execute(f"create role {role} login".encode())
        connection.execute(f"grant select, insert, update on metric_events to {role}".encode())
    writer = PostgresqlBackend(database.replace("llm@", f"{role}@"))
    writer.initialize()
    writer.write_batch(rows(call("e1")))
    writer.close()
    assert ask(database, "select count(*) from metric_events") == [(1,)]


def test_a_schema_may_be_chosen(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(b"create schema llm")
    backend = PostgresqlBackend(f"{database}?options=-csearch_path%3Dllm")
    backend.initialize()
    backend.write_batch(rows(call("e1")))
    backend.close()
    assert ask(database, "select count(*) from llm.metric_events") == [(1,)]


def test_what_it_will_never_take_is_refused_alone(backend: PostgresqlBackend, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(b"alter table metric_events add check (model <> 'forbidden')")
    with pytest.raises(EventRefused, match="violates check constraint"):
        backend.write_batch(rows(call("e1"), call("e2", response_model="forbidden")))
    assert ask(database, "select count(*) from metric_events") == [(0,)]
    backend.write_batch(rows(call("e3")))
    assert ask(database, "select event_id from metric_events") == [("e3",)]


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_what_is_observed_is_in_the_table(scheme: str, provider: Provider, database: str) -> None:
    llmobserve.observe(backend=database.replace("postgresql", scheme), service="shop")
    with llmobserve.run("report", customer_id="acme"), llmobserve.section("agent:writer"):
        provider.ask()
        provider.ask(model="gpt-9-mini")
        assert llmobserve.flush()
        running = "select name from metric_events where status = 'running' order by 1"
        assert ask(database, running) == [("report",), ("writer",)]
    assert llmobserve.flush()
    sql = "select name, model, cost_usd, cost_state, customer_id, service from metric_events order by start_time"
    model = "gpt-9-mini"
    assert ask(database, sql) == [
        ("report", None, None, None, "acme", "shop"),
        ("writer", None, None, None, "acme", "shop"),
        ("chat.completions", "gpt-4o-mini", CALL_USD, "priced", "acme", "shop"),
        ("chat.completions", model, None, "unpriced", "acme", "shop"),
    ]
    status = llmobserve.status()
    assert status is not None
    assert (status["backend_healthy"], status["internal_errors"], status["lost"]) == (True, {}, {})


def test_a_server_that_goes_away_and_comes_back(provider: Provider) -> None:
    with running_postgresql() as server:
        database = server.create("shop")
        llmobserve.observe(backend=database)
        provider.ask()
        assert llmobserve.flush()
        server.stop()
        for _ in range(3):
            provider.ask()
        assert not llmobserve.flush()
        status = llmobserve.status()
        assert status is not None
        assert (status["backend_healthy"], status["state"], status["lost"]) == (False, "backing_off", {})
        assert "PostgreSQL" in status["reason"]
        server.start()
        assert llmobserve.flush() or llmobserve.flush()
        found = ask(database, "select count(*), sum(cost_usd) from metric_events where type = 'call'")
        assert llmobserve.shutdown()
    assert found == [(4, 4 * CALL_USD)]


def test_a_server_that_does_not_answer(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWER_MS", 300)
    monkeypatch.setattr(module, "_PATIENCE_S", 0.2)
    with running_postgresql() as server:
        database = server.create("shop")
        llmobserve.observe(backend=database)
        provider.ask()
        assert llmobserve.flush()
        with server.frozen():
            provider.ask()
            assert not llmobserve.flush(20)
            status = llmobserve.status()
            assert status is not None
            assert (status["backend_healthy"], status["lost"], status["internal_errors"]) == (False, {}, {})
        assert llmobserve.flush() or llmobserve.flush()
        assert ask(database, "select count(*) from metric_events where type = 'call'") == [(2,)]
        assert llmobserve.shutdown()


def test_a_password_is_nowhere_to_be_seen(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    secret = "hunter2hunter2"
    llmobserve.observe(backend=f"postgresql://llm:{secret}@127.0.0.1:1/shop?sslpassword={secret}")
    provider.ask()
    assert not llmobserve.flush()
    status = llmobserve.status()
    assert status is not None
    assert status["backend"] == "postgresql://127.0.0.1:1/shop"
    assert secret not in json.dumps(status) + caplog.text
    with pytest.raises(SettingError) as told:
        llmobserve.observe(backend=f"postgresql://llm:{secret}@127.0.0.1:port/shop?nonsense={secret}")
    assert secret not in str(told.value)


def test_nothing_is_asked_of_a_server_before_there_is_something_to_write() -> None:
    PostgresqlBackend("postgresql://llm@127.0.0.1:1/shop").close()
    with pytest.raises(BackendError, match="PostgreSQL"):
        PostgresqlBackend("postgresql://llm@127.0.0.1:1/shop").initialize()


def test_every_type_has_a_name() -> None:
    assert {postgresql_type(column) for column in COLUMNS} >= {"jsonb", "timestamptz", "numeric(18, 12)", "text[]"}
