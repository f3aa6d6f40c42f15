"""Names without end (C12): customers, models and keys that never come twice harm neither memory nor answers."""

import tracemalloc
from pathlib import Path

from server.batches import batch, call, collector, span
from sqlalchemy import func, select

from llmobserve.pricing import load_price_book
from llmobserve.wire import CallEvent, Usage
from llmobserve_server.ingest.money import cost_columns
from llmobserve_server.ingest.plain import as_plain
from llmobserve_server.pricing import Books, PlainPricer
from llmobserve_server.store.tables import events

BATCHES = 12
CALLS = 500


def test_calls_of_models_and_customers_that_never_come_twice_are_all_stored(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        for number in range(BATCHES):
            calls = [
                call(
                    request_model=f"model-{number}-{at}",
                    response_model=None,
                    dimensions={"size": f"{number}x{at}"},
                    context={
                        "customer_id": f"customer-{number}-{at}",
                        "section_path": f"agent:a{number}-{at}/step:{at}",
                        "metadata": {f"key-{number}-{at}": "v"},
                    },
                )
                for at in range(CALLS)
            ]
            assert running.post(batch(*calls)).accepted == CALLS
        counts = select(
            func.count().label("rows"),
            func.count(events.c.customer_id.distinct()).label("customers"),
            func.count(events.c.model.distinct()).label("models"),
            func.count(events.c.cost_usd).label("priced"),
        )
        (row,) = running.store.fetch(counts)
    assert row == {"rows": 6000, "customers": 6000, "models": 6000, "priced": 0}


def test_what_pricing_remembers_of_unknown_names_has_an_end() -> None:
    pricer = PlainPricer(Books())
    prices = load_price_book().provider("openai")
    assert prices is not None

    def price(first: int, count: int) -> None:
        for number in range(first, first + count):
            plain = as_plain(
                CallEvent(
                    event_id="e",
                    kind="llm",
                    provider="openai",
                    operation="chat.completions",
                    request_model=f"never-heard-of-{number}",
                    start_time_us=1_795_000_000_000_000,
                    usage=Usage(units={"input_text_tokens": 1}, source="response"),
                )
            )
            assert plain is not None and plain.type == "call"
            assert cost_columns(plain, "p", pricer)[1] == "unpriced"

    price(0, 25_000)
    tracemalloc.start()
    price(25_000, 25_000)
    grown_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(prices.nearest) <= 1000
    assert len(prices.resolved) <= 4096
    # 25,000 more names in memory would be 5 MB and more.
    assert grown_bytes < 4_000_000
    # The book is that of all tests, and a minute is longer than they wait for proposals.
    prices.nearest.clear()


def test_attributes_of_a_span_end_at_128_keys_and_say_so(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        spans = [span(attributes={f"key-{number}-{at}": at for at in range(200)}) for number in range(50)]
        assert running.post(batch(*spans)).accepted == 50
        rows = running.rows(events)
    assert {len(row["attributes"]) for row in rows} == {128}
    assert {row["notes"][0] for row in rows} == {"72 attributes above 128 keys or 64 KB were left out."}
