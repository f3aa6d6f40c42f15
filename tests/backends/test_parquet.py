"""A Parquet folder as its readers find it: whole files by day, exact figures, the documented columns."""

import json
import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.parquet
import pytest

import llmobserve
from backends.conftest import Provider
from backends.records import AT_US, CALL_USD, call, content, rows, score, span
from llmobserve.backends import BackendError
from llmobserve.backends.columns import COLUMNS
from llmobserve.backends.parquet import ParquetBackend
from llmobserve.settings import SettingError
from llmobserve.wire import Context

JULY = datetime(2026, 7, 1)  # noqa: DTZ001 (UTC without a zone)
DAY_US = 24 * 3600 * 1_000_000
TYPES = {
    "text": pyarrow.string(),
    "texts": pyarrow.list_(pyarrow.string()),
    "json": pyarrow.string(),
    "integer": pyarrow.int32(),
    "bigint": pyarrow.int64(),
    "double": pyarrow.float64(),
    "boolean": pyarrow.bool_(),
    "time": pyarrow.timestamp("us"),
    "usd": pyarrow.decimal128(18, 12),
    "decimal": pyarrow.decimal128(28, 12),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "events"


@pytest.fixture
def backend(folder: Path) -> ParquetBackend:
    made = ParquetBackend(f"parquet:{folder}")
    made.initialize()
    return made


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def ask_duckdb(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    return relation(sql.format(events=f"'{folder}/*/events_*.parquet'")).fetchall()


def relation(sql: str) -> duckdb.DuckDBPyRelation:
    found = duckdb.sql(sql)
    assert found is not None
    return found


def test_files_lie_by_the_day_of_the_start_in_utc(backend: ParquetBackend, folder: Path) -> None:
    last = AT_US + DAY_US - 1
    backend.write_batch(rows(call("e1"), call("e2", start_time_us=last), call("e3", start_time_us=last + 1)))
    backend.write_event(rows(span("s1", start_time_us=AT_US - 1))[0])
    days = [name.partition("/")[0] for name in files(folder)]
    assert days == ["2026-06-30", "2026-07-01", "2026-07-02"]
    found = ask_duckdb(folder, "select event_id, start_time from {events} order by start_time")
    assert found == [
        ("s1", JULY - timedelta(microseconds=1)),
        ("e1", JULY),
        ("e2", JULY + timedelta(days=1, microseconds=-1)),
        ("e3", JULY + timedelta(days=1)),
    ]


def test_a_file_has_the_documented_columns(backend: ParquetBackend, folder: Path) -> None:
    backend.write_batch(rows(call("e1")))
    schema = pyarrow.parquet.read_schema(folder / files(folder)[0])
    assert {field.name: field.type for field in schema} == {column.name: TYPES[column.type] for column in COLUMNS}
    assert (schema.metadata or {})[b"llmobserve.schema"] == b"1"


def test_the_same_batch_is_the_same_file(backend: ParquetBackend, folder: Path) -> None:
    batch = rows(call("e1"), call("e2"), span("s1"))
    backend.write_batch(batch)
    first = files(folder)
    backend.write_batch(batch)
    ParquetBackend(f"parquet:{folder}").write_batch(batch[::-1])
    assert files(folder) == first
    backend.write_batch(batch[:2])
    assert len(files(folder)) == 2


def test_a_span_has_a_row_when_it_has_ended(backend: ParquetBackend, folder: Path) -> None:
    backend.write_batch(rows(span("s1", status="running"), call("e1")))
    backend.write_batch(rows(span("s1", duration_ms=4.0)))
    backend.write_batch(rows(span("s2", status="running")))
    found = ask_duckdb(folder, "select event_id, type, duration_ms from {events} order by event_id")
    assert found == [("e1", "call", 12.5), ("s1", "span", 4.0)]
    assert len(files(folder)) == 2


def test_of_one_batch_the_last_revision_is_there(backend: ParquetBackend, folder: Path) -> None:
    told, found = call("e1", revision=1, response_model="gpt-9-mini"), call("e1", revision=2)
    backend.write_batch(rows(told, content("e1"), found, call("e1", revision=0)))
    sql = "select revision, cost_usd, input, content_truncated from {events}"
    assert ask_duckdb(folder, sql) == [(2, CALL_USD, '"hello"', False)]


READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "duckdb": lambda folder: relation(f"from '{folder}/*/events_*.parquet'").to_arrow_table().to_pylist(),
    "pandas": lambda folder: pandas.read_parquet(folder, dtype_backend="pyarrow").to_dict("records"),
    "polars folder": lambda folder: polars.read_parquet(folder).to_dicts(),
    "polars files": lambda folder: polars.read_parquet(folder / "*" / "events_*.parquet").to_dicts(),
    "pyarrow": lambda folder: pyarrow.parquet.read_table(folder).to_pylist(),
}


@pytest.mark.parametrize("reader", READERS)
def test_readers_see_the_same(reader: str, backend: ParquetBackend, folder: Path) -> None:
    context = Context(tags=("a", "b"), metadata={"plan": "gold"})
    backend.write_batch(rows(call("e1", context=context), content("e1", input=[{"text": "hé"}]), span("s1")))
    backend.write_batch(
        rows(
            call("e2", response_model="gpt-9-mini", start_time_us=AT_US + DAY_US),
            score("c1", value=Decimal("0.123456789012")),
        )
    )
    (folder.with_name(".events.writing") / "left.parquet.tmp").write_bytes(b"PAR1 half a file")
    found = {row["event_id"]: row for row in READERS[reader](folder)}
    assert set(found) == {"e1", "e2", "s1", "c1"}
    priced, unpriced, ended = found["e1"], found["e2"], found["s1"]
    assert (priced["cost_usd"], priced["cost_state"]) == (CALL_USD, "priced")
    assert unpriced["cost_usd"] is None or pandas.isna(unpriced["cost_usd"])
    assert unpriced["cost_state"] == "unpriced"
    assert ended["cost_usd"] is None or pandas.isna(ended["cost_usd"])
    assert found["c1"]["score_value"] == Decimal("0.123456789012")
    assert priced["start_time"] == JULY
    assert list(priced["tags"]) == ["a", "b"]
    assert json.loads(priced["metadata"]) == {"plan": "gold"}
    assert json.loads(priced["usage"])["cache_read_text_tokens"] == 64
    assert json.loads(priced["input"]) == [{"text": "hé"}]
    assert priced["input_tokens"] == 120


def test_sums_are_exact_in_every_reader(backend: ParquetBackend, folder: Path) -> None:
    for part in range(4):
        backend.write_batch(rows(*(call(f"e{part}-{number}") for number in range(250))))
    expected = Decimal("0.0312")  # 1,000 calls of $0.0000312
    assert ask_duckdb(folder, "select sum(cost_usd), count(*) from {events}") == [(expected, 1000)]
    assert sum(pandas.read_parquet(folder)["cost_usd"].tolist()) == expected
    assert polars.scan_parquet(folder).select(polars.col("cost_usd").sum()).collect().item() == expected


def test_usage_and_metadata_are_asked_for_in_sql(backend: ParquetBackend, folder: Path) -> None:
    backend.write_batch(rows(call("e1", context=Context(metadata={"plan": "gold"})), call("e2")))
    sql = "select sum((usage->>'cache_read_text_tokens')::bigint) from {events} where metadata->>'plan' = 'gold'"
    assert ask_duckdb(folder, sql) == [(64,)]


def test_what_is_observed_is_in_the_folder(provider: Provider, folder: Path) -> None:
    llmobserve.observe(backend=f"parquet:{folder}", service="shop")
    with llmobserve.run("report", customer_id="acme"), llmobserve.section("agent:writer"):
        provider.ask()
        provider.ask(model="gpt-9-mini")
    assert llmobserve.flush()
    status = llmobserve.status()
    assert status is not None
    assert (status["backend"], status["backend_healthy"], status["internal_errors"]) == (f"parquet:{folder}", True, {})
    found = ask_duckdb(
        folder,
        "select type, name, agent, customer_id, cost_usd, cost_state, service from {events} order by type, model, name",
    )
    assert found == [
        ("call", "chat.completions", "writer", "acme", CALL_USD, "priced", "shop"),
        ("call", "chat.completions", "writer", "acme", None, "unpriced", "shop"),
        ("span", "report", None, "acme", None, None, "shop"),
        ("span", "writer", "writer", "acme", None, None, "shop"),
    ]
    assert ask_duckdb(folder, "select count(input), count(output) from {events}") == [(0, 0)]


def test_what_was_said_is_there_only_where_it_is_captured(provider: Provider, folder: Path) -> None:
    llmobserve.observe(backend=f"parquet:{folder}", capture_content=True)
    provider.ask("what is new?")
    assert llmobserve.flush()
    ((said, answered),) = ask_duckdb(folder, "select input, output from {events} where type = 'call'")
    assert "what is new?" in said
    assert "Hello there" in answered


def test_large_texts_stay_with_their_calls(provider: Provider, folder: Path) -> None:
    """A batch is cut at a megabyte: never between a call and what was said in it."""
    llmobserve.observe(backend=f"parquet:{folder}?gather_s=600", capture_content=True)
    for number in range(24):
        provider.ask(f"{number} " + "word " * 30_000)
    assert llmobserve.flush()
    assert ask_duckdb(
        folder, "select type, count(input), count(output) from {events} where type <> 'span' group by 1"
    ) == [("call", 24, 24)]
    assert len(files(folder)) > 2


def test_records_are_gathered(provider: Provider, folder: Path) -> None:
    """The first is written at once, those after it together, and all of them when the process ends."""
    llmobserve.observe(backend=f"parquet:{folder}?gather_s=600", flush_interval_ms=10)
    provider.ask()
    give_up = time.monotonic() + 20
    while not files(folder) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert len(files(folder)) == 1
    for _ in range(20):
        provider.ask()
        time.sleep(0.03)
    assert len(files(folder)) == 1
    assert llmobserve.shutdown()
    assert len(files(folder)) == 2
    assert ask_duckdb(folder, "select count(*) from {events} where type = 'call'") == [(21,)]


def test_a_folder_that_cannot_be_written_is_waited_for(provider: Provider, tmp_path: Path) -> None:
    in_the_way = tmp_path / "events"
    in_the_way.write_text("a file")
    llmobserve.observe(backend=f"parquet:{in_the_way}")
    provider.ask()
    assert not llmobserve.flush()
    status = llmobserve.status()
    assert status is not None
    assert (status["backend_healthy"], status["state"], status["lost"]) == (False, "backing_off", {})
    assert str(in_the_way) in status["reason"]
    in_the_way.unlink()
    assert llmobserve.flush()
    assert ask_duckdb(in_the_way, "select cost_usd from {events} where type = 'call'") == [(CALL_USD,)]


def test_a_folder_that_goes_away_is_made_again(provider: Provider, folder: Path) -> None:
    llmobserve.observe(backend=f"parquet:{folder}")
    provider.ask()
    assert llmobserve.flush()
    folder.rename(folder.with_name("moved"))
    provider.ask()
    assert llmobserve.flush() or llmobserve.flush()
    assert ask_duckdb(folder, "select count(*) from {events} where type = 'call'") == [(1,)]


def test_old_drafts_are_removed(folder: Path) -> None:
    drafts = folder.with_name(".events.writing")
    drafts.mkdir()
    for name, age_s in (("old.tmp", 7200), ("new.tmp", 60)):
        (drafts / name).touch()
        os.utime(drafts / name, (time.time() - age_s, time.time() - age_s))  # noqa: TID251 (of the file system's clock)
    ParquetBackend(f"parquet:{folder}").initialize()
    assert [path.name for path in drafts.iterdir()] == ["new.tmp"]


def test_drafts_are_inside_where_nothing_can_be_beside(folder: Path) -> None:
    folder.with_name(".events.writing").write_text("a file in the way")
    backend = ParquetBackend(f"parquet:{folder}")
    backend.initialize()
    backend.write_batch(rows(call("e1")))
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [".writing"]
    assert len(pandas.read_parquet(folder)) == 1


def test_the_path_is_that_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: Provider) -> None:
    monkeypatch.chdir(tmp_path)
    llmobserve.observe(backend="parquet:here")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    provider.ask()
    assert llmobserve.flush()
    assert files(tmp_path / "here")
    assert not files(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "address", ["parquet:///tmp/x?gather_s=fast", "parquet:x?colour=blue", "parquet:s3://bucket/x"]
)
def test_an_address_that_cannot_be_used_is_told(address: str) -> None:
    with pytest.raises(SettingError, match="parquet:DIR, a folder of this machine"):
        llmobserve.observe(backend=address)
    assert llmobserve.status() is None


def test_a_full_disk_is_no_refusal(backend: ParquetBackend, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BackendError, match="No space left on device"):
        backend.write_batch(rows(call("e1")))
    assert files(folder) == []
