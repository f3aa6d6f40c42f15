"""The short way of plain records and the long way make the same rows: random records through both."""

import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from llmobserve.pricing import PriceOverlay, load_price_book
from llmobserve.pricing.overlay import OwnRate, PriceRule
from llmobserve.wire import CallEvent, Context, ErrorInfo, SpanEvent, Usage, new_event_id, record_to_json
from llmobserve_server.ingest.batch import BatchRows, place_plain, place_with_care
from llmobserve_server.ingest.decode import decode_record
from llmobserve_server.ingest.plain import as_plain, decode_plain
from llmobserve_server.ingest.rows import Arrival
from llmobserve_server.pricing import Books, PlainPricer, price_by
from llmobserve_server.pricing.plain_costs import PlainPrices
from llmobserve_server.store.arrow import to_arrow

NOW_US = 1_795_000_000_000_000  # 2026-11-18
ROUNDS = 400
ODD_TEXTS = ("", "x", "Grüße, 世界 🌍", 'quo"te\\back\n\t', "a" * 512, "\x7f\u2028")
ARRIVAL = Arrival(
    NOW_US,
    {
        "project_id": "p1",
        "received_at": datetime(2026, 11, 18, 12, tzinfo=UTC).replace(tzinfo=None),
        "environment": None,
        "service": "svc",
        "process_id": "proc",
        "sdk": "llmobserve-python",
        "sdk_version": "1",
        "clock_skew_ms": 1.5,
    },
)


def _models() -> list[tuple[str, str, list[str]]]:
    """Provider, model and units of models of the shipped book, some of every provider."""
    book, found = load_price_book(), list[tuple[str, str, list[str]]]()
    for provider in sorted(book.providers):
        for model in list(book.read(provider).models())[:25]:
            units = {unit for block in model.blocks for unit in block.rates()}
            found.append((provider, model.name, sorted(units)))
    return found


MODELS = _models()


def _text(dice: random.Random) -> str | None:
    return dice.choice((None, None, "plain", f"id-{dice.randrange(50)}", dice.choice(ODD_TEXTS)))


def _context(dice: random.Random) -> Context:
    names = ("run_id", "run_name", "session_id", "user_id", "customer_id", "trace_id", "span_id", "parent_span_id")
    path = dice.choice((None, "agent:a", "agent:a/tool:b", "step:x", "agent:a/agent:ü/step:z"))
    return Context(
        **{name: _text(dice) for name in names},
        section_path=path,
        tags=tuple(dice.choices(ODD_TEXTS, k=dice.randrange(3))),
        metadata=dict(zip(ODD_TEXTS, dice.choices(ODD_TEXTS, k=dice.randrange(4)), strict=False)),
    )


def _call(dice: random.Random) -> CallEvent:
    provider, model, units = dice.choice(MODELS)
    chosen = dice.sample(units, min(len(units), dice.randrange(1, 5))) if units else ["input_text_tokens"]
    large = dice.choice((10, 1000, 300_000, 2**40, 2**53))
    dimensions = dice.choice(({}, {}, {"service_tier": "batch"}, {"region": "eu", "size": "1024x1024"}, {"cache": "x"}))
    return CallEvent(
        event_id=new_event_id(NOW_US - 10**9),
        sequence=dice.choice((None, 0, 2**53)),
        kind=dice.choice(("llm", "embedding", "image")),
        provider=dice.choice((provider, provider, provider, "nobody")),
        operation=dice.choice(("chat.completions", "embeddings", "models", "count_tokens")),
        request_model=dice.choice((None, model, "another")),
        response_model=dice.choice((None, model, model, f"{model}-2026-01-01")),
        start_time_us=NOW_US - dice.choice((0, 10**9, 10**13, 10**14)),
        duration_ms=dice.choice((None, 0.0, 12.25, 1e9)),
        time_to_first_token_ms=dice.choice((None, 3.5)),
        status=dice.choice(("ok", "error", "cancelled", "abandoned")),
        error=dice.choice((None, ErrorInfo(type="Timeout", message=_text(dice)))),
        http_status=dice.choice((None, 200, 200, 429, 500)),
        stream=dice.random() < 0.5,
        attempt=dice.randrange(3),
        logical_call_id=_text(dice),
        response_id=_text(dice),
        request_id=_text(dice),
        usage=Usage(
            units={unit: dice.choice((0, 1, dice.randrange(large), large)) for unit in chosen},
            details=dice.choice(({}, {"reasoning_tokens": dice.randrange(99)})),
            source=dice.choice(("response", "header", "request", "application", "unknown")),
            flags=dice.choice(((), (), (), ("partial",))),
            raw=dice.choice((None, {"prompt_tokens": 5, "details": {"x": 1.5e3, "ü": None}}, [1, "2"])),
        ),
        dimensions=dimensions,
        reported_cost_usd=dice.choice((None, None, None, Decimal("0.0125"), Decimal(0), Decimal("0.000000000001"))),
        host=_text(dice),
        transport=dice.choice((None, "httpx2", "gateway", "manual", "otlp")),
        context=_context(dice),
        attributes=dice.choice((None, None, {"a": 1, "nested": {"b": [True, "ü"]}})),
    )


def _span(dice: random.Random) -> SpanEvent:
    return SpanEvent(
        event_id=new_event_id(NOW_US),
        sequence=dice.choice((None, 7)),
        kind=dice.choice(("agent", "tool", "other")),
        name=dice.choice(ODD_TEXTS),
        start_time_us=NOW_US - dice.randrange(10**12),
        duration_ms=dice.choice((None, 5.5)),
        status=dice.choice(("ok", "error")),
        error=dice.choice((None, ErrorInfo(type="E"))),
        attributes=dice.choice(({}, {"k": [1, 2.5, None], "é": "\u2028"})),
        context=_context(dice),
    )


def _long(record: Any, pricer: Any) -> dict[str, Any]:
    batch = BatchRows("p1", "b", ARRIVAL.received_at)
    place_with_care(batch, 0, record, ARRIVAL, pricer, [])
    ((_, row),) = batch.events
    return to_arrow("events", [row]).to_pylist()[0]  # pyright: ignore[reportAttributeAccessIssue]


def _short(records: list[Any], pricer: Any) -> list[dict[str, Any]]:
    batch = BatchRows("p1", "b", ARRIVAL.received_at)
    for position, record in enumerate(records):
        assert place_plain(batch, position, record, ARRIVAL, pricer, [])
    batch.complete()
    rows: dict[int, dict[str, Any]] = {}
    for positions, block in batch.blocks:
        rows.update(zip(positions, block.arrow.to_pylist(), strict=True))
    return [rows[position] for position in range(len(records))]


def _assert_same(record: Any, short: dict[str, Any], long: dict[str, Any]) -> None:
    for name, value in long.items():
        other = short[name]
        if isinstance(value, str) and value[:1] in "[{" and name not in {"name", "error_message"}:
            # The order of members is the same, and so is every number's spelling.
            assert other == value or json.loads(other) == json.loads(value), (name, record)
        assert other == value, (name, other, value, record)


@pytest.mark.parametrize("make", [_call, _span])
def test_rows_of_both_ways_are_equal_as_text_and_as_objects(make: Any) -> None:
    dice = random.Random(11)
    pricer = PlainPricer(Books())
    records = [make(dice) for _ in range(ROUNDS)]
    texts = [record_to_json(record) for record in records]
    from_text = [plain for text in texts if (plain := decode_plain(text)) is not None]
    from_objects = [plain for record in records if (plain := as_plain(record)) is not None]
    assert len(from_text) == len(from_objects) == ROUNDS
    long = [_long(decode_record(text)[0], pricer) for text in texts]
    for short in (_short(from_text, pricer), _short(from_objects, pricer)):
        for record, one, other in zip(records, short, long, strict=True):
            _assert_same(record, one, other)


def _rules() -> PriceOverlay:
    year_us = 365 * 86_400 * 1_000_000
    return PriceOverlay(
        [
            PriceRule(
                id="r1", kind="discount", provider="openai", percent=Decimal("12.5"), from_us=NOW_US - year_us // 9
            ),
            PriceRule(
                id="r2",
                kind="override",
                provider="anthropic",
                model="claude-sonnet-4-5",
                from_us=0,
                rates=(OwnRate(unit="input_text_tokens", usd=Decimal("1.5"), per=1_000_000),),
            ),
            PriceRule(
                id="r3",
                kind="mapping",
                provider="nobody",
                model="another",
                from_us=0,
                to_provider="openai",
                to_model="gpt-4.1",
            ),
        ]
    )


@pytest.mark.parametrize("overlay", [None, _rules()], ids=["the price book", "rules of a project"])
def test_plain_costs_are_those_of_the_price_engine_to_the_last_digit(overlay: PriceOverlay | None) -> None:
    dice = random.Random(5)
    book = load_price_book()
    prices = PlainPrices(book, overlay)
    plain = 0
    for _ in range(6000):
        call = _call(dice)
        found = prices.of(call)
        if found is None:
            continue
        plain += 1
        cost = price_by(book, call, overlay)
        assert cost.state == "priced" and cost.reason is None and cost.table_usd is None, call
        assert Decimal(found.usd_pico).scaleb(-12) == cost.usd, call
        assert (found.price_book, found.model) == (cost.price_book, cost.model), call
        for line, told in zip(cost.lines, json.loads(found.lines), strict=True):
            assert told == {
                "unit": line.unit,
                "rate_usd": f"{line.rate_usd:f}",
                "per": line.per,
                "price_id": line.price_id,
                "rule": line.rule,
                "source": line.source,
                "quantity": line.quantity,
                "usd": f"{line.usd:f}",
            }, call
    # Most calls that have a price at all take the short way, so the comparison compares something.
    assert plain > 200


def test_every_rate_of_the_book_is_multiplied_and_rounded_as_by_the_price_engine() -> None:
    book = load_price_book()
    prices = PlainPrices(book, None)
    compared = 0
    for (provider, model, units), quantity in product(MODELS, (1, 3, 5, 25)):
        for unit in units:
            call = CallEvent(
                event_id="e",
                kind="llm",
                provider=provider,
                operation="x",
                response_model=model,
                start_time_us=NOW_US,
                usage=Usage(units={unit: quantity}, source="response"),
            )
            found = prices.of(call)
            if found is not None:
                compared += 1
                assert price_by(book, call).usd == Decimal(found.usd_pico).scaleb(-12), call
    assert compared > 2000


@pytest.mark.parametrize(
    "change",
    [
        {"event_id": "x" * 129},
        {"event_id": ""},
        {"start_time_us": NOW_US // 1000},
        {"sequence": -1},
        {"http_status": 1000},
        {"host": "h" * 513},
        {"duration_ms": -1.0},
        {"revision": 1},
        {"usage": Usage(units={"audio_seconds": Decimal("1.5")}, source="response")},
        {"usage": Usage(units={"input_text_tokens": 2**53 + 1}, source="response")},
        {"usage": Usage(units={"input_text_tokens": 4}, source="estimated")},
        {"context": Context(tags=("t",) * 65)},
        {"context": Context(metadata={str(n): "v" for n in range(65)})},
        {"attributes": {str(n): n for n in range(129)}},
    ],
)
def test_what_is_beyond_a_limit_goes_the_long_way(change: dict[str, Any]) -> None:
    facts: dict[str, Any] = {
        "event_id": "e1",
        "kind": "llm",
        "provider": "openai",
        "operation": "chat.completions",
        "start_time_us": NOW_US,
    }
    assert decode_plain(record_to_json(CallEvent(**facts))) is not None
    strange = CallEvent(**{**facts, **change})
    assert decode_plain(record_to_json(strange)) is None
    assert as_plain(strange) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"content","event_id":"e"}',
        f'{{"type":"call","event_id":"e\\u0000","kind":"llm","provider":"p","operation":"o","start_time_us":{NOW_US}}}',
        f'{{"type":"call","event_id":"e","kind":"llm","provider":"\\ud800","operation":"o","start_time_us":{NOW_US}}}',
        '{"type":"span","event_id":"e","kind":"tool","name":"n","status":"running","start_time_us":1795000000000000}',
        '{"type":"span","event_id":"e","kind":"tool","name":"n","start_time_us":1795000000000000,"attributes":'
        + '{"a":' * 65 + "1" + "}" * 66,
        '{"type":"call"',
        "null",
    ],
    ids=["another kind", "NUL", "surrogate", "running span", "deep", "cut off", "not a record"],
)  # fmt: skip
def test_strange_text_is_not_plain(text: str) -> None:
    assert decode_plain(text.encode()) is None


def test_bytes_that_are_no_utf8_are_not_plain() -> None:
    assert decode_plain(b'{"type":"call","event_id":"e","extra":"\xff"}') is None
